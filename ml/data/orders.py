"""Lines that were judged → orders and refunds: the tables `lines` and `events` in DuckDB.

**An order is known by its number, day and customer**: `A-77/2026-10-01/C-1`. So the same order in another file is the
same one, whatever else is in either, and numbers that begin anew, or that another system gave too, are no other's.
Orders of a source that the service knows by number alone (webhooks of shops, `PERENNIAL_ORDER_IDENTITY`) are known as
it knows them.
"""

from typing import Final

import duckdb

from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED, ORDER_RETURNED
from ml.data.leavings import CANCELLED, NO_SALE
from ml.data.meanings import cancelled_sql
from ml.data.reading import literal
from ml.data.words import Words

_LONGEST: Final = 200
"""Characters of what an order is known by; of a longer one a digest."""


def make_orders(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    digits: int,
    words: Words,
    *,
    by_number: bool,
    is_parted: bool,
    tells_refunds: bool = False,
) -> None:
    """Makes the tables of `judged`; `cancelled`: orders with a number that never were; and `kept_whole`: refunds that
    the file's column of refunds would have told of, and says were none.

    `digits`: of the currency's minor unit. `is_parted`: `order_id` has the day in it, and `number` is the number.
    `tells_refunds`: the file has such a column, with amounts.
    """
    connection.execute(f"CREATE OR REPLACE TABLE lines AS {_lines_sql(digits, is_parted=is_parted)}")
    connection.execute(f"CREATE OR REPLACE TABLE events AS {_events_sql(source, by_number=by_number)}")
    connection.execute(
        f"CREATE OR REPLACE TABLE cancelled AS {_cancelled_sql(words, by_number=by_number, is_parted=is_parted)}"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE kept_whole AS {_kept_whole_sql(by_number=by_number, tells_refunds=tells_refunds)}"
    )


def settle_returns(connection: duckdb.DuckDBPyConnection) -> int:
    """Keeps orders in `events` that were given back whole as the service keeps them: as no purchase any more. How many.

    That is once the refunds of an order come to its amount. For whoever learns from a file alone: what is imported is
    told as it was, and the service settles it.
    """
    returned = f"""
        SELECT source, reference FROM events GROUP BY source, reference
        HAVING sum(amount_minor) FILTER (WHERE type = '{ORDER_COMPLETED}') > 0
           AND sum(amount_minor) FILTER (WHERE type = '{ORDER_REFUNDED}')
               >= sum(amount_minor) FILTER (WHERE type = '{ORDER_COMPLETED}')"""
    connection.execute(
        f"UPDATE events SET type = '{ORDER_RETURNED}' FROM ({returned}) AS returned"
        f" WHERE events.type = '{ORDER_COMPLETED}' AND events.source = returned.source"
        " AND events.reference = returned.reference"
    )
    ((count,),) = connection.execute(f"SELECT count(*) FROM events WHERE type = '{ORDER_RETURNED}'").fetchall()
    return int(count)


def _lines_sql(digits: int, *, is_parted: bool) -> str:
    """An order without a number is what a customer bought at one second."""
    number = f"order_id IS NOT NULL AS is_numbered, {'number' if is_parted else 'CAST(NULL AS VARCHAR) AS number'}"
    order = f"coalesce(order_id, strftime(moment, '%Y%m%dT%H%M%S')) AS order_id, {number}, store"
    return f"""
        SELECT customer_id, epoch_us(moment) AS occurred_us, {order},
               CASE WHEN NOT is_coupon THEN item_id END AS item_id, category, channel, abs(quantity) AS quantity,
               abs(unit_price) AS unit_price,
               CAST(round(CASE WHEN is_coupon THEN amount ELSE abs(amount) END * 1e{digits}) AS BIGINT)
                   AS amount_minor,
               CAST(round(least(abs(coalesce(discount, 0)), 1e10) * 1e{digits}) AS BIGINT) AS discount_minor,
               is_return OR (NOT is_coupon AND (coalesce(quantity < 0, false) OR amount < 0)) AS is_return
        FROM judged WHERE reason IS NULL
        UNION ALL
        SELECT customer_id, epoch_us(moment), {order}, NULL, NULL,
               channel, NULL, NULL, CAST(round(least(refunded, 1e10) * 1e{digits}) AS BIGINT), 0, true
        FROM judged WHERE reason IS NULL AND refunded > 0"""


def _events_sql(source: str, *, by_number: bool) -> str:
    """One row an order, and a refund at each time that something came back.

    Nothing depends on the order of the lines, nor on other orders: read again, or in another file, it is the same.
    """
    return f"""
        SELECT customer_id, {literal(source)} AS source,
               {_id_sql(f"known || CASE WHEN is_return THEN {_RETURN} ELSE '' END")} AS id,
               CASE WHEN is_return THEN '{ORDER_REFUNDED}' ELSE '{ORDER_COMPLETED}' END AS type,
               occurred_us, CAST(NULL AS VARCHAR) AS kind, channel,
               {"order_id" if by_number else "known"} AS reference,
               amount_minor, discount_minor, items, CAST(0 AS BIGINT) AS points, CAST(NULL AS VARCHAR) AS value,
               order_id, number, store
        FROM (SELECT *, {_KNOWN} AS known FROM ({_grouped_sql()}))"""


def _id_sql(plain: str) -> str:
    return f"CASE WHEN regexp_full_match({plain}, '[ -~]{{1,128}}') THEN {plain} ELSE 'sha256:' || sha256({plain}) END"


_RETURN: Final = "'/return/' || strftime(make_timestamp(occurred_us), '%Y%m%dT%H%M%S')"
_WHOLE: Final = (
    "(order_id || CASE WHEN number IS NULL OR order_id <> number THEN '' ELSE '/' || day END || '/' || customer_id)"
)
_KNOWN: Final = f"CASE WHEN length{_WHOLE} <= {_LONGEST} THEN {_WHOLE} ELSE 'sha256:' || sha256{_WHOLE} END"
"""What an order is known by. `order_id` may have its day already: then it does not get it again."""


def _cancelled_sql(words: Words, *, by_number: bool, is_parted: bool) -> str:
    """Orders of which no line counts, and that a status says are none for good: an older export may have said else."""
    return f"""
        SELECT customer_id, {"order_id" if by_number else _KNOWN} AS reference, occurred_us
        FROM (SELECT customer_id, order_id, {"min(number)" if is_parted else "order_id"} AS number,
                     CAST(min(moment) AS DATE) AS day,
                     min(epoch_us(moment)) AS occurred_us
              FROM judged WHERE order_id IS NOT NULL
                   AND (reason = {literal(CANCELLED)}
                        OR reason = {literal(NO_SALE)} AND {cancelled_sql("status", words)})
              GROUP BY customer_id, order_id)
        ANTI JOIN events USING (customer_id, order_id)"""


def _kept_whole_sql(*, by_number: bool, tells_refunds: bool) -> str:
    """The refund of each time that an order has a sale at, where it has none then, by the id that it would have.

    A refund that a column tells of stands at the time of its line, one with a line of its own elsewhere.
    """
    return f"""
        SELECT customer_id, {_id_sql(f"known || {_RETURN}")} AS id,
               {"order_id" if by_number else "known"} AS reference, occurred_us
        FROM (SELECT *, {_KNOWN} AS known FROM (
            SELECT customer_id, order_id, occurred_us,
                   CASE WHEN bool_or(is_numbered) THEN coalesce(min(number), order_id) END AS number,
                   CAST(to_timestamp(min(min(occurred_us)) OVER (PARTITION BY customer_id, order_id) / 1e6) AS DATE)
                       AS day
            FROM lines WHERE NOT is_return AND {str(tells_refunds).lower()}
            GROUP BY customer_id, order_id, occurred_us))
        ANTI JOIN (SELECT customer_id, order_id, occurred_us FROM lines WHERE is_return) AS returned
             USING (customer_id, order_id, occurred_us)"""


def _grouped_sql() -> str:
    """`day` is that of the order's first sale, where the file has it, else of what came back."""
    of_sales = "min(occurred_us) FILTER (WHERE NOT is_return) OVER (PARTITION BY customer_id, order_id)"
    return f"""
        SELECT *, CAST(to_timestamp(coalesce({of_sales}, occurred_us) / 1e6) AS DATE) AS day
        FROM (SELECT customer_id, order_id, is_return, min(occurred_us) AS occurred_us, min(channel) AS channel,
                     min(store) AS store,
                     CASE WHEN bool_or(is_numbered) THEN coalesce(min(number), order_id) END AS number,
                     CAST(sum(amount_minor) AS BIGINT) AS amount_minor,
                     CAST(sum(discount_minor) AS BIGINT) AS discount_minor,
                     CAST(sum(CASE WHEN quantity = floor(quantity) THEN greatest(1, quantity) ELSE 1 END) AS BIGINT)
                         AS items
              FROM lines GROUP BY customer_id, order_id, is_return, CASE WHEN is_return THEN occurred_us END)"""
