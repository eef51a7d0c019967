"""Effects of actions on the wire. Money in margin, major units of the currency."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.lifecycle.arms import Arm


class GroupOut(BaseModel):
    """`rate`: the share that bought within the window; `value`: margin of what a person bought in it. Null: nobody."""

    persons: int
    buyers: int
    rate: float | None
    value: float | None


class DifferenceOut(BaseModel):
    """Treated less control, with its 95 % interval."""

    estimate: float
    low: float
    high: float


class EffectOfActionOut(BaseModel):
    """`treated` were to be offered the action, `control` would have been. `incremental_value` is of all treated, before
    `cost`; `return` is (incremental value − cost) / cost, null where it costs nothing. Null: too few to compare."""

    model_config = ConfigDict(populate_by_name=True)

    action_id: str
    stage: str
    channel: str
    treated: GroupOut
    control: GroupOut
    response_rate: float | None
    uplift: DifferenceOut | None
    value_uplift: DifferenceOut | None
    cost: float
    incremental_value: DifferenceOut | None
    return_: Annotated[float | None, Field(alias="return")]


class EffectOfArmOut(GroupOut):
    """`uplift` and `value_uplift` are against the control group; null: of itself, or too few to compare."""

    arm: Arm
    uplift: DifferenceOut | None
    value_uplift: DifferenceOut | None


class SampleRatioOut(BaseModel):
    """`p`: how probable it is that chance made the sides as large as they are; null: too few to say."""

    p: float | None
    is_mismatch: bool


class EffectsOfActionsOut(BaseModel):
    """`is_mature`: the window of all that was decided has passed; else what is to come will change the figures.

    `sample_ratio` is of the arms' persons of this time: a mismatch says that something keeps persons of an arm away, or
    has them come more often, and that no figure here is to be believed (`warnings`).
    """

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[str, Field(alias="from")]
    to: str
    window_days: int
    is_mature: bool
    currency: str
    actions: list[EffectOfActionOut]
    arms: list[EffectOfArmOut]
    sample_ratio: SampleRatioOut
    warnings: list[Literal["sample_ratio_mismatch"]]
