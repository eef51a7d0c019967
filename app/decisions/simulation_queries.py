"""SQL of simulations: how many persons there are, and some of them at random."""

from typing import Any, Final

from sqlalchemy import BigInteger, FromClause, Select, Text, bindparam, func, literal_column, select, union_all

from app.database.engine import Statement, compile_statement
from app.database.tables import customer_states, persons


def _single_ids() -> Select[Any]:
    joined = select(persons.c.customer_id).where(persons.c.customer_id == customer_states.c.customer_id).exists()
    return select(customer_states.c.customer_id.label("person_id")).where(~joined)


def _persons() -> Select[Any]:
    """Persons of several ids of whom anything is known, by the id they go by."""
    known = persons.c.customer_id == customer_states.c.customer_id
    return select(persons.c.person_id).join_from(persons, customer_states, known).distinct()


def _everybody() -> FromClause:
    return union_all(_single_ids(), _persons()).subquery("everybody")


def _draw() -> Statement:
    """Parameters `seed`, `most`. Rows: person_id, of so many persons; the same for a seed, whoever else is known.

    All ids are read, by the index alone, since no index knows of a seed; those whose hash is lowest are drawn.
    """
    everybody, seed = _everybody(), bindparam("seed", type_=BigInteger)
    drawn = func.hashtextextended(everybody.c.person_id, seed)
    in_order = select(everybody.c.person_id).order_by(drawn, everybody.c.person_id)
    return compile_statement(in_order.limit(bindparam("most", type_=BigInteger)))


def _count() -> Statement:
    """One row: `persons`."""
    return compile_statement(select(func.count(literal_column("1", Text)).label("persons")).select_from(_everybody()))


DRAW_PERSONS: Final = _draw()
COUNT_PERSONS: Final = _count()
