"""Learning a policy of the decisions that were made, and its artefact."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.decisions.judging import FEWEST
from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import FEWEST_SHOWN, STAGES, TERMS, LearnedEffects
from ml.data.decisions import NONE, DecisionLog
from ml.evaluation.policy import evaluate_policies
from ml.learning.effects import Offers, fit_effects, fit_responses
from ml.training.policy_artefact import write_policy_artefact


@dataclass(frozen=True, slots=True)
class PolicyTraining:
    """What a policy is learned of: decisions made in `[since, until)`, whose rewards are of `horizon_days` after.
    `catalogue` says of which actions: digest and version; `groups` is action → group. `simulated`: of the demo shop.
    `champion` is what is in force, and judged beside; None: nothing that can be read. `held` is its version, whether it
    can be read or not."""

    log: DecisionLog
    groups: Mapping[str, str]
    since: datetime
    until: datetime
    horizon_days: int
    catalogue: Mapping[str, Any]
    simulated: bool
    champion: LearnedEffects | None = None
    held: str | None = None


def train_policy(training: PolicyTraining, models_directory: Path, made_at: datetime) -> Path:
    """Writes `<models>/<version>/`; the directory. Its figures are those of `evaluate_policies`.

    Raises Refusal where too few decisions can be compared, or chance decided too few to judge by. Where too few are of
    a control group, it is learned who responds.
    """
    log = training.log
    count_withheld = int((log.actions[log.is_compared] == NONE).sum())
    count_shown = int(log.is_shown.sum())
    _check_enough(log, count_withheld, count_shown)
    metrics = evaluate_policies(log, training.champion)
    effects = learn_effects(log) if log.has_control else learn_responses(log)
    members = {
        "horizon_days": training.horizon_days,
        "training": {
            "data_from": training.since.isoformat(),
            "data_until": training.until.isoformat(),
            "shown": count_shown,
            "withheld": count_withheld,
            "responded": float(log.responses[log.is_shown].sum()),
            "estimate": "uplift" if log.has_control else "response",
        },
        "data": {"source": "database", "simulated": training.simulated},
        "catalogue": dict(training.catalogue),
        "actions": {
            action_id: {"group": training.groups.get(action_id, ""), "shown": int(shown)}
            for action_id, shown in zip(log.action_ids, log.shown, strict=True)
        },
        "metrics": metrics,
    }
    return write_policy_artefact(models_directory, made_at, effects, members)


def _check_enough(log: DecisionLog, count_withheld: int, count_shown: int) -> None:
    told = "decisions whose reward is final"
    if not log.has_control and not (log.responded >= FEWEST_SHOWN).any():
        raise Refusal(
            f"{count_withheld:,} {told} withheld an action of the control group; {FEWEST} are needed to learn what "
            f"actions add. Nor was one that was shown {FEWEST_SHOWN} times said to be responded to."
        )
    if count_shown < FEWEST:
        raise Refusal(f"{count_shown:,} {told} showed an action; {FEWEST} are needed to learn from.")


def learn_effects(log: DecisionLog) -> LearnedEffects:
    """Of what can be compared in the log; an action that was never shown is told what its group and stage are."""
    offers = Offers(log.actions, log.stages, log.features, log.rewards, log.persons).take(log.is_compared)
    terms, covariances = fit_effects(offers, log.groups, len(STAGES)).tabulate()
    return LearnedEffects(log.action_ids, terms, covariances, log.shown, log.centres, log.scales)


def learn_responses(log: DecisionLog) -> LearnedEffects:
    """Of who responds to what was shown; of effects nothing is known."""
    offers = Offers(log.actions, log.stages, log.features, log.responses, log.persons).take(log.is_shown)
    terms, covariances = fit_responses(offers, log.groups, len(STAGES)).tabulate()
    told = LearnedEffects(log.action_ids, terms, covariances, log.responded, log.centres, log.scales)
    return replace(
        told,
        terms=np.zeros((len(log.action_ids), len(STAGES), len(TERMS))),
        covariances=np.zeros_like(covariances),
        shown=np.zeros_like(log.shown),
        responses=told,
    )
