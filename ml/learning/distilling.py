"""Step tables from a model that is none: an additive student of its scores, for the server's one way to score."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from app.lifecycle.features import Floats
from app.lifecycle.own_money import OwnMoney
from ml.learning.additive import AdditiveModel, Recipe, heard_edges, pooled_score, read_tables
from ml.learning.bins import bin_codes, bin_edges, has_say
from ml.learning.line import Companion

_TREES: Final = {
    "interaction_cst": "no_interactions",
    "learning_rate": 0.1,
    "max_iter": 400,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 10,
    "early_stopping": False,
    "random_state": 0,
}


def distil(
    scores: Floats, features: Floats, weights: Floats, recipe: Recipe, own: OwnMoney | None = None
) -> AdditiveModel:
    """The additive model nearest to `scores` (n,) in the link, by squared error weighted with `weights` (n,).

    `features` is (n, len(FEATURES)); of the recipe count link, directions and what is apart. `scores` are without what
    `own` money adds to them. There is no noise to learn by heart, so the trees go deep.
    """
    edges = heard_edges(features, lambda _, column: bin_edges(column), recipe.apart)
    codes = bin_codes(features, edges)
    student = _fit_student(codes, scores, weights, recipe.directions[has_say(edges)])
    with threadpool_limits(1):
        tables = read_tables(lambda at: np.asarray(student.predict(at)), codes, edges)
    return AdditiveModel(recipe.link, (), None, edges, 1, tables, own=own)


@dataclass(frozen=True, slots=True)
class Taught:
    """A classic model's additive student beside the line, if there is one; the student's say is `share`.

    `features` are all that have a say, `line_at` the places of the line's among them.
    """

    features: tuple[int, ...]
    student: HistGradientBoostingRegressor
    share: float
    line: Companion | None
    line_at: tuple[int, ...]

    def score(self, codes: Floats, periods: NDArray[np.int64] | int) -> Floats:
        """Bin codes (features, n), and the period of each or of all → (n,) in the link."""
        with threadpool_limits(1):
            taught = np.asarray(self.student.predict(codes.T))
        if self.line is None:
            return taught
        return self.share * taught + (1 - self.share) * self.line.score(codes[list(self.line_at)], periods)


def teach(model: AdditiveModel, scores: Floats, features: Floats, recipe: Recipe, past: Floats) -> AdditiveModel:
    """The model with the student of a classic in the line's half of the score, as `recipe.classic_share` says.

    The classic says `scores` (n,), in the link, of customers with `features` (n, len(FEATURES)). `past` are
    the rows that the model was fitted to, on which the tables are centred.
    """
    edges = model.edges
    own = tuple(np.flatnonzero(has_say(edges)).tolist())
    if not recipe.classic_share or not own:
        return model
    codes = bin_codes(features, edges)
    student = _fit_student(codes, scores - np.log(model.unit), np.ones(len(scores)), recipe.directions[list(own)])
    at = () if model.line is None else tuple(own.index(feature) for feature in model.line.features)
    line = Taught(own, student, recipe.classic_share, model.line, at)
    score = pooled_score(model.link, model.trees, line, edges, model.periods, model.unit, model.stretch)
    return replace(model, line=line, tables=read_tables(score, bin_codes(past, edges), edges))


def _fit_student(
    codes: Floats, scores: Floats, weights: Floats, directions: NDArray[np.int64]
) -> HistGradientBoostingRegressor:
    student = HistGradientBoostingRegressor(monotonic_cst=directions, **_TREES)
    with threadpool_limits(1):
        return student.fit(codes, scores, sample_weight=weights)
