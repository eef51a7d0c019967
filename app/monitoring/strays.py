"""Data quality: customers whose first event is dated far before the shop's own beginning."""

import time
from typing import Final

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import customer_states
from app.foundation.times import iso
from app.http.health import CheckOut
from app.lifecycle.strays import LOOKED_AT, find_strays

_first_us = customer_states.c.first_event_us
_EARLIEST: Final = select(_first_us).order_by(_first_us).limit(literal_column(str(LOOKED_AT)))
"""By the index of the column: as quick for millions of customers as for ten."""


async def check_times(connection: AsyncConnection) -> CheckOut:
    """Whether a few customers' first events are dated years before those of all others; warns where they are."""
    earliest_us = list((await connection.execute(_EARLIEST)).scalars())
    strays = find_strays(earliest_us, time.time_ns() // 1000)
    output = None
    if strays is not None:
        whose = "customer's first event is" if strays.number == 1 else "customers' first events are"
        output = (
            f"{strays.number} {whose} dated years before all others, the first at {iso(strays.first_us)}; the "
            f"shop's own begin at {iso(strays.beginning_us)}. Look at the clock of what sent them."
        )
    return CheckOut(
        status="pass" if strays is None else "warn",
        componentType="datastore",
        observedValue=0 if strays is None else strays.number,
        observedUnit="customers",
        output=output,
    )
