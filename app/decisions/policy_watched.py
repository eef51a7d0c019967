"""What the latest reports on policies say: as checks of health, and as gauges."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.policy_watch import REALISED, SHADOW, falls_short, has_drifted, is_losing
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import Checks
from app.models.kinds import POLICY
from app.models.queries import Report, read_champion, read_latest

_NAMES = {"business_as_usual": "business as usual", "control": "the control group"}


async def check_policies(connection: AsyncConnection) -> Checks:
    """Whether the policy in force brings what was expected and no less than the other arms, and chooses as it did."""
    found = await _read_realised(connection)
    return {"policy:reward": _check_reward(found), "policy:choices": _check_choices(found)}


async def _read_realised(connection: AsyncConnection) -> Report | None:
    """The latest on the champion; None: there is none since it was put in force, whatever it brought when it was
    before."""
    champion = await read_champion(connection, POLICY)
    found = (await read_latest(connection, POLICY, "champion")).get(REALISED)
    return None if champion is None or found is None or found.at_us < champion.changed_us else found


def _check_reward(found: Report | None) -> CheckOut:
    if found is None or found.report["arms"]["learner"]["reward"] is None:
        return CheckOut(status="pass", componentType="component", output="No reward of a policy is final yet.")
    report, output = found.report, None
    if losing := is_losing(report):
        named = " and ".join(_NAMES[arm] for arm in losing)
        output = (
            f"Decisions of the learner bring less than those of {named}: 'perennial models rollback --kind policy'."
        )
    elif falls_short(report):
        output = (
            f"Decisions of the policy bring {report['policy']['reward']['value']:.4f}, less than was expected"
            f" ({report['estimated']['value']:.4f}): run 'perennial retrain --kind policy'."
        )
    lead = report["leads"]["business_as_usual"]
    return CheckOut(
        status="warn" if output else "pass",
        componentType="component",
        observedValue=None if lead is None else round(lead["value"], 4),
        observedUnit=None if lead is None else "margin a decision over business as usual",
        output=output,
        time=_time(found),
    )


def _check_choices(found: Report | None) -> CheckOut:
    choices = None if found is None else found.report["choices"]
    if found is None or choices is None:
        return CheckOut(status="pass", componentType="component", output="Too little was chosen yet to tell.")
    is_far = has_drifted(found.report)
    return CheckOut(
        status="warn" if is_far else "pass",
        componentType="component",
        observedValue=round(choices["psi"], 4),
        observedUnit="PSI",
        output="What the policy chooses is not what it chose at first: look whether customers or actions have changed."
        if is_far
        else None,
        time=_time(found),
    )


def _time(found: Report) -> datetime:
    return datetime.fromtimestamp(found.at_us / 1e6, UTC)


async def policy_gauges(connection: AsyncConnection) -> Iterable[GaugeValue]:
    """Of the champion, and of the challenger beside it."""
    found = await _read_realised(connection)
    shadow = (await read_latest(connection, POLICY, "challenger")).get(SHADOW)
    return [*(_realised_gauges(found) if found else ()), *(_shadow_gauges(shadow) if shadow else ())]


def _realised_gauges(found: Report) -> Iterable[GaugeValue]:
    report, version = found.report, (found.version,)
    yield "perennial_policy_watch_age_seconds", (), time.time() - found.made_us / 1e6
    for arm, told in report["arms"].items():
        if told["reward"] is not None:
            yield "perennial_policy_arm_reward", (arm,), told["reward"]["value"]
    for arm, lead in report["leads"].items():
        if lead is not None:
            for name, value in lead.items():
                yield "perennial_policy_lead", (arm, name), value
    for name, estimate in (("realised", report["policy"]["reward"]), ("estimated", report["estimated"])):
        if estimate is not None:
            yield "perennial_policy_reward", (*version, name), estimate["value"]
    yield "perennial_policy_falls_short", version, falls_short(report)
    if report["choices"] is not None:
        yield "perennial_policy_choice_drift_psi", version, report["choices"]["psi"]
    yield "perennial_policy_drifted", version, has_drifted(report)


def _shadow_gauges(found: Report) -> Iterable[GaugeValue]:
    report, version = found.report, (found.version,)
    yield "perennial_policy_shadow_decisions", version, report["decisions"]
    yield "perennial_policy_shadow_agreement", version, report["agreement"]
    if report["lead"] is not None:
        for name, value in report["lead"].items():
            yield "perennial_policy_shadow_lead", (*version, name), value
