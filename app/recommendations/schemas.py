"""Recommendations on the wire."""

from pydantic import BaseModel, ConfigDict, Field

from app.recommendations.merchant_rules import MerchantRule


class MerchantRuleListOut(BaseModel):
    rules: list[MerchantRule]


class EffectOut(BaseModel):
    """Items at one position of one scenario. `shown` are those that were in view, clicked, added or bought.

    `click_rate` and `conversion` are the shares of the shown that were clicked and bought; null where none was shown.
    """

    scenario: str
    position: int
    given: int
    shown: int
    clicked: int
    added: int
    bought: int
    click_rate: float | None
    conversion: float | None
    revenue: float


class EffectsOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    effects: list[EffectOut]
