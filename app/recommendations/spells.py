"""How long lists stay as they are while nobody changes anything: until the hour, an item or a rule ends or begins."""

from collections.abc import Sequence

from app.foundation.times import to_us
from app.recommendations.assortment import Assortment
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.service import HOUR_US


class Spells:
    """Of one assortment; the latest one is held, since requests are nearly all of the same."""

    def __init__(self, assortment: Assortment) -> None:
        self._assortment = assortment
        self._rules: Sequence[MerchantRule] | None = None
        self._from_us = self._until_us = 0

    def until_us(self, rules: Sequence[MerchantRule], now_us: int) -> int:
        """The end of the spell that a time is in."""
        if rules is not self._rules or not self._from_us <= now_us < self._until_us:
            next_hour_us = now_us - now_us % HOUR_US + HOUR_US
            ends_us = (self._assortment.next_change_us(now_us), _next_rule_us(rules, now_us), next_hour_us)
            self._rules, self._from_us, self._until_us = rules, now_us, min(ends_us)
        return self._until_us


def _next_rule_us(rules: Sequence[MerchantRule], now_us: int) -> int:
    """When the next rule comes into force, or is so no more; an hour on where none does so sooner."""
    times_us = [to_us(at) for rule in rules for at in (rule.valid_from, rule.valid_to) if at is not None]
    return min((each for each in times_us if each > now_us), default=now_us + HOUR_US)
