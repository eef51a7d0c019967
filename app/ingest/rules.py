"""What a deployment takes events by."""

from typing import NamedTuple

from app.foundation.settings import Settings
from app.foundation.times import MAX_AHEAD_US
from app.ingest.identity_key import read_arms_key, read_identity_keys
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.kept_members import KeptMembers
from app.lifecycle.states import ITEMS_KEPT


class Rules(NamedTuple):
    """What a deployment takes events by. `country_code`: digits, of phones that are written without one."""

    currency: str
    digits: int
    identity_key: bytes
    country_code: str = ""
    ids_are_phones: bool = False
    """Whether customer ids that are mobile numbers of that country are phones."""
    ahead_us: int = MAX_AHEAD_US
    """How far ahead an event's time may be where nothing tells the right one."""
    orders: OrderIdentity = OrderIdentity()
    items_kept: int = ITEMS_KEPT
    former_keys: tuple[bytes, ...] = ()
    """By which identifiers were hashed before, the latest first: who is known by them is found."""
    kept_members: KeptMembers | None = None
    """Members of data that are kept beside what is counted; None: all."""
    first_key: bytes | None = None
    """The identity key that was the first; None: the oldest of these is."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        """By which identifiers are hashed, the latest first."""
        return (self.identity_key, *self.former_keys)

    @property
    def lasting_key(self) -> bytes:
        """By which what must outlast every rotation is hashed."""
        return self.first_key or self.keys[-1]

    @classmethod
    def read(cls, settings: Settings) -> "Rules":
        """Those of the settings, with the keys that are set or kept."""
        return cls.of(settings, *read_identity_keys(settings), read_arms_key(settings))

    @classmethod
    def of(
        cls,
        settings: Settings,
        identity_key: bytes,
        former_keys: tuple[bytes, ...] = (),
        first_key: bytes | None = None,
    ) -> "Rules":
        """Those of the settings."""
        return cls(
            settings.currency,
            settings.digits,
            identity_key,
            settings.country_code,
            settings.ids_are_phones,
            settings.ahead_minutes * 60_000_000,
            OrderIdentity.of(settings.order_identity),
            settings.items_kept,
            former_keys,
            KeptMembers.of(settings.kept_members, settings.audit_attribute),
            first_key,
        )
