"""Retraining of recommendations: what decides whether a new model takes the seat.

At the last cut-off a horizon before the end of the history, on the same customers, are measured the champion, the new
model, and its twin: what the same way learns from the baskets before the cut-off alone, since the new model has seen
what came. Neither may be worse than the champion. One that was itself trained on part of what came is measured too
well, never too badly. Where none serves, or it is the demo shop's or cannot be read, the rule is who is to be beaten by
which a service without a model recommends.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands.progress import say
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US
from app.models import queries
from app.models.artefact import ArtefactRefused
from app.models.item_artefact import ItemModel
from app.models.kinds import RECOMMEND
from app.models.service import load_stored, register
from ml.data.cutoffs import Untrainable, to_time
from ml.data.database import count_left_out
from ml.data.sales import load_sales
from ml.evaluation.next_basket import Figures, Trial, judge_habits, judge_ranker, lead_of
from ml.learning.ranking import TooFewBaskets
from ml.training.commands import no_orders, say_what_to_do
from ml.training.recommending import Made, Recommending, make_recommender
from ml.training.settling import BY, Verdict, now_us, settle

FEWEST_CUSTOMERS: Final = 50
"""Below so many nothing is decided: one of them would be too much of it."""
MOST_LOST: Final = 0.05
"""Of a figure, whatever chance may say: of few customers an interval reaches far."""
_DECIDING: Final = {"recall_at_10": "recall@10", "ndcg_at_10": "nDCG@10"}
"""Figures, and how they are told."""
_HABITS: Final = "habits and what sells"


class _Judged(NamedTuple):
    """Figures of one, and what they are called."""

    name: str
    figures: Figures


async def retrain_recommender(engine: AsyncEngine, settings: Settings) -> str:
    """What came of it, in a sentence. Raises Untrainable."""
    sales = await load_sales(engine, simulated=False)
    if sales is None:
        raise Untrainable(await no_orders(engine, simulated=False))
    training = Recommending(sales, "database", False, refusing=await count_left_out(engine))
    try:
        made = make_recommender(training, settings.models_directory, datetime.now(UTC), say)
    except TooFewBaskets as error:
        told = await say_what_to_do(engine, simulated=False)
        raise Untrainable(f"Recommendations are not learned: {error}. {told}") from error
    async with transaction(engine) as connection:
        registered = await register(connection, made.directory, now_us(), BY, may_serve=False)
        if registered.state != "challenger":
            return registered.sentence
        held = await queries.read_champion(connection, RECOMMEND)
        challenger = await load_stored(connection, registered.version)
        champion = None
        if held is not None and not held.is_simulated:
            try:
                champion = await load_stored(connection, held.version)
            except ArtefactRefused as error:
                say(f"The champion cannot be read. {error}")
    assert isinstance(challenger, ItemModel)
    assert champion is None or isinstance(champion, ItemModel)
    say(f"Comparing with {_HABITS if champion is None else champion.version} …")
    verdict = judge(champion, challenger, made)
    return await settle(engine, None if held is None else held.version, challenger.version, verdict, RECOMMEND)


def judge(champion: ItemModel | None, challenger: ItemModel, made: Made) -> Verdict:
    """Measures champion, or habits, challenger and twin at the last cut-off."""
    trial, twin = made.trial, made.twin
    if trial is None or twin is None:
        return Verdict(False, "Before the last cut-off there was too little to judge by.")
    count = len(trial.targets.customers)
    if count < FEWEST_CUSTOMERS:
        return Verdict(False, f"Only {count} customers came back after the last cut-off, too few to judge by.")
    if champion is None:
        holder = _Judged(_HABITS, judge_habits(trial))
    else:
        holder = _Judged("the champion", judge_ranker(champion.ranker, champion.item_ids, trial))
    others = [
        _Judged("what was learnt before it", judge_ranker(twin, trial.item_ids, trial)),
        _Judged("the new model", judge_ranker(challenger.ranker, challenger.item_ids, trial)),
    ]
    is_better = not any(is_worse(each.figures, holder.figures) for each in others)
    told = f"{'Not worse' if is_better else 'Worse'} than {holder.name} of {count:,} customers"
    figures = "; ".join([_describe(holder), *(_describe(each, holder) for each in others)])
    at = to_time(round(trial.day * DAY_US))
    return Verdict(is_better, f"{told} at {at:%Y-%m-%d}: {figures}.{_describe_advantage(champion, trial)}")


def is_worse(ours: Figures, theirs: Figures) -> bool:
    """Whether a deciding figure is lower beyond chance, or by more than MOST_LOST of it."""
    for name in _DECIDING:
        lead = lead_of(ours[name], theirs[name])
        if lead.high < 0 or lead.difference < -MOST_LOST * float(theirs[name].mean()):
            return True
    return False


def _describe(judged: _Judged, holder: _Judged | None = None) -> str:
    parts = []
    for name, told in _DECIDING.items():
        said = f"{told} {judged.figures[name].mean():.4f}"
        if holder is not None:
            lead = lead_of(judged.figures[name], holder.figures[name])
            said += f" ({lead.difference:+.4f}, {lead.low:+.4f} to {lead.high:+.4f})"
        parts.append(said)
    return f"{judged.name} {', '.join(parts)}"


def _describe_advantage(champion: ItemModel | None, trial: Trial) -> str:
    if champion is None:
        return ""
    days = (champion.data_until - to_time(round(trial.day * DAY_US))).days
    return f" The champion knew the first {days} days of what came." if days > 0 else ""
