"""SQL of service cases: how customers stand with their complaints."""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.database.bases import recomputed
from app.database.engine import Statement, compile_statement
from app.database.states import united
from app.database.tables import customer_cases
from app.lifecycle.states import CASE

STANDING: Final = "complaint_standing"


def _is_open(cases: FromClause) -> ColumnElement[bool]:
    """Whether a complaint was not resolved since."""
    return or_(cases.c.resolved_us.is_(None), cases.c.resolved_us < cases.c.complained_us)


def _standing(cases: FromClause) -> ColumnElement[Any]:
    """[How many are open, when the latest of the others was resolved], of cases that are complaints."""
    is_open = _is_open(cases)
    settled_us = func.max(cases.c.resolved_us).filter(not_(is_open))
    return array([func.count().filter(is_open), settled_us], type_=BigInteger)


def complaint_standing(
    customer_id: ColumnElement[str], complaints: ColumnElement[int] | None = None
) -> ColumnElement[Any]:
    """As `CustomerState` has it, of one customer id, by a look-up in the primary key.

    With the id's own count of `complaints` there is none for those, the most, who never complained.
    """
    theirs = and_(customer_cases.c.customer_id == customer_id, customer_cases.c.complained_us.is_not(None))
    found = select(_standing(customer_cases)).where(theirs).scalar_subquery()
    standing = found if complaints is None else case((complaints > literal_column("0"), found))
    return standing.label(STANDING)


def _read_complaints() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, complaint_standing, one each."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return compile_statement(select(asked.c.customer_id, complaint_standing(asked.c.customer_id)))


READ_COMPLAINTS = _read_complaints()


def complaints_of_members(those: FromClause) -> FromClause:
    """Rows `customer_id`, `complaint_standing`: of persons, whose ids are the `member_id`s of `those`.

    A case that was opened under one id and resolved under another is one case.
    """
    measures = (customer_cases.c[measure.name] for measure in CASE.measures)
    rows = select(those.c.customer_id, customer_cases.c.case_id, *measures).join_from(
        those, customer_cases, customer_cases.c.customer_id == those.c.member_id
    )
    return _standings(united(CASE, rows.subquery("case_rows")).subquery("cases"))


def complaints_in_events(events: FromClause, bases: FromClause | None = None) -> FromClause:
    """The same, of the customers of a set of events, and of cases that have left the log."""
    return _standings(recomputed(CASE, events, bases).subquery("cases"))


def _standings(cases: FromClause) -> FromClause:
    standing: Select[Any] = select(cases.c.customer_id, _standing(cases).label(STANDING))
    return standing.where(cases.c.complained_us.is_not(None)).group_by(cases.c.customer_id).subquery("complaints")
