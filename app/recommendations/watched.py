"""What the latest reports on recommendations say: as checks of health, and as gauges."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import Checks, Resources
from app.models.kinds import RECOMMEND
from app.models.queries import Report, read_latest
from app.recommendations.watching import BASKETS, DUE, SHADOW, has_fallen, is_miscalibrated


async def check_watched(_: Resources, connection: AsyncConnection) -> Checks:
    """Whether what was called due came as often as was said, and whether lists hit as often as training said."""
    found = await read_latest(connection, RECOMMEND, "champion")
    return {
        "recommendations:due": _check_due(found.get(DUE)),
        "recommendations:hits": _check_hits(found.get(BASKETS)),
    }


def _check_due(found: Report | None) -> CheckOut:
    if found is None or found.report["ece"] is None:
        return CheckOut(status="pass", componentType="component", output="Nothing that was called due has matured yet.")
    is_wrong = is_miscalibrated(found.report)
    return CheckOut(
        status="warn" if is_wrong else "pass",
        componentType="component",
        observedValue=round(found.report["ece"], 4),
        observedUnit="probability",
        output="What is called due is not bought as often as is said: run 'perennial train recommend'."
        if is_wrong
        else None,
        time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
    )


def _check_hits(found: Report | None) -> CheckOut:
    if found is None or found.report["phr_at_10"] is None:
        return CheckOut(status="pass", componentType="component", output="No list of ten has met a next basket yet.")
    is_low = has_fallen(found.report)
    return CheckOut(
        status="warn" if is_low else "pass",
        componentType="component",
        observedValue=round(found.report["phr_at_10"], 4),
        observedUnit="share",
        output=f"Lists hit less often than training said ({found.report['trained']['phr_at_10']:.4f}):"
        " run 'perennial train recommend'."
        if is_low
        else None,
        time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
    )


_OF_DUE = {
    "items": "perennial_recommendation_due_items",
    "ece": "perennial_recommendation_due_error",
    "ece_by_chance": "perennial_recommendation_due_error_by_chance",
}
_OF_BASKETS = {
    "recommendations": "perennial_recommendation_judged",
    "phr_at_10": "perennial_recommendation_hit_rate",
    "recall_at_10": "perennial_recommendation_recall",
}


async def _shadow_gauges(connection: AsyncConnection) -> list[GaugeValue]:
    found = (await read_latest(connection, RECOMMEND, "challenger")).get(SHADOW)
    if found is None:
        return []
    report, version = found.report, (found.version,)
    told: list[GaugeValue] = [
        ("perennial_recommendation_shadow_lists", version, report["lists"]),
        ("perennial_recommendation_shadow_agreement", version, report["agreement_at_10"]),
    ]
    for of, value in (report["phr_at_10"] or {}).items():
        told.append(("perennial_recommendation_shadow_hit_rate", (of,), value))
    return told


async def watched_gauges(_: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    """Of the champion, and of the challenger beside it."""
    found = await read_latest(connection, RECOMMEND, "champion")
    told: list[GaugeValue] = []
    for kind, gauges in ((DUE, _OF_DUE), (BASKETS, _OF_BASKETS)):
        if kind in found:
            report = found[kind]
            values = ((gauge, report.report[name]) for name, gauge in gauges.items())
            told += [(gauge, (report.version,), value) for gauge, value in values if value is not None]
    told += await _shadow_gauges(connection)
    trained = found[BASKETS].report["trained"] if BASKETS in found else None
    if trained is not None:
        told.append(("perennial_recommendation_hit_rate_trained", (found[BASKETS].version,), trained["phr_at_10"]))
    return told
