"""What the running service recommends with."""

from collections.abc import Sequence

from app.recommendations.merchant_rules import MerchantRule


class Recommendations:
    """The merchant's rules, read anew every few seconds."""

    def __init__(self) -> None:
        self.rules: Sequence[MerchantRule] = ()
