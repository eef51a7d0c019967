"""Retraining from the database: a model is made, registered, and put in force only where it is not worse.

What decides is the last matured cut-off, the last one whose horizon has passed. On the same customers at that
time are measured the champion; the new model; and, since that one has seen what came, its twin: what the
same way learns from the events before the cut-off alone. Both have to be no worse than the champion. A champion
that was itself trained on what came after the cut-off is measured too well, never too badly: one that is younger
than the horizon is hard to beat. One that is as old knew as much as the twin.

Where no champion serves, or none that can be compared, the rules are who is to be beaten: they answer without one.
So no seat is taken unjudged, be it empty, the demo shop's, or held by a model that cannot be read.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.commands.progress import say
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.targets import CHURN, ORDERS, SPEND, TARGETS, Target, target_of
from app.models import queries
from app.models.artefact import ArtefactRefused, Model
from app.models.kinds import POLICY, RECOMMEND, SCORE
from app.models.retraining import is_due, retraining_lock
from app.models.service import (
    load_champion,
    load_scores,
    register,
)
from app.scores.columns import score_columns
from app.scores.scoring import Scoring
from ml.data.cutoffs import Untrainable, span_of, to_time
from ml.data.database import count_left_out, load_events
from ml.data.histories import find_oddities
from ml.data.states import LabelledStates, labelled_states
from ml.evaluation.metrics import brier, log_loss, rmse
from ml.learning.methods import learn
from ml.training.commands import say_what_to_do
from ml.training.policy_retraining import retrain_policy
from ml.training.recommend_retraining import retrain_recommender
from ml.training.settling import BY, Verdict, now_us, settle
from ml.training.training import Training, train

ROUNDING: Final = 1e-6
"""Errors that differ by less are the same: sums of floats in another order."""
CHANCE: Final = 0.01
"""Squared errors of amounts hang on a few large customers: a hundredth more is not worse."""
CHANCE_BY_RULES: Final = 0.25
"""The same against the rules, which tell everyone's own pace on: a few large customers are close to it, and its risks
are far off. The risks decide, and amounts that are absurd."""
Holder = Model | Scoring
"""Who answers now: a champion, or the rules (a Scoring without a model)."""
Foretell = Callable[[Floats, int], Mapping[str, Floats]]
"""Feature rows at a time → what is foretold of each, by the name of a target; NaN or none of one it does not know."""
Twin = Callable[[ir.Table, int, int], Foretell]
"""(events, cut-off, horizon in days) → what foretells from then on. Reads no later event."""


class Error(NamedTuple):
    """Of what was foretold of a target, against what came; in the target's unit where that is no probability."""

    target: str
    measure: str
    value: float

    def is_worse_than(self, other: "Error", chance: float) -> bool:
        """By more than rounding or, of amounts, that share of the other."""
        slack = ROUNDING if target_of(self.target).is_probability else other.value * chance
        return self.value > other.value + slack

    def __str__(self) -> str:
        unit = target_of(self.target).unit
        if unit == "probability":
            return f"{self.measure} {self.value:.5f}"
        return f"RMSE {self.value:,.0f} minor units" if unit == "minor" else f"RMSE {self.value:.3f} {unit}"


async def retrain(engine: AsyncEngine, settings: Settings, every_days: int = 0, kind: str = SCORE) -> str:
    """What came of it, in a sentence, of one of `app.models.kinds.KINDS`. Raises Untrainable.

    Nothing is done while another process retrains, nor, with `every_days`, while a model is younger.
    """
    async with retraining_lock(engine) as is_ours:
        if not is_ours:
            return "Another process is retraining."
        if every_days:
            async with transaction(engine) as connection:
                if not await is_due(connection, every_days, now_us(), kind):
                    return f"A model was made less than {every_days} days ago."
        retrain_kind = {SCORE: _retrain, RECOMMEND: retrain_recommender, POLICY: retrain_policy}[kind]
        return await retrain_kind(engine, settings)


async def _retrain(engine: AsyncEngine, settings: Settings) -> str:
    duck = ibis.duckdb.connect()
    if not await load_events(engine, duck.con, simulated=False):
        raise Untrainable(f"There are no real events to learn from. {await say_what_to_do(engine, simulated=False)}")
    events = duck.table("events")
    for sentence in find_oddities(events, settings.currency, OrderIdentity.of(settings.order_identity)):
        say(sentence)
    told = (settings.churn_horizon_days, settings.digits, settings.calendar, await count_left_out(engine))
    training = Training(events, "database", False, *told)
    try:
        directory = train(training, settings.models_directory, datetime.now(UTC), say)
    except Untrainable as error:
        raise Untrainable(f"{error} {await say_what_to_do(engine, simulated=False)}") from error
    async with transaction(engine) as connection:
        registered = await register(connection, directory, now_us(), BY, may_serve=False)
        if registered.state != "challenger":
            return registered.sentence
        held = await queries.read_champion(connection, SCORE)
        challenger = await load_scores(connection, registered.version)
        holder = await _find_holder(connection, settings, challenger.horizon_days)
    say(f"Comparing with {'the rules' if isinstance(holder, Scoring) else holder.version} …")
    verdict = judge(events, holder, challenger, partial(learn_twin_of, calendar=settings.calendar))
    return await settle(engine, None if held is None else held.version, challenger.version, verdict)


async def _find_holder(connection: AsyncConnection, settings: Settings, horizon_days: int) -> Holder:
    """Who is to be beaten: the champion, or the rules where it is none, cannot be read, or is the demo shop's
    with another horizon."""
    rules = Scoring.of(settings, None)._replace(horizon_days=horizon_days)
    try:
        champion = await load_champion(connection)
    except ArtefactRefused:
        return rules
    if champion is None or (champion.simulated and champion.horizon_days != horizon_days):
        return rules
    return champion


def learn_twin_of(events: ir.Table, cutoff_us: int, horizon_days: int, calendar: str | None = None) -> Foretell:
    """What the way that models are made learns from the events before a cut-off. Raises Untrainable."""
    targets = learn(events, cutoff_us, horizon_days, say, calendar).targets
    known = [target for target in TARGETS if target.name in targets.models]
    return lambda rows, as_of_us: {target.name: targets.expect(target, rows, as_of_us) for target in known}


def judge(events: ir.Table, champion: Holder, challenger: Model, learn_twin: Twin = learn_twin_of) -> Verdict:
    """Measures the champion, or the rules, the challenger and its twin at the last matured cut-off."""
    horizon_days = challenger.horizon_days
    if champion.horizon_days != horizon_days:
        return Verdict(False, f"The champion looks {champion.horizon_days} days ahead, this one {horizon_days}.")
    cutoff_us = span_of(events).until_us - horizon_days * DAY_US
    came = labelled_states(events, [cutoff_us], horizon_days)
    if not len(came.churned):
        return Verdict(False, "Nobody had bought before the last cut-off whose horizon has passed.")
    try:
        twin = learn_twin(events, cutoff_us, horizon_days)
    except Untrainable as error:
        return Verdict(False, f"Before the last cut-off there was too little to judge by. {error}")
    rows = came.features()
    theirs = _measure(came, _foretell_by(champion, came, cutoff_us))
    ours = _measure(came, challenger.scorecard.expect(rows, cutoff_us))
    twins = _measure(came, twin(rows, cutoff_us))
    holder, chance = ("the rules", CHANCE_BY_RULES) if isinstance(champion, Scoring) else ("the champion", CHANCE)
    is_better = not (_is_worse(ours, theirs, chance) or _is_worse(twins, theirs, chance))
    figures = "; ".join(
        f"{name} {', '.join(map(str, errors))}"
        for name, errors in ((holder, theirs), ("what was learnt before it", twins), ("the new model", ours))
    )
    told = f"{'Not worse' if is_better else 'Worse'} than {holder}"
    where = f"of {len(came.churned):,} customers at {to_time(cutoff_us):%Y-%m-%d}"
    return Verdict(is_better, f"{told} {where}: {figures}.{_describe_advantage(champion, cutoff_us)}")


def _foretell_by(holder: Holder, came: LabelledStates, cutoff_us: int) -> Mapping[str, Floats]:
    if isinstance(holder, Scoring):
        expected = score_columns(came.states, cutoff_us, holder).expected
        return dict(zip((CHURN.name, ORDERS.name, SPEND.name), expected, strict=True))
    return holder.scorecard.expect(came.features(), cutoff_us)


def _describe_advantage(champion: Holder, cutoff_us: int) -> str:
    if isinstance(champion, Scoring):
        return ""
    days = (champion.data_until - to_time(cutoff_us)).days
    return f" The champion knew the first {days} days of what came." if days > 0 else ""


def _measure(came: LabelledStates, foretold: Mapping[str, Floats]) -> list[Error]:
    """Of the targets that were foretold, in their order."""
    known = [target for target in TARGETS if target.name in foretold and not np.isnan(foretold[target.name]).any()]
    return [error for target in known for error in _errors_of(target, came.outcome(target), foretold[target.name])]


def _errors_of(target: Target, came: Floats, said: Floats) -> list[Error]:
    if target.is_probability:
        return [Error(target.name, "Brier", brier(came, said)), Error(target.name, "log-loss", log_loss(came, said))]
    return [Error(target.name, "RMSE", rmse(came, said))]


def _is_worse(these: Sequence[Error], others: Sequence[Error], chance: float) -> bool:
    """In any that both have. A target that only one of them knows is no reason to refuse it."""
    theirs = {(error.target, error.measure): error for error in others}
    pairs = [(error, theirs.get((error.target, error.measure))) for error in these]
    return any(other is not None and error.is_worse_than(other, chance) for error, other in pairs)
