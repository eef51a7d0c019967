"""Lines that add up other lines: `合计`, `Grand total`, or nothing but their sum."""

from typing import Final

import duckdb

from ml.data.leavings import NO_CUSTOMER, NO_TIME, TOTALS
from ml.data.reading import literal

_SUM: Final = (
    r"合计|总计|小计|共计|汇总|累计|^(sub|grand )?-?totals?[^a-z]*$|[^a-z](sub)?totals?[:： ]*$"
    r"|^totals? (of|for|général|general)|^(zwischen|gesamt|end)?summen?[:： ]*$|^gesamt[:： ]*$|^somme|^suma[:： ]*$"
    r"|^totale?[:： ]*$|^sum[:： ]*$"
)
_NAMED: Final = ("customer_id", "order_id", "item_id", "category", "channel")
_SLACK: Final = 0.01


def sum_sql(column: str) -> str:
    """Whether a text says that its line adds up others, in SQL: not a blank of a name nor its case matters."""
    joined = rf"regexp_replace({column}, '(\p{{Han}})[\s\x{{3000}}]+', '\1', 'g')"
    return rf"coalesce(regexp_matches(lower(trim(regexp_replace({joined}, '\s+', ' ', 'g'))), '{_SUM}'), false)"


def settle_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Tells sums in `judged` from lines without a time or a customer: no sale is lost, nor kept as nobody's.

    A sum names no order and no customer, and says the word, or has nothing but an amount, that of all lines above it.
    """
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
