"""Stages as they are recorded and rendered."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic import TypeAdapter

from app.database.engine import Driver
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.lifecycle.stages import Stage, StagePolicy
from app.models.artefact import Model
from app.scores.scoring import Scoring
from app.scores.service import Score, lose, value_of
from app.stages.queries import RECORD_STAGES

Cause = Literal["event", "silence", "model"]
"""What changed a stage: an event, time passing without one, or the model or stage policy."""

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
_POLICY: Final = TypeAdapter(StagePolicy)
NONE: Final = "none"
"""Who is not known at a time, among the stages."""


class StageContext(NamedTuple):
    """What stages are recorded with. `warning_risk`: the threshold of warnings."""

    scoring: Scoring
    warning_risk: float


def stage_context(settings: Settings, model: Model | None) -> StageContext:
    """By the settings and the model in force."""
    return StageContext(Scoring.of(settings, model), settings.warning_risk)


def digest_policy(context: StageContext) -> str:
    """What judges beside the model: another digest, other stages from the same customers."""
    scoring = context.scoring
    said = f"{_POLICY.dump_json(scoring.policy).decode()} {scoring.horizon_days}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def expect_loss(score: Score, context: StageContext) -> float:
    """`lose` of a score."""
    return lose(score.churn_risk, value_of(score, context.scoring))


def is_above(churn_risk: float | None, context: StageContext) -> bool:
    """Whether the risk is one to warn of."""
    return churn_risk is not None and churn_risk >= context.warning_risk


def stage_key(score: Score, context: StageContext) -> str:
    """What matters of a score for the record: equal to `queries.recorded_stage_key`, there is nothing to record."""
    stage = score.judgement.stage
    return f"{stage}!" if is_above(score.churn_risk, context) else stage


async def record_stages(driver: Driver, scores: Sequence[Score], now_us: int, context: StageContext) -> None:
    """Records the stages of scores, no customer twice, and a transition at `now_us` of each that an event changed.

    In the caller's transaction, in one statement.
    """
    cause: Cause = "event"
    model = context.scoring.model
    await driver.fetch(
        RECORD_STAGES,
        customer_id=[score.state.customer_id for score in scores],
        stage=[score.judgement.stage for score in scores],
        rule=[score.judgement.rule for score in scores],
        at_us=[now_us] * len(scores),
        churn_risk=[score.churn_risk for score in scores],
        expected_loss=[expect_loss(score, context) for score in scores],
        is_above=[is_above(score.churn_risk, context) for score in scores],
        model_version=[None if model is None or score.method == "rules" else model.version for score in scores],
        cause=[cause] * len(scores),
        events=[None] * len(scores),
        now_us=now_us,
    )


def render_transition(row: Any) -> dict[str, Any]:
    """A transition on the wire; `none` where the record begins or ends."""
    return {
        "at": iso(row.at_us),
        "recorded_at": iso(row.recorded_us),
        "from": row.from_stage or NONE,
        "to": row.to_stage or NONE,
        "rule": row.rule,
        "cause": row.cause,
        "churn_risk": None if row.churn_risk is None else round(row.churn_risk, 6),
        "model_version": row.model_version,
        "computed_afterwards": row.is_computed,
    }


def render_flows(rows: Sequence[Any], from_us: int, to_us_: int) -> dict[str, Any]:
    """Counts and flows from `queries.count_moves`. Who did not move is in the flow from a stage to itself."""
    at_start: Counter[str] = Counter()
    at_end: Counter[str] = Counter()
    flows: Counter[tuple[str, str]] = Counter()
    computed = 0
    for part, source, target, customers, of_them_computed in rows:
        computed += of_them_computed
        if part == "net":
            flows[source or NONE, target or NONE] += customers
            continue
        for counts in (at_start, at_end) if part == "before" else (at_end,):
            counts[target or NONE] += customers
            counts[source or NONE] -= customers
    for stage in STAGES:
        flows[stage, stage] += at_start[stage] - sum(n for (source, _), n in flows.items() if source == stage)
    del flows[NONE, NONE]
    order = (NONE, *STAGES)
    return {
        "from": iso(from_us),
        "to": iso(to_us_),
        "stages": [
            {"stage": stage, "customers_from": at_start[stage], "customers_to": at_end[stage]} for stage in STAGES
        ],
        "flows": [
            {"from": source, "to": target, "customers": flows[source, target]}
            for source in order
            for target in order
            if flows[source, target]
        ],
        "computed_afterwards": computed,
    }


def render_warning(row: Any, digits: int) -> dict[str, Any]:
    """An early warning on the wire, money in major units."""
    return {
        "customer_id": row.customer_id,
        "stage": row.stage,
        "stage_rule": row.rule,
        "churn_risk": round(row.churn_risk, 6),
        "expected_loss": round(row.expected_loss, digits),
        "crossed_at": None if row.crossed_us == 0 else iso(row.crossed_us),
        "as_of": iso(row.checked_us),
        "model_version": row.model_version,
        "computed_afterwards": row.is_computed,
    }
