"""What the running service gives offers with."""

from app.database.gatherer import Gatherer
from app.lifecycle.pricing.policy import OfferPolicy
from app.lifecycle.pricing.sensitivity import ASSUMED, ShopShare
from app.recommendations.offers.giving import Asking, Told


class Offers:
    """The policy, the shop's share as it was learned last, and what gathers offers that are to be given."""

    def __init__(self, policy: OfferPolicy, giving: Gatherer[Asking, Told]) -> None:
        self.policy = policy
        self.shop_share: ShopShare = ASSUMED
        self.giving = giving
