"""Values of policies on the wire. Money in margin, major units of the currency."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.lifecycle.actions import ActionId
from app.lifecycle.off_policy import Warned

Factor = Annotated[float, Field(ge=0, le=1000)]


class PolicyIn(BaseModel):
    """A policy to be judged: what each action is thought to be worth times its factor (left out: 1; 0: never chosen),
    chosen among with the share `exploration` of chance; on the decisions of so many days until now."""

    model_config = ConfigDict(extra="forbid")

    factors: dict[ActionId, Factor] = {}
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.0
    days: Annotated[int, Field(ge=1, le=366)] = 90


class EstimateOut(BaseModel):
    """A mean reward of a decision, and its 95 % interval."""

    value: float
    low: float
    high: float


class PolicyValueOut(BaseModel):
    """`as_decided` is the mean reward of the decisions that are judged. `warnings`: the log answers badly
    (`few_effective`), cannot answer since what the policy chooses was never tried (`lacking_support`), or weights were
    cut (`clipped`)."""

    decisions: int
    as_decided: float
    inverse_propensity: EstimateOut
    self_normalised: EstimateOut | None
    doubly_robust: EstimateOut | None
    effective_sample_size: float
    clipped: int
    warnings: list[Warned]
