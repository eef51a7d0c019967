"""What a promotion gives, as retailers agree on it with tills. Money in major units of the deployment's currency.

Nothing here is reckoned with: an action's `cost` says what a response costs. A till reads what to do.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from app.lifecycle.json_schema import having, rules, where

_Money = Annotated[float, Field(gt=0, le=1e9)]
_Threshold = Annotated[float, Field(ge=0, le=1e9)]
_Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_ItemId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Name = Annotated[str, Field(min_length=1, max_length=120)]
_SLACK = 1e-9
"""Chances are decimal fractions, whose sum is off by rounding."""


class _Mechanic(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: _Threshold = 0.0
    """Least total of the order, after other discounts."""


class AmountOff(_Mechanic):
    """满减: so much off an order from the threshold on; off each full threshold where it is `repeated` (每满减)."""

    model_config = ConfigDict(
        json_schema_extra=rules(where({"repeated": {"const": True}}, having({"threshold": {"exclusiveMinimum": 0}})))
    )

    kind: Literal["amount_off"]
    amount: _Money
    repeated: bool = False

    @model_validator(mode="after")
    def _is_below_threshold(self) -> Self:
        if self.threshold and self.amount > self.threshold:
            raise ValueError("amount is more than the threshold")
        if self.repeated and not self.threshold:
            raise ValueError("repeated needs a threshold")
        return self


class PercentageOff(_Mechanic):
    """`percent` off, `most` at the utmost."""

    kind: Literal["percentage"]
    percent: Annotated[float, Field(gt=0, le=100)]
    most: _Money | None = None


class Gift(_Mechanic):
    """An item for nothing."""

    kind: Literal["gift"]
    item_id: _ItemId
    quantity: Annotated[int, Field(ge=1, le=100)] = 1


class PointsMultiple(_Mechanic):
    """So many times the usual points."""

    kind: Literal["points_multiple"]
    factor: Annotated[float, Field(gt=1, le=100)]


class Coupon(_Mechanic):
    """Money off that is carried to a later order. `code`: of the shop system; None: it makes one for each."""

    kind: Literal["coupon"]
    amount: _Money
    code: _Code | None = None

    @model_validator(mode="after")
    def _is_below_threshold(self) -> Self:
        if self.threshold and self.amount > self.threshold:
            raise ValueError("amount is more than the threshold")
        return self


class Prize(BaseModel):
    """What one draw in so many wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    chance: Annotated[float, Field(gt=0, le=1)]
    value: Annotated[float, Field(ge=0, le=1e9)]


class Lottery(_Mechanic):
    """A draw; who wins none of the prizes wins nothing."""

    kind: Literal["lottery"]
    prizes: Annotated[tuple[Prize, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _is_a_chance(self) -> Self:
        if sum(prize.chance for prize in self.prizes) > 1 + _SLACK:
            raise ValueError("the chances are more than 1 together")
        return self


def _variant(told: Any) -> str:
    return f"\x1f{told.get('kind') if isinstance(told, dict) else getattr(told, 'kind', None)}"


Mechanic = Annotated[
    Annotated[AmountOff, Tag("\x1famount_off")]
    | Annotated[PercentageOff, Tag("\x1fpercentage")]
    | Annotated[Gift, Tag("\x1fgift")]
    | Annotated[PointsMultiple, Tag("\x1fpoints_multiple")]
    | Annotated[Coupon, Tag("\x1fcoupon")]
    | Annotated[Lottery, Tag("\x1flottery")],
    Discriminator(_variant),
]
"""A tag begins with a character that no path of a member has, so that errors can leave it out of their pointers."""
