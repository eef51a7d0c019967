"""What a retailer decides of offers: the steps, who has them, and the guard rails."""

from itertools import pairwise
from math import floor
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from app.lifecycle.value import Tier

WHOLE: Final = 10_000
"""Depths are counted in ten-thousandths of the price, so that money is reckoned in whole numbers."""
Depth = Annotated[float, Field(gt=0, le=0.9)]
Share = Annotated[float, Field(ge=0, le=1)]


_EXACT: Final = 1e-6
"""A product that is off by rounding alone is the whole number."""


def up_to(share: float) -> int:
    """The ten-thousandths of the price that are no more than a share of it."""
    return floor(share * WHOLE + _EXACT)


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class OfferPolicy:
    """Depths and shares are shares of one: 0.05 is 5 %."""

    enabled: bool = True
    """False: nobody is given an offer, and what was given is in force no more."""
    steps: Annotated[tuple[Depth, ...], Field(min_length=1, max_length=20)] = (0.05, 0.1, 0.15, 0.2)
    """The depths that there are, ascending, no finer than a ten-thousandth."""
    from_share: Share = 0.2
    """Sensitivity below which a customer buys at full price anyway, and has no offer."""
    deepest_share: Share = 0.6
    """Sensitivity from which a customer has the deepest step; the others lie evenly between."""
    least_orders: Annotated[float, Field(ge=1)] = 3
    """Before so many orders too little is known."""
    at_risk: Share = 0.5
    """Churn risk from which it is a step more."""
    sure_risk: Share = 0.2
    """Churn risk up to which it is a step less: they come anyway."""
    most_high: Share = 0.2
    """The deepest of a customer of the value tier `high`."""
    most_medium: Share = 0.15
    most_low: Share = 0.1
    """Of the tier `low`, and of whom the tier is not known."""
    margin_floor: Annotated[float, Field(ge=-1, lt=1)] = 0.1
    """Least share of the offered price that is left of it."""
    most_of_unknown_margin: Share = 0.05
    """The deepest for an item whose margin the catalogue does not know."""
    days: Annotated[float, Field(gt=0, le=365)] = 7.0
    """How long an offer is valid."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        parts = self.parts
        if any(abs(part - step * WHOLE) > _EXACT for part, step in zip(parts, self.steps, strict=True)) or not parts[0]:
            raise ValueError("a step is finer than a ten-thousandth")
        if any(after <= before for before, after in pairwise(parts)):
            raise ValueError("steps do not ascend")
        if self.from_share >= self.deepest_share and len(parts) > 1:
            raise ValueError("from_share is not below deepest_share")
        if self.sure_risk >= self.at_risk:
            raise ValueError("sure_risk is not below at_risk")
        return self

    @property
    def parts(self) -> tuple[int, ...]:
        """The steps in ten-thousandths."""
        return tuple(map(up_to, self.steps))

    def most(self, tier: Tier | None) -> float:
        """The deepest of a value tier."""
        return {"high": self.most_high, "medium": self.most_medium}.get(tier or "low", self.most_low)
