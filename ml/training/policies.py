"""Learning a policy of the decisions that were made, and its artefact."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.decisions.judging import FEWEST
from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import STAGES, LearnedEffects
from ml.data.decisions import NONE, DecisionLog
from ml.evaluation.policy import evaluate_policies
from ml.learning.effects import Offers, fit_effects
from ml.training.policy_artefact import write_policy_artefact


@dataclass(frozen=True, slots=True)
class PolicyTraining:
    """What a policy is learned of: decisions made in `[since, until)`, whose rewards are of `horizon_days` after.
    `catalogue` says of which actions: digest and version; `groups` is action → group. `simulated`: of the demo shop.
    `champion` is what is in force, and judged beside; None: nothing that can be read."""

    log: DecisionLog
    groups: Mapping[str, str]
    since: datetime
    until: datetime
    horizon_days: int
    catalogue: Mapping[str, Any]
    simulated: bool
    champion: LearnedEffects | None = None


def train_policy(training: PolicyTraining, models_directory: Path, made_at: datetime) -> Path:
    """Writes `<models>/<version>/`; the directory. Its figures are those of `evaluate_policies`.

    Raises Refusal where too few decisions can be compared, or chance decided too few to judge by.
    """
    log = training.log
    count_withheld = int((log.actions[log.is_compared] == NONE).sum())
    count_shown = int(log.is_compared.sum()) - count_withheld
    for count, what in ((count_withheld, "withheld an action of the control group"), (count_shown, "showed an action")):
        if count < FEWEST:
            raise Refusal(f"{count:,} decisions whose reward is final {what}; {FEWEST} are needed to learn from.")
    metrics = evaluate_policies(log, training.champion)
    effects = learn_effects(log)
    members = {
        "horizon_days": training.horizon_days,
        "training": {
            "data_from": training.since.isoformat(),
            "data_until": training.until.isoformat(),
            "shown": count_shown,
            "withheld": count_withheld,
        },
        "data": {"source": "database", "simulated": training.simulated},
        "catalogue": dict(training.catalogue),
        "actions": {
            action_id: {"group": training.groups.get(action_id, ""), "shown": int(shown)}
            for action_id, shown in zip(effects.action_ids, effects.shown, strict=True)
        },
        "metrics": metrics,
    }
    return write_policy_artefact(models_directory, made_at, effects, members)


def learn_effects(log: DecisionLog) -> LearnedEffects:
    """Of what can be compared in the log; an action that was never shown is told what its group and stage are."""
    offers = Offers(log.actions, log.stages, log.features, log.rewards, log.persons).take(log.is_compared)
    terms, covariances = fit_effects(offers, log.groups, len(STAGES)).tabulate()
    return LearnedEffects(log.action_ids, terms, covariances, log.shown, log.centres, log.scales)
