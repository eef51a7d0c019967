"""Contact policy: how often, when and with whose leave a customer is approached, whatever an action is worth."""

from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.lifecycle.actions import Group
from app.lifecycle.json_schema import lacking, rules, where
from app.lifecycle.measures import CONTACT_CHANNELS, SALES_CHANNELS, Channel

GROUPS: Final[tuple[Group, ...]] = get_args(Group)
_UNASKED: Final[tuple[Group, ...]] = ("offer", "care", "survey", "loyalty")


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("it is no time zone of the IANA database, such as Asia/Shanghai") from None
    return name


TimeZone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="Of the IANA database.",
        examples=["Asia/Shanghai"],
    ),
    AfterValidator(_check_zone),
]


def _minute(clock: str) -> int:
    return 60 * int(clock[:2]) + int(clock[3:])


Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Days = Annotated[int, Field(ge=1, le=365)]
SCOPES: Final[dict[Any, tuple[str, ...]]] = {"channel": get_args(Channel), "group": GROUPS}


_NAMES: Final = rules(
    where({"scope": {"const": "all"}}, lacking("name")),
    *(
        where({"scope": {"const": scope}}, {"properties": {"name": {"enum": [*names, None]}}})
        for scope, names in SCOPES.items()
    ),
)


class Cap(BaseModel):
    """At most so many contacts in a window that ends now.

    Of all of them together, or of a channel, group or action: the one of that `name`, or each by itself. It counts and
    holds back what is on `channels` and of `groups`: where one of them is named, of that one alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_NAMES)

    scope: Literal["all", "channel", "group", "action"]
    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    most: Annotated[int, Field(ge=0, le=1000)]
    window_days: Days
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = CONTACT_CHANNELS
    groups: Annotated[tuple[Group, ...], Field(min_length=1)] = GROUPS

    @model_validator(mode="before")
    @classmethod
    def _keep_to_its_name(cls, told: Any) -> Any:
        """Else a cap of a channel where customers are served would have only those on which they are reached, and hold
        nothing back."""
        scope = told.get("scope") if isinstance(told, dict) else None
        if isinstance(scope, str) and told.get("name") in SCOPES.get(scope, ()):
            return {**told, f"{told['scope']}s": (told["name"],)}
        return told

    @model_validator(mode="after")
    def _check_name(self) -> "Cap":
        if self.scope == "all" and self.name is not None:
            raise ValueError("a cap of all contacts has no name")
        if self.name is not None and self.name not in SCOPES.get(self.scope, (self.name,)):
            raise ValueError(f"there is no such {self.scope}")
        return self


class QuietHours(BaseModel):
    """From one local time to another, of the next day where that is not later; on channels that would wake people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    begins: Clock
    ends: Clock

    @property
    def end_minute(self) -> int:
        """Of the day, that they end at."""
        return _minute(self.ends)

    def has(self, minute: int) -> bool:
        """Whether a local minute of the day is among them."""
        begins, ends = _minute(self.begins), self.end_minute
        return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


_DEFAULT_CAPS: Final = (
    Cap(scope="all", most=3, window_days=7, groups=_UNASKED),
    Cap(scope="channel", name="phone", most=1, window_days=30, groups=_UNASKED),
    Cap(scope="channel", name="sms", most=2, window_days=14, groups=_UNASKED),
    Cap(scope="group", name="survey", most=1, window_days=30),
)
_WAKING: Final[tuple[Channel, ...]] = ("sms", "phone", "push", "wechat")


class ContactPolicy(BaseModel):
    """What a retailer has decided on reaching its customers. The defaults are what it begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    caps: Annotated[tuple[Cap, ...], Field(max_length=50)] = _DEFAULT_CAPS
    quiet_hours: Annotated[tuple[QuietHours, ...], Field(max_length=20)] = (
        QuietHours(channels=_WAKING, begins="21:00", ends="08:00"),
    )
    time_zone: TimeZone | None = None
    """Of customers whose own is not known; None: the deployment's."""
    marketing_groups: tuple[Group, ...] = _UNASKED
    """What needs consent to marketing; what is not among them answers the customer."""
    profiled_groups: tuple[Group, ...] = _UNASKED
    """What is chosen by a profile, and so not for who refuses personalization."""
    paused_by_bad_csat: tuple[Group, ...] = ("offer", "loyalty", "survey")
    bad_csat: Annotated[float, Field(ge=1, le=5)] = 2.0
    """A satisfaction of so much or less, of 1 to 5, pauses those…"""
    bad_csat_days: Days = 14
    """…for so long."""
    shown_at_once: tuple[Channel, ...] = SALES_CHANNELS
    """Where whoever asks has the customer before them: what is decided there counts as delivered."""
    reserved_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 72
    """After which what was decided and not delivered is given back."""
