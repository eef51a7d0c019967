"""SQL of what KPIs are made of, exactly, from the events as they count now: orders in their latest versions.

Each statement takes spans of time, numbered, and answers rows (number, cell, measures …): a cell of the dimension that
is asked for. A person is whoever was merged by now; purchases of nobody known are of none.
"""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, get_args

from sqlalchemy import ARRAY, BigInteger, Double, Integer, TextClause, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.background import yield_to_requests
from app.database.tables import left_kinds
from app.kpis.definitions import By, Kind
from app.kpis.dimensions import DIMENSIONS, Dimension
from app.kpis.statements import NAMES, STATEMENTS

SHARE: Final = 0.5
"""Of the time, that the database works for it."""
_READ_ONLY: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
_FIRST_EVENT: Final = text("""
SELECT least((SELECT min(first_event_us) FROM customer_states),
             (SELECT min(occurred_us) FROM events WHERE type = 'order.completed'))
""")
"""Of anybody, or of an order of nobody known."""
_TYPES: Final[Mapping[str, Any]] = {
    "numbers": ARRAY(Integer),
    **dict.fromkeys(("from_us", "until_us"), ARRAY(BigInteger)),
    **dict.fromkeys(("now_us", "window_us", "target_us"), BigInteger),
    "margin": Double(),
}


class Span(NamedTuple):
    """`[from_us, until_us)`."""

    from_us: int
    until_us: int


class Terms(NamedTuple):
    """By what is counted: now; how long someone is a customer after an order; until when a first answer is in time; the
    margin of what is spent."""

    now_us: int
    window_us: int
    target_us: int
    margin: float


Counted = dict[tuple[Span, str], dict[str, float]]
"""Span and cell → measures."""


class Compiled(NamedTuple):
    """A statement of a dimension, and the names of its parameters."""

    statement: TextClause
    names: tuple[str, ...]


@lru_cache(maxsize=256)
def compile_kpis(statement: str, dimension: Dimension) -> Compiled:
    """With the names in `<…>` filled in."""
    for name, sql in {**NAMES, **dimension._asdict()}.items():
        statement = statement.replace(f"<{name}>", sql)
    names = tuple(name for name in _TYPES if f":{name}" in statement)
    return Compiled(text(statement).bindparams(*(bindparam(name, type_=_TYPES[name]) for name in names)), names)


async def begin_reading(connection: AsyncConnection) -> None:
    """All that follows is as of one moment. The first of its transaction."""
    await connection.execute(_READ_ONLY)


async def count_all(connection: AsyncConnection, spans: Sequence[Span], by: By, terms: Terms) -> Counted:
    """Every measure of every span, by a dimension, as of one moment. Begins the transaction."""
    await begin_reading(connection)
    counted: Counted = {}
    for statement, bys in STATEMENTS.items():
        if by in bys:
            began_s = time.perf_counter()
            await _count(connection, compile_kpis(statement, DIMENSIONS[by]), spans, terms, counted)
            await yield_to_requests(began_s, SHARE)
    return counted


def give(compiled: Compiled, spans: Sequence[Span], terms: Terms) -> dict[str, Any]:
    """The parameters of a statement."""
    given: Mapping[str, Any] = {
        "numbers": list(range(len(spans))),
        "from_us": [span.from_us for span in spans],
        "until_us": [span.until_us for span in spans],
        **terms._asdict(),
    }
    return {name: given[name] for name in compiled.names}


async def _count(
    connection: AsyncConnection, compiled: Compiled, spans: Sequence[Span], terms: Terms, into: Counted
) -> None:
    for row in (await connection.execute(compiled.statement, give(compiled, spans, terms))).mappings():
        measures = dict(row)
        span, cell = spans[measures.pop("number")], measures.pop("cell")
        told = into.setdefault((span, cell), {})
        told.update((name, value if isinstance(value, float) else int(value)) for name, value in measures.items())


async def read_first_event(connection: AsyncConnection) -> int | None:
    """The time of the first event of all; None: there is none."""
    first_us: int | None = (await connection.execute(_FIRST_EVENT)).scalar()
    return first_us


async def read_left(connection: AsyncConnection) -> dict[Kind, int]:
    """Kind of events → a time up to which some have left the log."""
    rows = await connection.execute(select(left_kinds).where(left_kinds.c.kind.in_(get_args(Kind))))
    return {row.kind: row.until_us for row in rows}
