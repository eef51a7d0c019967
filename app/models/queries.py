"""SQL of the registry."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Text, and_, case, cast, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import model_approvals, model_changes, model_reports, models, predictions

REGISTRY_LOCK: Final = 0x6D6F6465  # "mode": changes of state go one after the other
RETRAINING_LOCK: Final = 0x72657472  # "retr": one retraining at a time, however many replicas run
CHANGES: Final = 200
"""So many changes are read back, the latest."""

REPORTS_READ: Final = 60
"""The latest reports of a model, of drift and of outcomes: a month of them."""

_BYTES: Final = ("manifest", "tables", "card")
_FILES: Final = ("kind", *_BYTES)
_LARGE: Final = ("tables", "card")


class ActiveModel(NamedTuple):
    """Who serves, who stands in its shadow, and which version of each row that was seen in."""

    kind: str
    version: str
    state: str
    row_version: str


class Report(NamedTuple):
    """How a model fares: `drift` of its features at `at_us`; `outcome`, what it said then against what came."""

    version: str
    kind: str
    at_us: int
    made_us: int
    report: Mapping[str, Any]


class Became(NamedTuple):
    """A model that became champion, and by which act."""

    version: str
    act: str


async def lock_registry(connection: AsyncConnection) -> None:
    """Until the transaction ends, nobody else changes a state."""
    await connection.execute(select(func.pg_advisory_xact_lock(REGISTRY_LOCK)))


async def read_last_registered_us(connection: AsyncConnection, kind: str) -> int | None:
    """When the last model of a kind and of real events was registered."""
    query = select(func.max(models.c.registered_us)).where(~models.c.is_simulated, models.c.kind == kind)
    last_us: int | None = (await connection.execute(query)).scalar_one()
    return last_us


async def read_active_models(connection: AsyncConnection) -> tuple[ActiveModel, ...]:
    """Champion and challenger of each kind, by state. Whatever changes a row makes another `row_version` of it."""
    row_version = cast(literal_column("models.xmin"), Text)
    rows = await connection.execute(
        select(models.c.kind, models.c.version, models.c.state, row_version)
        .where(models.c.state != "retired")
        .order_by(models.c.kind, models.c.state, models.c.version)
    )
    return tuple(ActiveModel(*row) for row in rows)


async def read_files(connection: AsyncConnection, version: str) -> Any:
    """`kind`, `manifest` and `tables` (bytes) and `card` of a model; None: there is no such model."""
    columns = [models.c[name] for name in _FILES]
    return (await connection.execute(select(*columns).where(models.c.version == version))).one_or_none()


async def read_models(connection: AsyncConnection, versions: Sequence[str] | None = None) -> Sequence[Any]:
    """Models without tables and card, the latest registered first; all of them, or those of these versions."""
    columns = [column for column in models.c if column.name not in _LARGE]
    query = select(*columns).order_by(models.c.registered_us.desc(), models.c.version.desc())
    if versions is not None:
        query = query.where(models.c.version.in_(versions))
    return (await connection.execute(query)).all()


async def read_champion(connection: AsyncConnection, kind: str) -> Any:
    """The champion of a kind without tables and card; None: there is none."""
    columns = [column for column in models.c if column.name not in _LARGE]
    serving = select(*columns).where(models.c.state == "champion", models.c.kind == kind)
    return (await connection.execute(serving)).one_or_none()


async def write_model(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Adds a model, or mends the bytes of the one of this version; its state stays."""
    mended = {name: row[name] for name in _BYTES}
    adding = pg_insert(models).values(row)
    await connection.execute(adding.on_conflict_do_update(index_elements=["version"], set_=mended))


async def set_state(connection: AsyncConnection, version: str, state: str, now_us: int) -> None:
    """Changes nothing but the state and the time of it."""
    changed = update(models).where(models.c.version == version).values(state=state, changed_us=now_us)
    await connection.execute(changed)


async def write_change(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Writes a line of the audit."""
    await connection.execute(insert(model_changes).values(row))


async def read_changes(connection: AsyncConnection, version: str) -> Sequence[Any]:
    """The changes of a model, the latest first."""
    query = select(model_changes).where(model_changes.c.version == version)
    return (await connection.execute(query.order_by(model_changes.c.change_id.desc()).limit(CHANGES))).all()


async def read_reigns(connection: AsyncConnection, kind: str) -> list[Became]:
    """Every time that a model of a kind became champion, in order."""
    query = (
        select(model_changes.c.version, model_changes.c.act)
        .join_from(model_changes, models, models.c.version == model_changes.c.version)
        .where(model_changes.c.state == "champion", models.c.kind == kind)
        .order_by(model_changes.c.change_id)
    )
    return [Became(*row) for row in await connection.execute(query)]


async def compare_predictions(connection: AsyncConnection, first: str, second: str) -> Any:
    """Two models on the customers and times that both were asked of.

    `customers`, `mean_difference` and `mean_absolute_difference` (second less first) and `correlation` of
    the churn risks; and where the horizon has passed `matured`, and of each model its `brier` and `log_loss`.
    These judge both by what came within the first one's horizon: they mean nothing where the other's is not the same.
    """
    one, other = predictions.alias("one"), predictions.alias("other")
    is_same = and_(other.c.customer_id == one.c.customer_id, other.c.at_us == one.c.at_us, other.c.version == second)
    came = one.c.orders_ahead.is_not(None)
    difference = other.c.churn_risk - one.c.churn_risk
    query = (
        select(
            func.count().label("customers"),
            func.avg(difference).label("mean_difference"),
            func.avg(func.abs(difference)).label("mean_absolute_difference"),
            func.corr(one.c.churn_risk, other.c.churn_risk).label("correlation"),
            func.count().filter(came).label("matured"),
            *(
                func.avg(error).filter(came).label(f"{name}_{place}")
                for place, table in (("first", one), ("second", other))
                for name, error in _errors(table, one.c.orders_ahead)
            ),
        )
        .join_from(one, other, is_same)
        .where(one.c.version == first)
    )
    return (await connection.execute(query)).one()


def _errors(table: Any, orders_ahead: Any) -> tuple[tuple[str, Any], ...]:
    """Squared error and negative log-likelihood of the risk, a row. No risk is nearer to 0 or 1 than a rounding."""
    risk = func.least(func.greatest(table.c.churn_risk, 1e-15), 1 - 1e-15)
    of_what_came = case((orders_ahead == 0, risk), else_=1 - risk)
    return ("brier", func.power(1 - of_what_came, 2)), ("log_loss", -func.ln(of_what_came))


async def read_shadow_report(connection: AsyncConnection, first: str, second: str) -> Mapping[str, Any] | None:
    """The latest report of what a champion of recommendations, or of policies, did and its challenger would have done,
    whichever is which."""
    of_both = or_(
        *(
            and_(model_reports.c.version == challenger, model_reports.c.report["champion"].as_string() == champion)
            for champion, challenger in ((first, second), (second, first))
        )
    )
    query = select(model_reports.c.report).where(model_reports.c.kind == "shadow", of_both)
    report: Mapping[str, Any] | None = (
        await connection.execute(query.order_by(model_reports.c.at_us.desc()).limit(1))
    ).scalar_one_or_none()
    return report


async def read_reports(connection: AsyncConnection, version: str) -> list[Report]:
    """The reports of a model, the latest made first, REPORTS_READ at most."""
    query = select(model_reports).where(model_reports.c.version == version)
    latest = query.order_by(model_reports.c.made_us.desc(), model_reports.c.at_us.desc(), model_reports.c.kind)
    return [Report(*row) for row in await connection.execute(latest.limit(REPORTS_READ))]


async def read_latest(connection: AsyncConnection, kind: str, state: str) -> dict[str, Report]:
    """By the kind of report, the latest of the champion, or the challenger, of a kind of models."""
    latest = (
        select(*model_reports.c)
        .ext(distinct_on(model_reports.c.kind))
        .join_from(models, model_reports, models.c.version == model_reports.c.version)
        .where(models.c.kind == kind, models.c.state == state)
        .order_by(model_reports.c.kind, model_reports.c.at_us.desc())
    )
    return {row.kind: Report(*row) for row in await connection.execute(latest)}


async def write_report(
    connection: AsyncConnection, version: str, kind: str, at_us: int, report: Mapping[str, Any]
) -> None:
    """Keeps a report for ever; one of the same time takes its place."""
    anew = {"made_us": at_us, "report": orjson.loads(orjson.dumps(report))}  # what is no number is null
    adding = pg_insert(model_reports).values({"version": version, "kind": kind, "at_us": at_us, **anew})
    await connection.execute(adding.on_conflict_do_update(index_elements=["version", "kind", "at_us"], set_=anew))


async def write_approval(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Keeps the word of a second person."""
    await connection.execute(insert(model_approvals).values(row))


async def read_approvals(connection: AsyncConnection, version: str, since_us: int = 0) -> Sequence[Any]:
    """Words that were given for a model since a time, the latest first."""
    found = select(model_approvals).where(model_approvals.c.version == version, model_approvals.c.at_us >= since_us)
    return (await connection.execute(found.order_by(model_approvals.c.approval_id.desc()).limit(CHANGES))).all()


async def read_registrant(connection: AsyncConnection, version: str) -> str | None:
    """Who registered a model first; None: nobody did."""
    query = select(model_changes.c.made_by).where(
        model_changes.c.version == version, model_changes.c.act == "registered"
    )
    found: str | None = (
        await connection.execute(query.order_by(model_changes.c.change_id).limit(1))
    ).scalar_one_or_none()
    return found
