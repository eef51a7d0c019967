"""The stages against what customers did next."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.stages import (
    StagePolicy,
    judge_stage,
    measure_rhythm,
    presume_risk,
)

ORDERED_STAGES: Final = ("mature", "growing", "new", "declining", "lost")
"""By how many of them should come back, most first. Prospects have not bought, so none is here."""


@dataclass(frozen=True, slots=True)
class StageShare:
    """Customers put in a stage, and the share of them that bought in the horizon (None: nobody was)."""

    stage: str
    customers: int
    repurchased: float | None


def judge_stages(
    vectors: Floats, risks: Floats | None, usual_days: float, horizon_days: float, policy: StagePolicy
) -> Iterator[tuple[str, str]]:
    """(stage, rule) of every feature row; `risks` None: they are presumed."""
    for number, row in enumerate(vectors.tolist()):
        rhythm = measure_rhythm(row, policy, usual_days)
        risk = presume_risk(rhythm, horizon_days) if risks is None else float(risks[number])
        judgement = judge_stage(row, rhythm, risk, policy)
        yield judgement.stage, judgement.rule


def realised_repurchase(stages: NDArray[np.str_], churned: NDArray[np.bool_]) -> list[StageShare]:
    """One a stage, in the order of ORDERED_STAGES."""
    found = []
    for stage in ORDERED_STAGES:
        there = stages == stage
        found.append(StageShare(stage, int(there.sum()), float(1 - churned[there].mean()) if there.any() else None))
    return found


def describe_order(found: list[StageShare]) -> str:
    """`falls` where the share falls strictly from stage to stage and none is empty, else where it does not."""
    known = [(each.stage, each.repurchased) for each in found if each.repurchased is not None]
    broken = [f"{upper} ≤ {lower}" for (upper, high), (lower, low) in pairwise(known) if high <= low]
    empty = [f"no {each.stage}" for each in found if not each.customers]
    return ", ".join(broken + empty) or "falls"
