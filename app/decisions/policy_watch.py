"""Whether the policy in force is worth having: what it brought since it was put in force, beside business as usual, the
control group, and what was expected of it; whether it chooses otherwise than it did; and what its challenger would.

Once a period, over all processes. Rewards count that are final, of eight weeks at most; those of the last weeks are not
yet, so that a policy is judged a month after it was put in force.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import SERVICE_SHARE, run_periodically
from app.database.engine import alone, transaction
from app.decisions.outcome_queries import Rewarding
from app.decisions.policy_shadow import measure_shadow, sample
from app.decisions.realised_queries import POLICY_SIDE, count_choices, read_realised
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.lifecycle.arms import ARMS
from app.lifecycle.drift import divergence
from app.lifecycle.events import DAY_US
from app.lifecycle.off_policy import Estimate
from app.lifecycle.realised import Sums, lead_over, mean_of
from app.models import queries as registry
from app.models.artefact import ArtefactRefused
from app.models.kinds import POLICY
from app.models.policy_artefact import PolicyModel
from app.models.service import load_stored
from app.monitoring.reports import DRIFT_BY_CHANCE, GREAT_DRIFT

WATCH_LOCK: Final = 0x706F6C77  # "polw": one look at a time, however many replicas run
HOUR_US: Final = 3_600_000_000
SPAN_US: Final = 56 * DAY_US
CHOICES_US: Final = 14 * DAY_US
"""How long choices are counted, after a policy was put in force and of late."""
RETRY_SECONDS: Final = 3600.0
"""A look that failed, since there are very many decisions say, is not tried again sooner."""
REALISED: Final = "realised"
SHADOW: Final = "shadow"


class Watched(NamedTuple):
    """The version that was looked at, and its report; the shadow's, where there is a challenger and anything to ask."""

    version: str
    realised: Mapping[str, Any]
    shadow: Mapping[str, Any] | None


async def watch_policies(
    engine: AsyncEngine, settings: Settings, now_us: int, *, every_us: int = 0, share: float = 1.0
) -> Watched | None:
    """Looks as of `now_us`, unless another process does, it was since the last multiple of `every_us`, or no policy is
    in force that can be read."""
    async with alone(engine, WATCH_LOCK) as driver:
        if driver is None:
            return None
        async with transaction(engine) as connection:
            held = await registry.read_champion(connection, POLICY)
            if held is None or await _was_watched(connection, held.version, now_us, every_us):
                return None
            champion, challenger = await _read_both(connection)
            if champion is None or champion.version != held.version:
                return None
            sums, report = await _measure_realised(connection, settings, champion, held.changed_us, now_us)
            sampled = None if challenger is None else await sample(connection, settings, now_us)
        anyway = sums.get("control", Sums()).mean or 0.0
        shadow = (
            None
            if challenger is None or sampled is None
            else await measure_shadow(sampled, champion, challenger, anyway, share)
        )
        async with transaction(engine) as connection:
            await registry.write_report(connection, champion.version, REALISED, now_us, report)
            if challenger is not None and shadow is not None:
                await registry.write_report(connection, challenger.version, SHADOW, now_us, shadow)
    return Watched(champion.version, report, shadow)


async def keep_watching_policies(engine: AsyncEngine, settings: Settings) -> None:
    """Watches for ever, once in PERENNIAL_MONITORING_HOURS over all processes together; whichever looks first."""
    every_hours, waits_until_s = settings.monitoring_hours, 0.0

    async def watch_if_due() -> Mapping[str, Any] | None:
        nonlocal waits_until_s
        if time.monotonic() < waits_until_s:
            return None
        waits_until_s = time.monotonic() + RETRY_SECONDS  # where it fails
        now_us, every_us = time.time_ns() // 1000, every_hours * HOUR_US
        found = await watch_policies(engine, settings, now_us, every_us=every_us, share=SERVICE_SHARE)
        waits_until_s = 0.0
        if found is None:
            return None
        return {"version": found.version, "decisions": found.realised["policy"]["decisions"]}

    await run_periodically("policies", every_hours * 3600.0, watch_if_due)


async def _read_both(connection: AsyncConnection) -> tuple[PolicyModel | None, PolicyModel | None]:
    """Champion and challenger that can be read."""
    found: dict[str, PolicyModel] = {}
    for row in await registry.read_active_models(connection):
        if row.kind == POLICY:
            try:
                model = await load_stored(connection, row.version)
            except ArtefactRefused:
                continue
            if isinstance(model, PolicyModel):
                found[row.state] = model
    return found.get("champion"), found.get("challenger")


async def _was_watched(connection: AsyncConnection, version: str, now_us: int, every_us: int) -> bool:
    reports = await registry.read_reports(connection, version)
    last_us = max((told.at_us for told in reports if told.kind == REALISED), default=None)
    return bool(every_us and last_us is not None and last_us >= now_us // every_us * every_us)


async def _measure_realised(
    connection: AsyncConnection, settings: Settings, champion: PolicyModel, since_us: int, now_us: int
) -> tuple[Mapping[str, Sums], dict[str, Any]]:
    rewarding = Rewarding.of(settings)
    from_us = max(since_us, now_us - rewarding.wait_us - SPAN_US)
    sums = await read_realised(connection, champion.version, from_us, now_us, rewarding)
    choices = await count_choices(connection, champion.version, since_us, now_us, CHOICES_US)
    is_old = now_us - since_us >= 2 * CHOICES_US
    return sums, {
        "since": iso(since_us),
        "from": iso(from_us),
        **report_on(sums, estimated_of(champion)),
        "choices": compare_choices(*choices) if is_old else None,
    }


def estimated_of(model: PolicyModel) -> Mapping[str, float] | None:
    """What a decision was expected to bring before it was put in force; None: it was not judged."""
    learned = model.manifest.get("metrics", {}).get("policies", {}).get("learned", {})
    told: Mapping[str, float] | None = learned.get("doubly_robust")
    return told


def report_on(sums: Mapping[str, Sums], estimated: Mapping[str, float] | None) -> dict[str, Any]:
    """What a decision of each arm brought, how much more the learner's did, and what the policy did of what was
    expected."""
    learner = sums.get("learner", Sums())
    return {
        "arms": {arm: _tell(sums.get(arm, Sums())) for arm in ARMS},
        "leads": {arm: _interval(lead_over(learner, sums.get(arm, Sums()))) for arm in ARMS if arm != "learner"},
        "policy": _tell(sums.get(POLICY_SIDE, Sums())),
        "estimated": None if estimated is None else dict(estimated),
    }


def describe_realised(report: Mapping[str, Any]) -> str:
    """What came beside what was expected, in words."""
    told = []
    if report["policy"]["reward"] is not None:
        told.append(f"{report['policy']['decisions']:,} decisions brought {_around(report['policy']['reward'])} each")
    if report["estimated"] is not None:
        told.append(f"expected were {_around(report['estimated'])}")
    for arm, lead in report["leads"].items():
        if lead is not None:
            told.append(f"the learner brought {_around(lead)} more than {arm}")
    return ", ".join(told) or "no reward is final yet"


def _around(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"


def compare_choices(then: Mapping[str, int], now: Mapping[str, int]) -> dict[str, Any] | None:
    """How far what is chosen has moved, and by how much chance would; None: nothing was chosen then, or of late."""
    if not then or not now:
        return None
    names = sorted({*then, *now})
    counts = [np.array([each.get(name, 0) for name in names], np.int64) for each in (then, now)]
    by_chance = DRIFT_BY_CHANCE * sum(1 / each.sum() for each in counts)
    return {"psi": divergence(*counts), "psi_by_chance": float(by_chance), "then": dict(then), "now": dict(now)}


def is_losing(report: Mapping[str, Any]) -> list[str]:
    """The arms that bring more than the learner's, beyond chance."""
    return [arm for arm, lead in report["leads"].items() if lead is not None and lead["high"] < 0]


def falls_short(report: Mapping[str, Any]) -> bool:
    """Whether decisions of the policy bring less than was expected, both intervals considered."""
    came, estimated = report["policy"]["reward"], report["estimated"]
    return came is not None and estimated is not None and bool(came["high"] < estimated["low"])


def has_drifted(report: Mapping[str, Any]) -> bool:
    """Whether what is chosen has moved by more than is tolerable, and than chance explains."""
    choices = report["choices"]
    return choices is not None and bool(choices["psi"] > max(GREAT_DRIFT, choices["psi_by_chance"]))


def _tell(sums: Sums) -> dict[str, Any]:
    return {"persons": sums.persons, "decisions": sums.decisions, "reward": _interval(mean_of(sums))}


def _interval(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else estimate._asdict()
