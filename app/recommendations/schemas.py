"""Recommendations on the wire."""

from pydantic import BaseModel

from app.recommendations.merchant_rules import MerchantRule


class MerchantRuleListOut(BaseModel):
    rules: list[MerchantRule]
