"""Consent by purpose and channel: what a customer's words on each come to.

A word on every channel overrules what was said before of one. A word on every purpose (`all`) is weaker where it
grants, and stronger where it refuses: who refused a purpose has refused it until that purpose is granted by its name,
whatever else is granted; and who refuses everything refuses what was granted before. At the same moment what is said
of everything counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from app.lifecycle.events import ALL_CHANNELS, ALL_PURPOSES
from app.lifecycle.measures import CONTACT_CHANNELS, latest_us, latest_value

MARKETING: Final = "marketing"
PERSONALIZATION: Final = "personalization"
SERVING: Final = frozenset({"service", "care"})
"""Purposes of what answers or serves a customer, whatever its group: done unless they refuse it."""

Consents = Mapping[str, Mapping[str, bool]]
"""Purpose → channel → granted or refused; a channel that is not named is as `*`."""
NO_WORDS: Final[Consents] = {}


_ON_EVERY_ACTION: Final = (ALL_PURPOSES, PERSONALIZATION, "profiling")
"""The last two are one."""


def _is_own(purpose: str) -> str:
    if purpose in _ON_EVERY_ACTION:
        raise ValueError("it is a word on every action, and none that one is for")
    return purpose


Purpose = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        json_schema_extra={"not": {"enum": [*_ON_EVERY_ACTION]}},
    ),
    AfterValidator(_is_own),
]
"""What an action is for, in the words of `consent.changed`."""


class Word(NamedTuple):
    """The latest word on a purpose and a channel, in the text that `app.lifecycle.measures.latest_text` makes."""

    purpose: str
    channel: str
    text: str


def settle(words: Iterable[Word]) -> dict[str, dict[str, bool]]:
    """What words come to, in any order, of several ids too; of no more purposes and channels than are named."""
    said: dict[str, dict[str, str]] = {}
    for purpose, channel, text in words:
        theirs = said.setdefault(purpose, {})
        theirs[channel] = max(text, theirs.get(channel, ""))
    of_all = said.get(ALL_PURPOSES, {})
    return {purpose: _settle_channels(own, of_all) for purpose, own in said.items()}


def _settle_channels(own: Mapping[str, str], of_all: Mapping[str, str]) -> dict[str, bool]:
    named = {channel for said in (own, of_all) for channel in said if _counting(said, channel) == said[channel]}
    told = {channel: prevailing(_counting(own, channel), _counting(of_all, channel)) for channel in named}
    return {channel: granted for channel, granted in told.items() if granted is not None}


def _counting(said: Mapping[str, str], channel: str) -> str | None:
    """The word that counts on a channel: its own, where it is later than that on all."""
    own, general = said.get(channel), said.get(ALL_CHANNELS)
    if own is None or general is None:
        return own or general
    return own if latest_us(own) > latest_us(general) else general


def prevailing(own: str | None, of_all: str | None) -> bool | None:
    """Whether a purpose is granted, by the latest words on it and on all purposes; None: there is none."""
    if own is None:
        return None if of_all is None else _is_granted(of_all)
    is_withdrawn = of_all is not None and not _is_granted(of_all) and latest_us(of_all) >= latest_us(own)
    return _is_granted(own) and not is_withdrawn


def _is_granted(text: str) -> bool:
    return latest_value(text) == "granted"


def word_on(purpose: str, channel: str, consents: Consents) -> bool | None:
    """Whether a purpose was granted on a channel; None: nothing was said of it."""
    told = consents.get(purpose) or consents.get(ALL_PURPOSES, {})
    return told.get(channel, told.get(ALL_CHANNELS))


def has_consent(channel: str, consents: Mapping[str, bool]) -> bool:
    """Reaching out needs a yes; serving a customer who has come to us only the absence of a no."""
    return _suffices(consents.get(channel, consents.get(ALL_CHANNELS)), channel)


def _suffices(granted: bool | None, channel: str) -> bool:
    return granted is True if channel in CONTACT_CHANNELS else granted is not False


def may_be_told(
    purpose: str, channel: str, marketing: Mapping[str, bool], purposes: Consents, *, is_asked: bool
) -> bool:
    """Whether an action for a purpose may come on a channel, by the words on marketing and on the other purposes.

    `is_asked`: it needs consent. A purpose of which nothing was said is then as marketing.
    """
    if purpose == MARKETING:
        return not is_asked or has_consent(channel, marketing)
    granted = word_on(purpose, channel, purposes)
    if not is_asked:
        return granted is not False
    return has_consent(channel, marketing) if granted is None else _suffices(granted, channel)


def words_in(rows: Sequence[Sequence[str]] | None) -> list[Word]:
    """From arrays of purpose, channel and text."""
    return [Word(*row) for row in rows or ()]
