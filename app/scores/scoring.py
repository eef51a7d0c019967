"""What scores are made with, and what is expected by rules and at stake; of one customer or of many alike."""

from typing import Final, Literal, NamedTuple

from app.foundation.settings import Settings
from app.lifecycle.arithmetic import ONE, Arithmetic, Number
from app.lifecycle.prospects import ProspectCard
from app.lifecycle.stages import Pace, StagePolicy, presume_active, risk_if_active
from app.lifecycle.value import TierBounds, spend_if_staying
from app.models.artefact import Model

RULES: Final = "rules"
"""The method where no model serves, and of who never bought."""


class Scoring(NamedTuple):
    """What scores are made with: the model (None: rules), the stage policy, how money is written, and the
    bounds of the value tiers (None: there is no model to draw them from)."""

    model: Model | None
    policy: StagePolicy
    horizon_days: int
    currency: str
    digits: int
    bounds: TierBounds | None = None

    @classmethod
    def of(cls, settings: Settings, model: Model | None) -> "Scoring":
        """By the settings and the model in force."""
        bounds = None if model is None else model.value.bounds(settings.value_shares)
        return cls(model, settings.stages, settings.churn_horizon_days, settings.currency, settings.digits, bounds)

    @property
    def usual_gap_days(self) -> float:
        """The usual gap between orders of all customers."""
        known = None if self.model is None else self.model.rhythm_days
        return known if known is not None and known > 0 else self.policy.rhythm_days

    @property
    def prospects(self) -> ProspectCard:
        """What is foretold of who never bought: the model's, or the rule where it has none."""
        known = None if self.model is None else self.model.prospects
        return ProspectCard(self.answer_days) if known is None else known

    @property
    def prospects_lack(self) -> Literal["no_model", "old_model"] | None:
        """Why nothing was learned of who never bought; None: it was looked at."""
        if self.model is None:
            return "no_model"
        return "old_model" if self.model.prospects is None else None

    @property
    def answer_days(self) -> int:
        """The horizon of what is told of those who have bought: the model's, or that of the rules."""
        return self.horizon_days if self.model is None else self.model.horizon_days


def presume(
    rhythm: Pace, orders: Number, net_minor: Number, scoring: Scoring, of: Arithmetic = ONE
) -> tuple[Number, Number, Number]:
    """By rules: churn risk, orders and spend (minor units) in the horizon, of who has bought.

    Who is still active orders at their own rhythm, as much as their average order; `net_minor` is all their spend
    less refunds.
    """
    days, _, _, _ = rhythm
    active = presume_active(rhythm, of)
    expected_orders = active * scoring.horizon_days / days
    expected_minor = expected_orders * (of.larger(net_minor, 0.0) / orders)
    return risk_if_active(active, days, scoring.horizon_days, of), expected_orders, expected_minor


def value_at_stake(rhythm: Pace, orders: Number, net_minor: Number, scoring: Scoring, of: Arithmetic = ONE) -> Number:
    """By rules: what someone who has bought spends in a horizon at their own rhythm and average order; major units.

    At least one order: nobody is worth less than the next purchase they may make. `net_minor` is as of `presume`.
    """
    days, _, _, _ = rhythm
    spend = of.larger(net_minor, 0.0) / 10**scoring.digits
    return spend / orders * of.larger(scoring.horizon_days / days, 1.0)


def foreseen_at_stake(spend_minor: Number, churn_risk: Number, digits: int, of: Arithmetic = ONE) -> Number:
    """By a model: what someone spends in its horizon if they buy in it at all; major units."""
    return spend_if_staying(spend_minor, churn_risk, of) / float(10**digits)
