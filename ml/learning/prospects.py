"""What becomes of prospects, learnt: a first order within the horizon, and whether they prove to be of the best.

Additive trees where enough first orders were seen after past cut-offs; else one rule of recency and activity, whose
rate is shrunk to an assumption (`app.lifecycle.prospects`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.prospects import PRIOR_BEST, PRIOR_RATE, RULE_DAYS, ProspectCard
from app.lifecycle.scorer import StepTables
from app.lifecycle.targets import Link
from ml.data.cutoffs import FEWEST_OF_EACH, Untrainable, learning_cutoffs, span_of
from ml.data.prospects import ProspectStates, prospect_states
from ml.learning.additive import SILENCE, AdditiveModel, Recipe, fit_additive

RECIPE: Final = Recipe(Link.LOG_ODDS, -SILENCE)
"""More silence never makes a first order likelier, more visits of late never less likely."""
PRIOR_TOUCHES: Final = 50.0
PRIOR_BUYERS: Final = 10.0
"""How much the assumptions weigh: as so many touches, and as so many who bought a first time."""


@dataclass(frozen=True, slots=True)
class LearnedProspects:
    """The card, what it was learned from, and the fitted models behind its tables, by target."""

    card: ProspectCard
    past: ProspectStates | None = None
    models: Mapping[str, AdditiveModel] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The member of a manifest."""
        past, (first_order, likeness) = self.past, self.card.methods
        return {
            "first_order_method": first_order,
            "likeness_method": likeness,
            "data_sufficiency": self.card.data_sufficiency,
            "rows": 0 if past is None else len(past.customer_ids),
            "first_buyers": 0 if past is None else _count(past, past.has_first_order),
            "best_customers": 0 if past is None else _count(past, past.is_best),
        }


def learn_prospects(events: ir.Table, at_us: int, horizon_days: int) -> LearnedProspects:
    """From the events before `at_us`, for use from then on. Where nothing can be learned the assumptions serve."""
    known = events.filter(events.occurred_us < at_us)
    try:
        cutoffs = learning_cutoffs(span_of(known), at_us - horizon_days * DAY_US, horizon_days)
    except Untrainable:
        cutoffs = []
    if not cutoffs:
        return LearnedProspects(ProspectCard(horizon_days))
    past = prospect_states(known, cutoffs, horizon_days)
    if not len(past.customer_ids):
        return LearnedProspects(ProspectCard(horizon_days))
    return fit_prospects(past, horizon_days)


def fit_prospects(past: ProspectStates, horizon_days: int) -> LearnedProspects:
    """From prospects at past cut-offs, whose horizons are over."""
    rows = past.features()
    card = _learn_rule(past, rows, horizon_days)
    models = {
        name: fit_additive(rows, labels, RECIPE, past.customer_ids, None)
        for name, labels in (("first_order", past.has_first_order), ("likeness", past.is_best))
        if _are_enough(past, labels)
    }
    tables: dict[str, StepTables] = {name: model.tables for name, model in models.items()}
    learned = ProspectCard(
        horizon_days, tables.get("first_order"), tables.get("likeness"), card.rate, card.best_share, True
    )
    return LearnedProspects(learned, past, models)


def _learn_rule(past: ProspectStates, rows: Floats, horizon_days: int) -> ProspectCard:
    """Rate and share as they came, shrunk to the assumptions."""
    touches = float(ProspectCard.touches(rows).sum()) * horizon_days / RULE_DAYS
    first, best = int(past.has_first_order.sum()), int((past.has_first_order & past.is_best).sum())
    rate = (first + PRIOR_RATE * PRIOR_TOUCHES) / (touches + PRIOR_TOUCHES)
    share = (best + PRIOR_BEST * PRIOR_BUYERS) / (first + PRIOR_BUYERS)
    return ProspectCard(horizon_days, rate=rate, best_share=share, is_learned=True)


def _are_enough(past: ProspectStates, labels: NDArray[np.bool_]) -> bool:
    return min(_count(past, labels), _count(past, ~labels)) >= FEWEST_OF_EACH


def _count(past: ProspectStates, labels: NDArray[np.bool_]) -> int:
    """Different customers of whom it holds at some cut-off."""
    return len(np.unique(past.customer_ids[labels].astype(str)))
