"""SQL of prospects: who has some event, and never bought under any id."""

from typing import Final

from sqlalchemy import BigInteger, ColumnElement, func, literal_column, select

from app.customers.everybody import AFTER, PAGE_CUSTOMERS, may_be_profiled, sent_vector
from app.database.engine import Statement, compile_statement
from app.database.tables import customer_states, persons
from app.lifecycle.prospects import BOUGHT

_NOTHING: Final[ColumnElement[int]] = literal_column("0", BigInteger)
_LIMIT: Final[ColumnElement[int]] = literal_column(str(PAGE_CUSTOMERS), BigInteger)


def _read_prospects() -> Statement:
    joined = select(persons.c.customer_id).where(persons.c.customer_id == customer_states.c.customer_id).exists()
    return compile_statement(
        select(customer_states.c.customer_id, sent_vector(customer_states))
        .where(
            customer_states.c.customer_id > AFTER,
            *(customer_states.c[measure] == _NOTHING for measure in BOUGHT),
            ~joined,
            may_be_profiled(customer_states),
        )
        .order_by(customer_states.c.customer_id)
        .limit(_LIMIT)
    )


READ_PROSPECTS = _read_prospects()
"""The next prospects who are one id. Parameter `after`. Rows: customer_id, numbers."""


def _read_persons() -> Statement:
    """The sums of a person are those of their ids; who bought under one of them is no prospect under any."""
    return compile_statement(
        select(persons.c.person_id.label("customer_id"))
        .join_from(persons, customer_states, customer_states.c.customer_id == persons.c.customer_id)
        .where(persons.c.person_id > AFTER)
        .group_by(persons.c.person_id)
        .having(*(func.max(customer_states.c[measure]) == _NOTHING for measure in BOUGHT))
        .order_by(persons.c.person_id)
        .limit(_LIMIT)
    )


READ_PROSPECT_PERSONS = _read_persons()
"""The next persons of several ids who never bought. Parameter `after`. Rows: customer_id, the id they go by."""
