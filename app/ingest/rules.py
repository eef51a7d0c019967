"""What a deployment takes events by."""

from typing import NamedTuple

from app.foundation.settings import Settings
from app.foundation.times import MAX_AHEAD_US
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.kept_members import KeptMembers
from app.lifecycle.states import ITEMS_KEPT


class Rules(NamedTuple):
    """What a deployment takes events by. `country_code`: digits, of phones that are written without one."""

    currency: str
    digits: int
    identity_key: bytes
    country_code: str = ""
    ahead_us: int = MAX_AHEAD_US
    """How far ahead an event's time may be where nothing tells the right one."""
    orders: OrderIdentity = OrderIdentity()
    items_kept: int = ITEMS_KEPT
    kept_members: KeptMembers | None = None
    """Members of data that are kept beside what is counted; None: all."""

    @classmethod
    def of(cls, settings: Settings, identity_key: bytes) -> "Rules":
        """Those of the settings."""
        return cls(
            settings.currency,
            settings.digits,
            identity_key,
            settings.country_code,
            settings.ahead_minutes * 60_000_000,
            OrderIdentity.of(settings.order_identity),
            settings.items_kept,
            KeptMembers.of(settings.kept_members, settings.audit_attribute),
        )
