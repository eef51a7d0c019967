"""What is kept of a customer, as it is read."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from app.lifecycle.consents import MARKETING, NO_WORDS, Consents, Word, prevailing, settle, words_in
from app.lifecycle.events import ALL_CHANNELS, ALL_PURPOSES
from app.lifecycle.measures import EMPTY, LATEST, NUMERIC, latest_us, latest_value, numbers_of

_NUMBER: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_TEXT: Final = {measure.name: index for index, measure in enumerate(LATEST)}
_CONSENTS: Final = tuple(
    (name.removeprefix("consent_marketing").removeprefix("_") or ALL_CHANNELS, index)
    for name, index in _TEXT.items()
    if name.startswith("consent_marketing")
)


_PERSONALIZATION: Final = _TEXT["consent_personalization"]


class CustomerState(NamedTuple):
    """A customer as read: numbers in the order of NUMERIC, texts of LATEST.

    `offered` is a JSON object of action → time of its last offer. `complaint_standing` is how many complaints are open,
    and when the latest of the others was resolved (µs); None for who never complained. `consent_words` are purpose,
    channel and text of the words on purposes beside marketing and personalization, None for no word. `person_id` is the
    id that the person goes by, None for one who was not looked for among persons, and goes by the own id. `is_erased`:
    nothing may be kept of them.
    """

    customer_id: str
    numbers: list[float | None]
    texts: list[str | None]
    offered: str | None = None
    complaint_standing: Sequence[int | None] | None = None
    consent_words: Sequence[Sequence[str]] | None = None
    person_id: str | None = None
    is_erased: bool = False

    @property
    def open_complaints(self) -> int:
        """Those that were not resolved since they were last opened."""
        return (self.complaint_standing[0] or 0) if self.complaint_standing else 0

    @property
    def complaint_resolved_us(self) -> int | None:
        """When the latest of the complaints that are settled was; None: there is none."""
        return self.complaint_standing[1] if self.complaint_standing else None

    def number(self, measure: str) -> float | None:
        """A measure by name; None: it has no value."""
        return self.numbers[_NUMBER[measure]]

    def latest(self, measure: str) -> str | None:
        """The value of a latest-value measure by name."""
        return latest_value(self.texts[_TEXT[measure]])

    def consents(self) -> dict[str, bool]:
        """Channel → the latest word on marketing there.

        As `app.lifecycle.consents` settles it; personalization refused is marketing refused, since every action here is
        personal.
        """
        said = [Word(MARKETING, channel, text) for channel, at in _CONSENTS if (text := self.texts[at])]
        if not said and not self.texts[_PERSONALIZATION] and not self.consent_words:
            return {}
        settled = settle([*said, *words_in(self.consent_words)])
        consents = settled.get(MARKETING) or settled.get(ALL_PURPOSES) or {}
        return {**dict.fromkeys(consents, False), ALL_CHANNELS: False} if self.refuses_profiling else consents

    def purposes(self) -> Consents:
        """Purpose → channel → the latest word, of the others than marketing and personalization."""
        return settle(words_in(self.consent_words)) if self.consent_words else NO_WORDS

    @property
    def refuses_profiling(self) -> bool:
        """Whether the latest word on personalization is no, or everything was refused since."""
        own = self.texts[_PERSONALIZATION]
        if not self.consent_words:
            return latest_value(own) == "denied"
        of_all = [word.text for word in words_in(self.consent_words) if word[:2] == (ALL_PURPOSES, ALL_CHANNELS)]
        return prevailing(own, max(of_all, default=None)) is False

    def permitted(self) -> "CustomerState":
        """What a customer may be profiled by: nothing of who refuses it, as of somebody of whom there is no event."""
        return self._replace(numbers=numbers_of(EMPTY)) if self.refuses_profiling else self

    @property
    def csat(self) -> float | None:
        """The latest satisfaction, 1 to 5."""
        told = self.latest("latest_csat")
        return float(told) if told else None

    @property
    def csat_us(self) -> int | None:
        """When that was."""
        text = self.texts[_TEXT["latest_csat"]]
        return latest_us(text) if text else None

    def offered_us(self) -> dict[str, int]:
        """Action → time of its last offer."""
        return orjson.loads(self.offered) if self.offered else {}


def newcomer(customer_id: str, offered: str | None = None, *, is_erased: bool = False) -> CustomerState:
    """The state of someone of whom there is no event."""
    return CustomerState(customer_id, numbers_of(EMPTY), [None] * len(LATEST), offered, is_erased=is_erased)
