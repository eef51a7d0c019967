"""Retraining of policies: what decides whether a new one takes the seat.

On the same decisions are judged the new policy, cross-fitted, and the champion, who may have learned of them and is
measured too well, never too badly. Where none serves, or it is the demo shop's or cannot be read, the rules are who is
to be beaten. What is not worse still has to pass the gate of policies, which wants a second person's word where some
customers would be treated otherwise: nobody gives it here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands.progress import say
from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.models import queries
from app.models.kinds import POLICY
from app.models.policy_artefact import UNANSWERED, load_policy_model, tell_lead
from app.models.service import register
from ml.data.cutoffs import Untrainable
from ml.training.policies import train_policy
from ml.training.policy_reading import read_training
from ml.training.settling import BY, Verdict, now_us, settle

MOST_LOST: Final = 0.05
"""Of what a decision of the champion brings, whatever chance may say: an interval of few decisions reaches far."""


async def retrain_policy(engine: AsyncEngine, settings: Settings) -> str:
    """What came of it, in a sentence. Raises Untrainable."""
    training = await read_training(engine, settings)
    if training.simulated:
        raise Untrainable("There are no decisions of real customers to learn from, but the demo shop's.")
    try:
        directory = train_policy(training, settings.models_directory, datetime.now(UTC))
    except Refusal as error:
        raise Untrainable(str(error)) from error
    async with transaction(engine) as connection:
        registered = await register(connection, directory, now_us(), BY, may_serve=False)
        if registered.state != "challenger":
            return registered.sentence
        held = await queries.read_champion(connection, POLICY)
    is_beaten = held is not None and not held.is_simulated and training.champion is not None
    say(f"Comparing with {training.held if is_beaten else 'the rules'} …")
    verdict = judge(load_policy_model(directory).manifest["metrics"], "champion" if is_beaten else "rules")
    return await settle(engine, training.held, registered.version, verdict, POLICY, gates_of(settings))


def judge(metrics: Mapping[str, Any], holder: str) -> Verdict:
    """By the figures of a manifest; the holder is `champion` or `rules`, who are beaten as for an empty seat."""
    lead, policies = metrics["leads"][holder], metrics["policies"]
    name = "the champion" if holder == "champion" else "the rules"
    if unanswered := UNANSWERED.intersection(policies["learned"]["warnings"]):
        return Verdict(False, f"The log cannot say whether it is worse than {name} ({', '.join(sorted(unanswered))}).")
    theirs = policies[holder]["doubly_robust"]["value"]
    tolerated = MOST_LOST * abs(theirs) if holder == "champion" else 0.0
    is_worse = lead["high"] < 0 or lead["value"] < -tolerated
    told = f"{'Worse' if is_worse else 'Not worse'} than {name} on {metrics['decisions']:,} decisions"
    return Verdict(not is_worse, f"{told}, whose bring {theirs:.4f} each: {tell_lead(lead)}.")
