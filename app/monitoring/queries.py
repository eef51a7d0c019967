"""SQL of monitoring: the sample, what was said of it, what came, and the reports."""

from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, distinct_on
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Statement, compile_statement, unnested
from app.database.states import counts, lifted
from app.database.tables import (
    customer_states,
    events,
    model_reports,
    models,
    persons,
    predictions,
)
from app.lifecycle.events import DAY_US, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_RETURNED
from app.lifecycle.targets import SUMMED
from app.models.kinds import SCORE
from app.models.queries import Report
from app.monitoring.reports import LatestReports

PAGE_CUSTOMERS: Final = 20_000
"""How many are looked through at once for the sample."""
RESOLVED_AT_ONCE: Final = 500

_DAY: Final = literal_column(str(DAY_US), BigInteger)
_ZERO: Final = literal_column("0", BigInteger)
_ORDER: Final = literal_column(f"'{ORDER_COMPLETED}'", Text)
_REFUND: Final = literal_column(f"'{ORDER_REFUNDED}'", Text)
_SCORE: Final = literal_column(f"'{SCORE}'", Text)
_RETURNED: Final = literal_column(f"'{ORDER_RETURNED}'", Text)
_NO_TEXTS: Final = literal_column("'{}'::text[]", ARRAY(Text))


def _sample_of(known: Select[Any]) -> Statement:
    """Of the next PAGE_CUSTOMERS after `after`: `last` of them, and of those whose hash is below `bound` and
    lowest, `most` at most, `customer_ids` and `hashes`. MD5, since it is the same on every server for ever."""
    page = known.limit(literal_column(str(PAGE_CUSTOMERS))).cte("page")
    hash_ = func.md5(page.c.customer_id).collate("C")
    lowest = (
        select(page.c.customer_id, hash_.label("hash"))
        .where(page.c.is_sampled, hash_ < bindparam("bound", type_=Text))
        .order_by(hash_)
        .limit(bindparam("most", type_=BigInteger))
        .subquery("lowest")
    )
    last = select(func.max(page.c.customer_id)).scalar_subquery()
    ids, hashes = (
        func.coalesce(func.array_agg(aggregate_order_by(item, lowest.c.hash), type_=ARRAY(Text)), _NO_TEXTS)
        for item in (lowest.c.customer_id, lowest.c.hash)
    )
    return compile_statement(select(last.label("last"), ids.label("customer_ids"), hashes.label("hashes")))


def _single_ids() -> Select[Any]:
    """Customers who are one id; of them those with an order are sampled."""
    joined = select(persons.c.customer_id).where(persons.c.customer_id == customer_states.c.customer_id).exists()
    return (
        select(customer_states.c.customer_id, and_(customer_states.c.orders > _ZERO, ~joined).label("is_sampled"))
        .where(customer_states.c.customer_id > bindparam("after", type_=Text))
        .order_by(customer_states.c.customer_id)
    )


def _persons() -> Select[Any]:
    """Persons of several ids, by the id they go by."""
    return (
        select(persons.c.person_id.label("customer_id"), literal_column("true").label("is_sampled"))
        .where(persons.c.person_id > bindparam("after", type_=Text))
        .distinct()
        .order_by(persons.c.person_id)
    )


SAMPLE_SINGLE_IDS = _sample_of(_single_ids())
SAMPLE_PERSONS = _sample_of(_persons())


def _last_drift() -> Statement:
    """When the features of `version` were last compared: `at_us`, NULL where never."""
    is_drift = and_(
        model_reports.c.version == bindparam("version", type_=Text), model_reports.c.kind == literal_column("'drift'")
    )
    return compile_statement(select(func.max(model_reports.c.at_us).label("at_us")).where(is_drift))


LAST_DRIFT = _last_drift()


def _keep_predictions() -> Statement:
    """Parameters: `version`, `at_us`, and of one length the arrays `customer_id`, `churn_risk`, `expected_orders`,
    `expected_spend_minor`, `expected_others` (JSON texts, or None)."""
    names = ("churn_risk", "expected_orders", "expected_spend_minor")
    said = unnested("given", customer_id=Text(), **{name: Double() for name in names}, expected_others=Text())
    rows = select(
        said.c.customer_id,
        bindparam("version", type_=Text),
        bindparam("at_us", type_=BigInteger),
        *(said.c[name] for name in names),
        cast(said.c.expected_others, JSONB),
    )
    columns = ["customer_id", "version", "at_us", *names, "expected_others"]
    into = pg_insert(predictions).from_select(columns, rows)
    return compile_statement(into.on_conflict_do_nothing())


KEEP_PREDICTIONS = _keep_predictions()


def _matured() -> Statement:
    """Snapshots whose horizon ended by `ended_us`, oldest first: at_us, horizon_days, versions."""
    ended_us = bindparam("ended_us", type_=BigInteger)
    shortest = select(func.min(models.c.horizon_days)).where(models.c.kind == _SCORE).scalar_subquery()
    return compile_statement(
        select(
            predictions.c.at_us,
            models.c.horizon_days,
            func.array_agg(predictions.c.version.distinct(), type_=ARRAY(Text)).label("versions"),
        )
        .join_from(predictions, models, models.c.version == predictions.c.version)
        .where(
            predictions.c.orders_ahead.is_(None),
            predictions.c.at_us <= ended_us - shortest * _DAY,  # what the index can find
            predictions.c.at_us <= ended_us - models.c.horizon_days * _DAY,
        )
        .group_by(predictions.c.at_us, models.c.horizon_days)
        .order_by(predictions.c.at_us, models.c.horizon_days)
    )


MATURED = _matured()


class Resolved(NamedTuple):
    """What was said of a customer and what came. The last two are JSON texts, by name; None: nothing."""

    churn_risk: float
    expected_orders: float
    expected_spend_minor: float
    orders_ahead: int
    spend_ahead_minor: int
    expected_others: str | None
    sums_ahead: str | None


def _resolve() -> Statement:
    """Writes what came in `[at_us, until_us)` to the next predictions of `at_us` by `versions` that wait for it.

    It is that of all ids of the person whom the customer is now. Rows: version, and what was said and came, as
    `Resolved` has it.
    """
    at_us, versions = bindparam("at_us", type_=BigInteger), bindparam("versions", type_=ARRAY(Text))
    is_theirs = and_(predictions.c.at_us == at_us, predictions.c.version == func.any(versions))
    due = select(predictions.c.customer_id).where(is_theirs, predictions.c.orders_ahead.is_(None)).distinct()
    due_ids = due.limit(literal_column(str(RESOLVED_AT_ONCE))).subquery("due")
    own, mate = persons.alias("own"), persons.alias("mate")
    members = (
        select(due_ids.c.customer_id, func.coalesce(mate.c.customer_id, due_ids.c.customer_id).label("member_id"))
        .outerjoin_from(due_ids, own, own.c.customer_id == due_ids.c.customer_id)
        .outerjoin(mate, mate.c.person_id == own.c.person_id)
        .subquery("members")
    )
    is_order, is_refund = events.c.type == _ORDER, events.c.type == _REFUND
    is_sale = or_(is_order, events.c.type == _RETURNED)
    late = and_(
        events.c.customer_id == members.c.member_id,
        events.c.occurred_us >= at_us,
        events.c.occurred_us < bindparam("until_us", type_=BigInteger),
        or_(is_sale, is_refund, *(counts(measure, events) for measure in SUMMED)),
    )
    net_minor = func.sum(case((is_sale, events.c.amount_minor), (is_refund, -events.c.amount_minor)))
    came = (
        select(
            members.c.customer_id,
            func.count(events.c.occurred_us.distinct()).filter(is_order).label("orders_ahead"),  # as models learn them
            cast(func.coalesce(net_minor, _ZERO), BigInteger).label("spend_ahead_minor"),
            _sums().label("sums_ahead"),
        )
        .outerjoin_from(members, events, late)
        .group_by(members.c.customer_id)
        .cte("came")
    )
    brought = {name: came.c[name] for name in ("orders_ahead", "spend_ahead_minor", "sums_ahead")}
    return compile_statement(
        update(predictions)
        .where(is_theirs, predictions.c.customer_id == came.c.customer_id)  # found by the primary key alone
        .values(brought)
        .returning(predictions.c.version, *(_read(predictions.c[name]) for name in Resolved._fields))
    )


def _read(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Text) if isinstance(column.type, JSONB) else column


def _sums() -> ColumnElement[Any]:
    """What each measure of SUMMED came to, by name. A row that the join found no event for counts nothing."""
    if not SUMMED:
        return cast(null(), JSONB)
    happened = events.c.customer_id.is_not(None)
    pairs: list[ColumnElement[Any]] = []
    for measure in SUMMED:
        total = func.sum(lifted(measure, events)).filter(happened, counts(measure, events))
        pairs += literal_column(f"'{measure.name}'"), func.coalesce(total, _ZERO)
    return func.jsonb_build_object(*pairs, type_=JSONB)


RESOLVE = _resolve()


def _forget() -> Statement:
    """Deletes what was said before `before_us` and has been compared with what came."""
    is_old = and_(
        predictions.c.at_us < bindparam("before_us", type_=BigInteger), predictions.c.orders_ahead.is_not(None)
    )
    return compile_statement(delete(predictions).where(is_old))


FORGET = _forget()


def _keep_report() -> Statement:
    given: dict[str, Any] = {item.name: bindparam(item.name, type_=item.type) for item in model_reports.c}
    adding = pg_insert(model_reports).values(given | {"report": cast(bindparam("report", type_=Text), JSONB)})
    anew = {name: adding.excluded[name] for name in ("made_us", "report")}
    return compile_statement(adding.on_conflict_do_update(index_elements=["version", "kind", "at_us"], set_=anew))


KEEP_REPORT = _keep_report()
"""Parameters `version`, `kind`, `at_us`, `made_us`, `report` (JSON text)."""


async def read_latest_reports(connection: AsyncConnection) -> LatestReports:
    """What the latest reports of champion and challenger say."""
    latest = (
        select(models.c.state, *model_reports.c)
        .ext(distinct_on(model_reports.c.version, model_reports.c.kind))
        .join_from(model_reports, models, models.c.version == model_reports.c.version)
        .where(models.c.state != "retired")
        .order_by(model_reports.c.version, model_reports.c.kind, model_reports.c.at_us.desc())
    )
    return LatestReports.of([(state, Report(*row)) for state, *row in await connection.execute(latest)])
