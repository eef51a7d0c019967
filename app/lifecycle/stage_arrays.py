"""The rules of `app.lifecycle.stages` over many customers at once, to the last bit what they are of each."""

from typing import Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.arithmetic import MANY, Floats, Rows
from app.lifecycle.stages import (
    STAGE_OF,
    Judgement,
    Stage,
    StagePolicy,
    ask_rules,
    find_rhythm,
    presume_active,
    presume_risk,
)

Flags = NDArray[np.bool_]
Codes = NDArray[np.uint8]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
RULES: Final = tuple(STAGE_OF)

_RULE_CODES: Final = {rule: np.uint8(code) for code, rule in enumerate(RULES)}
_STAGE_CODES: Final[Codes] = np.array([STAGES.index(stage) for stage in STAGE_OF.values()], np.uint8)


class Rhythms(NamedTuple):
    """`Rhythm` of many, each (n,); of who never bought it means nothing."""

    days: Floats
    silence: Floats
    is_seasonal: Flags
    is_reactivated: Flags


class Judgements(NamedTuple):
    """Each (n,): the stage as its place in STAGES, the rule as its place in RULES, and the days since it
    holds (NaN: not known from the state)."""

    stages: Codes
    rules: Codes
    held_days: Floats

    def each(self) -> list[Judgement]:
        """One after the other."""
        return [
            Judgement(STAGE_OF[rule], rule, held if held == held else None)
            for rule, held in zip(map(RULES.__getitem__, self.rules.tolist()), self.held_days.tolist(), strict=True)
        ]


@np.errstate(divide="ignore", invalid="ignore")
def measure_rhythms(rows: Floats, policy: StagePolicy, usual_days: float) -> Rhythms:
    """Of feature rows, (n, len(FEATURES)). See `measure_rhythm`."""
    return Rhythms(*find_rhythm(Rows(rows), policy, usual_days, MANY))


@np.errstate(invalid="ignore")
def judge_stages(rows: Floats, rhythms: Rhythms, churn_risk: Floats, policy: StagePolicy) -> Judgements:
    """The first rule that holds of each feature row, (n, len(FEATURES)). See `judge_stage`.

    `churn_risk` is (n,), NaN of who never bought.
    """
    rules, held_days = np.empty(len(rows), np.uint8), np.empty(len(rows))
    asked = list(ask_rules(Rows(rows), rhythms, churn_risk, policy, MANY))
    for rule, holds, since in reversed(asked):  # the last one holds of everybody
        np.copyto(rules, _RULE_CODES[rule], where=holds)
        np.copyto(held_days, since, where=holds)
    return Judgements(_STAGE_CODES.take(rules), rules, held_days)


@np.errstate(invalid="ignore")
def presume_actives(rhythms: Rhythms) -> Floats:
    """(n,). See `presume_active`."""
    return np.asarray(presume_active(rhythms, MANY))


@np.errstate(divide="ignore", invalid="ignore")
def presume_risks(rhythms: Rhythms, horizon_days: float) -> Floats:
    """(n,). See `presume_risk`."""
    return np.asarray(presume_risk(rhythms, horizon_days, MANY))
