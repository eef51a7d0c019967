"""The registry as the service runs it: the models in force, kept fresh, checked, measured and retrained."""

import time
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from app.database.engine import transaction
from app.foundation.logs import log
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.models.held import Models
from app.models.kinds import POLICY, RECOMMEND, SCORE, SENTIMENT, AnyModel
from app.models.loading import refresh_held, warn_of_unregistered
from app.models.retraining import keep_retrained
from app.models.router import changes, router
from app.models.schemas import ApprovalIn, ModelChangeIn, RollbackIn


def _build(resources: Resources) -> None:
    resources.hold(Models())


async def _refresh(resources: Resources) -> None:
    models = resources.of(Models)
    async with transaction(resources.engine) as connection:
        held = await refresh_held(connection, models.held)
    if not models.was_read:
        models.was_read = True
        warn_of_unregistered(held, resources.settings.models_directory)
    if held is not models.held:
        models.held = held
        models.champion, models.challenger = held.champion, held.challenger
        models.item_champion, models.item_challenger = held.item_champion, held.item_challenger
        models.policy_champion, models.policy_challenger = held.policy_champion, held.policy_challenger
        models.sentiment_champion = held.sentiment_champion
        models.refusal, models.item_refusal = held.refusal(SCORE), held.refusal(RECOMMEND)
        models.policy_refusal = held.refusal(POLICY)
        models.sentiment_refusal = held.refusal(SENTIMENT)
        log.info("models.held", **dict(zip(_TOLD, map(_version, held.models), strict=True)))


_TOLD: Final = (
    *("champion", "challenger", "recommend", "recommend_challenger", "policy", "policy_challenger"),
    *("sentiment", "sentiment_challenger"),
)


def _version(model: AnyModel | None) -> str | None:
    return None if model is None else model.version


def _retraining(resources: Resources) -> Coroutine[Any, Any, None] | None:
    days = resources.settings.retrain
    return keep_retrained(resources.engine, days) if days else None


def _check(resources: Resources) -> Checks:
    """The model's version, and its age in days; without one the answers come from rules."""
    models = resources.of(Models)
    others = {
        "recommendations:model": _check_items(resources, models),
        "decisions:policy": _check_policy(resources, models),
        "feedback:sentiment": _check_sentiment(resources, models),
    }
    return {**_check_scores(resources, models), **others}


def _check_scores(resources: Resources, models: Models) -> Checks:
    model, refusal = models.champion, models.refusal
    if model is None:
        missing = refusal or "No model is loaded: scores come from rules. Run 'perennial train'."
        absent = CheckOut(status="warn", componentType="component", output=missing)
        return {"model:version": absent, "model:age": absent}
    version = CheckOut(
        status="warn" if refusal else "pass",
        componentType="component",
        observedValue=model.version,
        output=refusal,
    )
    return {"model:version": version, "model:age": _check_age(model, resources.settings.model_max_age_days)}


def _check_items(resources: Resources, models: Models) -> CheckOut:
    """The model of recommendations."""
    absent = "None is loaded: what sells is recommended. 'perennial train recommend' makes one."
    old = "The model is old: run 'perennial train recommend'."
    return _check_dispensable(resources, models.item_champion, models.item_refusal, absent, old)


def _check_policy(resources: Resources, models: Models) -> CheckOut:
    """What was learned of decisions."""
    absent = "None is loaded: the catalogue's priors decide. 'perennial train policy' makes one."
    old = "The policy is old: run 'perennial train policy'."
    return _check_dispensable(resources, models.policy_champion, models.policy_refusal, absent, old)


def _check_sentiment(resources: Resources, models: Models) -> CheckOut:
    """What tells how writers of feedback feel."""
    absent = "None is loaded: texts are kept as they are. 'perennial train sentiment' makes one."
    old = "The model of sentiment is old: run 'perennial train sentiment'."
    return _check_dispensable(resources, models.sentiment_champion, models.sentiment_refusal, absent, old)


def _check_dispensable(
    resources: Resources, model: AnyModel | None, refusal: str | None, absent: str, old: str
) -> CheckOut:
    """A model that a shop may do without; `absent` and `old` are what is said of one that is."""
    if model is None:
        return CheckOut(status="warn" if refusal else "pass", componentType="component", output=refusal or absent)
    is_old = _check_age(model, resources.settings.model_max_age_days).output is not None
    return CheckOut(
        status="warn" if refusal or is_old else "pass",
        componentType="component",
        observedValue=model.version,
        output=refusal or (old if is_old else None),
    )


def _check_age(model: AnyModel, most_days: int) -> CheckOut:
    age_days = (datetime.now(UTC) - model.trained_at).total_seconds() / 86400
    is_old = age_days > most_days
    return CheckOut(
        status="warn" if is_old else "pass",
        componentType="component",
        observedValue=round(age_days, 2),
        observedUnit="days",
        output="The model is old: run 'perennial train'." if is_old else None,
    )


def _gauges(resources: Resources) -> Iterable[GaugeValue]:
    models = resources.of(Models)
    if models.champion is not None:
        yield "perennial_model_info", (models.champion.version,), 1
        yield "perennial_model_age_seconds", (), time.time() - models.champion.trained_at.timestamp()
    if models.policy_champion is not None:
        yield "perennial_policy_info", (models.policy_champion.version,), 1
        yield "perennial_policy_age_seconds", (), time.time() - models.policy_champion.trained_at.timestamp()
    yield "perennial_model_refused", (), bool(any(_refusals(models)))


def _refusals(models: Models) -> tuple[str | None, ...]:
    return models.refusal, models.item_refusal, models.policy_refusal, models.sentiment_refusal


PART = Part(
    "models",
    routers=(router, changes),
    schemas=(ApprovalIn, ModelChangeIn, RollbackIn),
    build=_build,
    refresh=_refresh,
    background=(BackgroundTask("retraining", _retraining),),
    check=_check,
    gauges=_gauges,
)
