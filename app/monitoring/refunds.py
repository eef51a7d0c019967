"""Data quality: refunds that name an order that has not come, of sources whose orders have an identity.

Such a refund lowers the spend, but no order is known as given back by it.
"""

import time
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.times import iso
from app.http.health import CheckOut
from app.ingest.order_identity import UNNUMBERED, OrderIdentity
from app.lifecycle.events import DAY_US

LOOKED_AT_REFUNDS: Final = 1_000
LOOKED_AT_US: Final = 30 * DAY_US
WAITING_US: Final = 3_600_000_000
"""An order may come so long after its refund without anybody being warned."""

_LOST: Final = text("""
WITH latest AS MATERIALIZED (
  SELECT source, id, reference, received_us FROM events
  WHERE type = 'order.refunded' AND received_us > :since_us
  ORDER BY received_us DESC LIMIT :most
)
SELECT count(*) AS number, min(received_us) AS first_us,
       (array_agg(source ORDER BY received_us, source, id COLLATE "C"))[1] AS source
FROM latest
WHERE reference IS NOT NULL AND reference !~ :unnumbered
  AND EXISTS (SELECT FROM unnest(:folders) AS folder WHERE starts_with(latest.source || '/', folder))
  AND NOT EXISTS (SELECT FROM events AS bought
                  WHERE bought.source = latest.source AND bought.id = 'order-' || latest.reference
                    AND bought.type LIKE 'order.completed%')
""").bindparams(
    bindparam("since_us", type_=BigInteger),
    bindparam("most", type_=BigInteger),
    bindparam("unnumbered", type_=Text),
    bindparam("folders", type_=ARRAY(Text)),
)
"""By the index of refunds' times of receipt: no slower for millions of them."""


class LostRefunds(NamedTuple):
    """How many refunds wait for their orders, of the latest LOOKED_AT_REFUNDS; when the first of them was received
    (microseconds), and who told it."""

    number: int
    first_us: int | None
    source: str | None


async def read_lost_refunds(connection: AsyncConnection, order_identity: str) -> LostRefunds:
    """`order_identity` is the setting."""
    given: dict[str, Any] = {
        "since_us": time.time_ns() // 1000 - LOOKED_AT_US,
        "most": LOOKED_AT_REFUNDS,
        "unnumbered": UNNUMBERED,
        "folders": list(OrderIdentity.of(order_identity).folders),
    }
    return LostRefunds(*(await connection.execute(_LOST, given)).one())


async def check_refunds(connection: AsyncConnection, order_identity: str) -> CheckOut:
    """How many refunds wait for their orders; warns where one has waited for WAITING_US."""
    number, first_us, source = await read_lost_refunds(connection, order_identity)
    output, is_late = None, False
    if first_us is not None:
        is_late = first_us <= time.time_ns() // 1000 - WAITING_US
        told = "refund names an order that has" if number == 1 else "refunds name orders that have"
        output = (
            f"{number} {told} not come, the first received at {iso(first_us)} from {source}. Send the orders, "
            "or mend the numbers that the refunds name."
        )
    return CheckOut(
        status="warn" if is_late else "pass",
        componentType="datastore",
        observedValue=number,
        observedUnit="refunds",
        output=output,
    )
