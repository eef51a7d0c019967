"""SQL of service cases: the open complaints of customers."""

from typing import Any

from sqlalchemy import (
    ARRAY,
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
    or_,
    select,
)

from app.database.engine import Statement, compile_statement
from app.database.states import aggregated, united
from app.database.tables import customer_cases
from app.lifecycle.states import CASE


def _is_open(cases: FromClause) -> ColumnElement[bool]:
    """Whether a case is a complaint that was not resolved since."""
    columns = cases.c
    unresolved = or_(columns.resolved_us.is_(None), columns.resolved_us < columns.complained_us)
    return and_(columns.complained_us.is_not(None), unresolved)


def open_complaints(
    customer_id: ColumnElement[str], complaints: ColumnElement[int] | None = None
) -> ColumnElement[Any]:
    """How many there are of one customer id, by a look-up in the primary key.

    With the id's own count of `complaints` there is none for those, the most, who never complained.
    """
    theirs = and_(customer_cases.c.customer_id == customer_id, _is_open(customer_cases))
    counted = select(func.count()).select_from(customer_cases).where(theirs).scalar_subquery()
    if complaints is None:
        return counted.label("open_complaints")
    return case((complaints > literal_column("0"), counted), else_=literal_column("0")).label("open_complaints")


def _read_open_complaints() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, open_complaints, one each."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return compile_statement(select(asked.c.customer_id, open_complaints(asked.c.customer_id)))


READ_OPEN_COMPLAINTS = _read_open_complaints()


def open_complaints_of_members(those: FromClause) -> FromClause:
    """Rows `customer_id`, `open_complaints`: of persons, whose ids are the `member_id`s of `those`.

    A case that was opened under one id and resolved under another is one case.
    """
    measures = (customer_cases.c[measure.name] for measure in CASE.measures)
    rows = select(those.c.customer_id, customer_cases.c.case_id, *measures).join_from(
        those, customer_cases, customer_cases.c.customer_id == those.c.member_id
    )
    return _count_open(united(CASE, rows.subquery("case_rows")).subquery("cases"))


def open_complaints_in_events(events: FromClause) -> FromClause:
    """The same, of the customers of a set of events."""
    return _count_open(aggregated(CASE, events).subquery("cases"))


def _count_open(cases: FromClause) -> FromClause:
    counted: Select[Any] = select(cases.c.customer_id, func.count().label("open_complaints"))
    return counted.where(_is_open(cases)).group_by(cases.c.customer_id).subquery("complaints")
