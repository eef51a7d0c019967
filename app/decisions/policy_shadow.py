"""What the challenger of policies would have chosen, beside the champion, for customers who were decided of.

A receipt holds all that a policy is asked by, so nothing is noted when it is decided and no till waits: both are asked
afterwards about the latest decisions of the learner's arm, and, on those whose reward is final, what either brings is
estimated, doubly robust.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.background import cut, yield_to_requests
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.choice_queries import read_recent
from app.decisions.contact_book import ContactBook
from app.decisions.fairness_gate import Choosing
from app.decisions.judging import FEWEST, is_judged, log_of
from app.decisions.outcome_queries import Rewarding, read_judged
from app.decisions.recalling import recall
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US
from app.lifecycle.off_policy import Estimate, Log, UnloggedPropensities, evaluate_policy, lead_of
from app.models.policy_artefact import PolicyModel

DAYS: Final = 28
JUDGED_DAYS: Final = 90
MOST_ASKED: Final = 2_000
"""Of either kind of decisions."""
CHUNK: Final = 20
NOTHING: Final = ""
"""In the place of an action."""
Chances = Mapping[str, float]


class Sampled(NamedTuple):
    """Latest decisions of the learner's arm, those that can be judged, and what both policies are asked with."""

    recent: Sequence[Any]
    judged: Sequence[Any]
    choosing: Choosing


async def sample(connection: AsyncConnection, settings: Settings, now_us: int) -> Sampled:
    """As of now."""
    rows = await read_recent(connection, now_us - DAYS * DAY_US, now_us, MOST_ASKED)
    log = await read_judged(
        connection, now_us - JUDGED_DAYS * DAY_US, now_us, Rewarding.of(settings), MOST_ASKED, is_whole=True
    )
    choosing = Choosing(await read_catalogue(connection), await ContactBook(settings).read_rules(connection))
    learners = [row for row in rows if row.receipt["customer"].get("arm") == "learner"]
    return Sampled(learners, [row for row in log if is_judged(row)], choosing)


async def measure_shadow(
    sampled: Sampled, champion: PolicyModel, challenger: PolicyModel, anyway: float, share: float
) -> dict[str, Any] | None:
    """The report; None: nobody was decided of. `anyway` is what a decision brings in which nothing is chosen. Takes at
    most that share of the event loop's time."""
    pairs = [await _ask_all(rows, sampled.choosing, (champion, challenger), share) for rows in sampled[:2]]
    recent, judged = pairs
    if not recent:
        return None
    return {
        "champion": champion.version,
        "challenger": challenger.version,
        "decisions": len(recent),
        "agreement": fmean(sum(min(one.get(each, 0.0), other.get(each, 0.0)) for each in one) for one, other in recent),
        "same_first": fmean(_first(one) == _first(other) for one, other in recent),
        **_estimate(sampled.judged, judged, (champion.version, challenger.version), anyway),
    }


async def _ask_all(
    rows: Sequence[Any], choosing: Choosing, policies: Sequence[PolicyModel], share: float
) -> list[tuple[Chances, Chances]]:
    """Of each decision the chances by the champion and by the challenger; those of one add up to one."""
    asked: list[tuple[Chances, Chances]] = []
    for piece in cut(rows, CHUNK):
        began = time.perf_counter()
        for row in piece:
            recalled = recall(row.customer_id, row.decision_id, row.decided_us, row.receipt)
            one, other = (recalled.first_chances(*choosing, policy.effects) or {NOTHING: 1.0} for policy in policies)
            asked.append((one, other))
        await yield_to_requests(began, share)
    return asked


def _first(chances: Chances) -> str:
    return max(chances, key=lambda each: (chances[each], each))


def _estimate(
    rows: Sequence[Any], asked: Sequence[tuple[Chances, Chances]], versions: Sequence[str], anyway: float
) -> dict[str, Any]:
    """What a decision of either would have brought; null of too few, or where chances were not kept."""
    told: dict[str, Any] = {"judged": len(rows), "values": None, "lead": None, "warnings": []}
    if len(rows) < FEWEST or len({row.person_id for row in rows}) < 2:
        return told
    logs = [_log_of(rows, targets, anyway) for targets in zip(*asked, strict=True)]
    try:
        values = [evaluate_policy(log) for log in logs]
    except UnloggedPropensities:
        return told
    return {
        **told,
        "values": {version: _told(each.doubly_robust) for version, each in zip(versions, values, strict=True)},
        "lead": _told(lead_of(logs[1], logs[0])),
        "warnings": list(values[1].warnings),
    }


def _log_of(rows: Sequence[Any], targets: Sequence[Chances], anyway: float) -> Log:
    """What comes anyway is expected where a policy chooses nothing."""
    log = log_of(rows, [{each: chance for each, chance in told.items() if each != NOTHING} for told in targets])
    assert log.expected is not None
    return replace(log, expected=log.expected + anyway * np.array([told.get(NOTHING, 0.0) for told in targets]))


def _told(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else estimate._asdict()
