"""States at past times: from the events before a time, and of these from those that were known at another.

The aggregate of some sixty measures is built and compiled once; building it takes tens of milliseconds.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, column, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.case_queries import open_complaints_in_events
from app.customers.linking_queries import members
from app.customers.state import CustomerState
from app.database.engine import Statement, compile_statement
from app.database.states import aggregated, latest_vector, numeric_vector
from app.database.tables import events
from app.lifecycle.states import CUSTOMER

EVER: Final = 2**63 - 1
"""`known_us` where everything counts that is known now."""


def _read_states_as_of() -> Statement:
    """Rows: customer_id as asked for, numbers, texts, open_complaints, from events in `[…, as_of_us)`.

    Parameters: `customer_ids`, `as_of_us`, and `known_us`, up to which they were received. Of all ids of each
    customer's person, as it is known now to be: the aggregate over all their events is the merge of their states.
    """
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    those = members(asked).cte("those")
    facts = [item for item in events.c if item.name not in ("customer_id", "digest", "data", "lines", "received_us")]
    before = (
        select(those.c.customer_id, *facts)
        .join_from(those, events, events.c.customer_id == those.c.member_id)
        .where(
            events.c.occurred_us < bindparam("as_of_us", type_=BigInteger),
            events.c.received_us <= bindparam("known_us", type_=BigInteger),
        )
        .cte("before")
    )
    states, complaints = aggregated(CUSTOMER, before).subquery("states"), open_complaints_in_events(before)
    count = func.coalesce(complaints.c.open_complaints, literal_column("0"))
    return compile_statement(
        select(
            states.c.customer_id, numeric_vector(states), latest_vector(states), count.label("open_complaints")
        ).join_from(states, complaints, complaints.c.customer_id == states.c.customer_id, isouter=True)
    )


READ_STATES_AS_OF = _read_states_as_of()


async def read_states_as_of(
    connection: AsyncConnection, customer_ids: Sequence[str], as_of_us: int, known_us: int = EVER
) -> dict[str, CustomerState]:
    """States from the events before `as_of_us` that were received up to `known_us`, no id asked for twice.

    Customers without such an event are left out.
    """
    asked = {"customer_ids": list(customer_ids), "as_of_us": as_of_us, "known_us": known_us}
    arguments = tuple(READ_STATES_AS_OF.arguments(asked))
    rows = await connection.exec_driver_sql(READ_STATES_AS_OF.text, arguments)
    return {
        row.customer_id: CustomerState(row.customer_id, row.numbers, row.texts, open_complaints=row.open_complaints)
        for row in rows
    }
