"""Recommendations on the wire."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.offers.schemas import OfferDepthOut


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


class DueOut(BaseModel):
    """Items that were called due, with a probability of a purchase within seven days from `said_from` up to `said_to`:
    how many, the mean of what was said, and the share that was bought. Seven days have passed of each."""

    said_from: float
    said_to: float
    items: int
    said: float
    bought: float


class EffectsOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    effects: list[EffectOut]
    due: list[DueOut]


class TitlesOut(BaseModel):
    """Where one language is missing the other serves; null: the catalogue has none."""

    en: str | None
    zh: str | None


class RecommendationReasonOut(BaseModel):
    """`rule_id` of what the merchant wished."""

    code: Literal[
        "due",
        "bought_before",
        "bought_once",
        "goes_with",
        "bought_with",
        "bought_by_others",
        "begun_by_others",
        "popular",
        "popular_in_store",
        "in_catalogue",
        "pinned",
        "boosted",
    ]
    rule_id: str | None = None
    en: str
    zh: str


class RecommendedItemOut(BaseModel):
    """`score` is the sum of `terms`, of which those that are 0 are left out.

    `due_at` and `probability`, of a purchase within seven days, are of what is due; null otherwise.
    """

    item_id: str
    rank: int
    title: TitlesOut
    score: float
    terms: dict[str, float]
    due_at: str | None
    probability: float | None
    reasons: list[RecommendationReasonOut]
    offer_depth: OfferDepthOut | None = None
    """Where `offers` were asked for; null: it could not be kept in time."""


class RecommendationOut(BaseModel):
    """`recommendation_id` null: nothing is recommended, or it could not be kept in time.

    `short_because` says why there are fewer items than were asked for.
    """

    recommendation_id: str | None
    customer_id: str | None
    scenario: str
    store: str | None
    as_of: str
    based_on: Literal["history", "basket", "popularity"]
    model_version: str | None
    degraded: bool
    degraded_because: Literal["no_model"] | None
    short_because: Literal["no_more_items", "no_more_due", "unknown_category"] | None
    items: list[RecommendedItemOut]
