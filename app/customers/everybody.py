"""Everybody, page by page in the order of ids: customers of one id by their rows, then persons of several."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    LargeBinary,
    Text,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.database.engine import Statement, compile_statement
from app.database.states import number
from app.database.tables import customer_consents, customer_states, persons
from app.lifecycle.events import ALL_CHANNELS, ALL_PURPOSES
from app.lifecycle.features import Floats
from app.lifecycle.measures import NUMERIC

PAGE_CUSTOMERS: Final = 2_000
"""How many are read at once. In the text of the statements, so that they are planned for it."""
AFTER: Final = bindparam("after", type_=Text)
"""The last id of the page before; "" for the first."""

_NAN: Final = literal_column("'NaN'::float8", Double)
_NUMBER: Final = np.dtype([("bytes", ">i4"), ("value", ">f8")])
_VECTOR: Final = np.dtype([("header", "V20"), ("numbers", _NUMBER, (len(NUMERIC),))])
"""Postgres' binary form of a float8[] without NULL."""


def may_be_profiled(states: FromClause) -> ColumnElement[bool]:
    """Whether a row is of somebody who does not refuse it, as `CustomerState.refuses_profiling` has it: neither
    personalization, nor everything since that was granted."""
    own, said = states.c.consent_personalization, customer_consents
    is_of_all = and_(
        said.c.customer_id == states.c.customer_id,
        said.c.purpose == literal_column(f"'{ALL_PURPOSES}'"),
        said.c.channel == literal_column(f"'{ALL_CHANNELS}'"),
    )
    is_since = or_(own.is_(None), _moment(said.c.word) >= _moment(own))
    of_all = exists(select(said.c.customer_id).where(is_of_all, said.c.word.like(_DENIED), is_since).correlate(states))
    return ~or_(func.coalesce(own.like(_DENIED), false()), of_all)


_DENIED: Final = literal_column("'%denied'", Text)


def _moment(word: ColumnElement[str]) -> ColumnElement[str]:
    """Of the text of a latest value."""
    return func.left(word, literal_column("17"))


def page_of_single_ids() -> FromClause:
    """The next rows of `customer_states` after `after`, of customers who are one id, and may be profiled."""
    joined = select(persons.c.customer_id).where(persons.c.customer_id == customer_states.c.customer_id).exists()
    return (
        select(customer_states)
        .where(customer_states.c.customer_id > AFTER, ~joined, may_be_profiled(customer_states))
        .order_by(customer_states.c.customer_id)
        .limit(literal_column(str(PAGE_CUSTOMERS)))
        .subquery("page")
    )


def page_of_persons() -> FromClause:
    """The next persons of several ids after `after`, by the id they go by: `customer_id`."""
    return (
        select(persons.c.person_id.label("customer_id"))
        .where(persons.c.person_id > AFTER)
        .distinct()
        .order_by(persons.c.person_id)
        .limit(literal_column(str(PAGE_CUSTOMERS)))
        .subquery("page")
    )


def sent_vector(states: FromClause) -> ColumnElement[Any]:
    """The state vector `numbers`, NaN for NULL, as Postgres sends it (`array_send`): for `read_vectors`.

    That spares making a Python object of every number.
    """
    vector = array([func.coalesce(number(measure, states), _NAN) for measure in NUMERIC])
    return func.array_send(vector, type_=LargeBinary).label("numbers")


def read_vectors(sent: Sequence[bytes]) -> Floats:
    """State vectors from float8[] without NULL as Postgres sends them; (n, len(NUMERIC)), NaN = no value."""
    whole = np.frombuffer(b"".join(sent), _VECTOR)
    return np.ascontiguousarray(whole["numbers"]["value"], np.float64)


def _read_single_ids() -> Statement:
    page = page_of_single_ids()
    return compile_statement(select(page.c.customer_id, sent_vector(page)).order_by(page.c.customer_id))


READ_SINGLE_IDS = _read_single_ids()
"""Parameter `after`. Rows: customer_id, numbers."""
READ_PERSONS = compile_statement(select(page_of_persons()))
"""Parameter `after`. Rows: customer_id; the states are to be read by `read_states`."""
