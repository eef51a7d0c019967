"""Lines below the data: those that add up others (`合计`, `Grand total`, or nothing but their sum), that count them
(`共2笔`, `2 rows`), or say when the file was made."""

from typing import Final

import duckdb

from ml.data.columns import Columns
from ml.data.leavings import HEADER, NO_CUSTOMER, NO_TIME, TOTALS
from ml.data.reading import literal

_SUM: Final = (
    r"合计|总计|小计|共计|汇总|累计|^(sub|grand )?-?totals?[^a-z]*$|[^a-z](sub)?totals?[:： ]*$"
    r"|^totals? (of|for|général|general)|^(zwischen|gesamt|end)?summen?[:： ]*$|^gesamt[:： ]*$|^somme|^suma[:： ]*$"
    r"|^totale?[:： ]*$|^sum[:： ]*$"
    r"|^[#*\-—\s]*(共|总共|一共|合共|以上共|总)\s*[:：]?\s*\d[\d,]*\s*(笔|条|单|件|行|个|页|项|份|张|人)"
    r"|^\d[\d,]*\s*(笔|条|单)$|(笔数|条数|单数|行数|记录数|订单数|总数)\s*[:：]\s*\d"
    r"|^[#*\-—\s]*\d[\d,.]*\s*(rows?|records?|orders?|lines?|entries|transactions|items?"
    r"|zeilen?|datensätze?|bestellungen|belege|lignes?|commandes|filas|registros|pedidos|righe|regels)"
    r"(\s+(exported|found|in total|total|insgesamt|exportiert))?[.:]?$"
    r"|^[#*\-—\s]*(row count|record count|number of (rows|records|orders)|anzahl( der)? \S+|rows|records|orders|zeilen"
    r"|datensätze)\s*[:：]?\s*\d[\d,.]*$"
    r"|^[#*\-—\s]*(导出时间|导出人|制表人|制表时间|制表日期|打印时间|打印日期|统计时间|审核人)"
    r"|^[#*\-—\s]*(exported|generated|printed|report (generated|created)) (on|at|by)"
    r"|^[#*\-—\s]*(erstellt am|exportiert am|gedruckt am|end of (report|file))"
    r"|^[#*\-—=\s]*\S*(列表|明细)?结束[#*\-—=\s]*$"
    r"|^[#*\-—\s]*第\s*\d+\s*页|^[#*\-—\s]*(page|seite|página|pagina)\s*\d+"
)
_NAMED: Final = ("customer_id", "order_id", "item_id", "category", "channel")
_SLACK: Final = 0.01


def sum_sql(column: str) -> str:
    """Whether a text says that its line adds up others, in SQL: not a blank of a name nor its case matters."""
    joined = rf"regexp_replace({column}, '(\p{{Han}})[\s\x{{3000}}]+', '\1', 'g')"
    return rf"coalesce(regexp_matches(lower(trim(regexp_replace({joined}, '\s+', ' ', 'g'))), '{_SUM}'), false)"


def settle_headers(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Tells the header from lines without a time: it stands again where files or pages were put together."""
    again = f"trim(CAST(raw.customer_id AS VARCHAR)) = {literal(columns.customer_id.strip())}"
    connection.execute(
        f"""UPDATE judged SET reason = {literal(HEADER)} FROM raw
        WHERE raw.rowid + 1 = judged.row AND reason = {literal(NO_TIME)} AND {again}"""
    )


def settle_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Tells sums in `judged` from lines without a time or a customer: no sale is lost, nor kept as nobody's.

    A sum names no order and no customer, and says the word, or has nothing but an amount, that of all lines above it.
    Where it says the word for the customer, and names no order, it may have a time.
    """
    customers = "SELECT customer_id FROM (SELECT DISTINCT customer_id FROM judged WHERE order_id IS NULL)"
    connection.execute(
        f"""UPDATE judged SET reason = {literal(TOTALS)}
        WHERE order_id IS NULL AND reason IS NULL AND customer_id IN ({customers} WHERE {sum_sql("customer_id")})"""
    )
    timeless = f"reason = {literal(NO_TIME)}"
    doubtful = f"reason IN ({literal(NO_TIME)}, {literal(NO_CUSTOMER)})"
    if not connection.execute(f"SELECT count(*) FROM judged WHERE {doubtful}").fetchall()[0][0]:
        return
    words = " OR ".join(sum_sql(name) for name in (*(f"j.{name}" for name in _NAMED), "CAST(raw.timestamp AS VARCHAR)"))
    nameless = " AND ".join(f"(j.{name} IS NULL OR {sum_sql(f'j.{name}')})" for name in ("customer_id", "order_id"))
    connection.execute(
        f"""UPDATE judged SET reason = {literal(TOTALS)}
        WHERE row IN (SELECT j.row FROM judged j JOIN raw ON raw.rowid + 1 = j.row
                      WHERE {doubtful} AND ({words}) AND {nameless})"""
    )
    nothing = " AND ".join(f"j.{name} IS NULL" for name in ("customer_id", "order_id", "item_id"))
    connection.execute(
        f"""UPDATE judged SET reason = {literal(TOTALS)}
        WHERE row IN (SELECT j.row FROM judged j JOIN raw ON raw.rowid + 1 = j.row
                      WHERE {timeless} AND {nothing} AND coalesce(trim(CAST(raw.timestamp AS VARCHAR)), '') = ''
                            AND abs(j.amount - (SELECT sum(above.amount) FROM judged above
                                                WHERE above.row < j.row AND above.moment IS NOT NULL)) < {_SLACK})"""
    )
