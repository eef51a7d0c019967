"""Many customers scored at once, as arrays: what sweep, publishing, batches and monitoring share.

To the last bit what `app.scores.service` says of each alone from the same features.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.arithmetic import MANY
from app.lifecycle.features import Floats, features
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import Forecasts
from app.lifecycle.stage_arrays import Judgements, Rhythms, judge_stages, measure_rhythms
from app.models.artefact import Model
from app.scores.scoring import Scoring, foreseen_at_stake, presume, value_at_stake

_AT: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_ORDERS, _SPEND, _REFUNDED = _AT["orders"], _AT["spend_minor"], _AT["refunded_minor"]


class Foreseen(NamedTuple):
    """Feature rows, (n, len(FEATURES)); who has ever bought, (n,); and what each model expects of everybody."""

    rows: Floats
    has_bought: NDArray[np.bool_]
    by_model: list[Forecasts]


class ScoreColumns(NamedTuple):
    """Customers at one time, (n,) each but for the feature rows, (n, len(FEATURES)).

    Expected within the horizon of the model or of the rules: churn risk, orders, spend in minor units. At stake:
    major units. Of who never bought all of these are NaN, and the rhythm means nothing; of who gave back whatever they
    bought the spend is 0.
    """

    rows: Floats
    has_bought: NDArray[np.bool_]
    rhythms: Rhythms
    judgements: Judgements
    expected: Forecasts
    at_stake: Floats

    @property
    def expected_loss(self) -> Floats:
        """(n,): churn risk × value at stake, major units; 0 of who never bought, with whom nothing is lost."""
        return np.where(self.has_bought, self.expected.churn_risk * self.at_stake, 0.0)


def score_columns(states: Floats, as_of_us: float, scoring: Scoring) -> ScoreColumns:
    """State vectors, (n, len(NUMERIC)), NaN where a measure has no value, at one time in µs since 1970 UTC.

    Features, forecast, rhythm, stage and value, each once; no reasons: those are `Scorecard.terms` of the rows.
    """
    rows, has_bought, by_model = foresee(states, as_of_us, [] if scoring.model is None else [scoring.model])
    rhythms = measure_rhythms(rows, scoring.policy, scoring.usual_gap_days)
    bought = states[:, _ORDERS], states[:, _SPEND] - states[:, _REFUNDED]
    with np.errstate(divide="ignore", invalid="ignore"):
        if by_model:
            (expected,) = by_model
            at_stake = foreseen_at_stake(expected.spend_minor, expected.churn_risk, scoring.digits, MANY)
        else:
            expected = Forecasts(*presume(rhythms, *bought, scoring, MANY))
            at_stake = value_at_stake(rhythms, *bought, scoring, MANY)
    known = [np.where(has_bought, column, np.nan) for column in (*expected, at_stake)]
    known[2] = np.where(~has_bought & (states[:, _SPEND] > 0), 0.0, known[2])  # everything was given back
    judgements = judge_stages(rows, rhythms, known[0], scoring.policy)
    return ScoreColumns(rows, has_bought, rhythms, judgements, Forecasts(*known[:3]), known[3])


def foresee(states: Floats, as_of_us: float, models: Sequence[Model]) -> Foreseen:
    """The first half of `score_columns`: what needs no stage policy. Of who never bought a forecast means nothing."""
    rows = features(states, as_of_us)
    return Foreseen(rows, states[:, _ORDERS] > 0, [model.scorecard.forecast(rows, as_of_us) for model in models])
