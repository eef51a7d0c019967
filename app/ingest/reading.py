"""A raw event → its envelope and the data of its type; where they break the contract in a detail, mended."""

from typing import Any, Final

from pydantic import BaseModel, ValidationError

from app.foundation.errors import Malformed, malformed
from app.ingest.schemas import DATA_OF_TYPE, EVENT_IN, UNKNOWN_DATA, EventIn
from app.lifecycle.event_data import UnknownData
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.mending import MENDED, Mending, Path, Warned
from app.lifecycle.wrappings import NOTHING, read_object

_MOST_ROUNDS: Final = 4
"""A text becomes a list, a line of it gets an id, the id becomes a text, and all is well."""


_AROUND: Final = " " + "".join(map(chr, (*range(0x20), *range(0x7F, 0xA1))))
"""Control characters, and the space that does not break."""


def read_event(raw: Any, within: Path) -> tuple[EventIn, list[Warned]]:
    """As it came, if it is as it should be; else mended, and what was mended, its paths from the event on.

    Raises Malformed with the errors that there were at first.
    """
    try:
        envelope = EVENT_IN.validate_python(raw)
        DATA_OF_TYPE.get(envelope.type, UNKNOWN_DATA).validate_python(envelope.data)
    except ValidationError as error:
        return _read_mended(raw, malformed(error, within=(*within, *_part(error))))
    return envelope, []


def _part(error: ValidationError) -> Path:
    return () if error.title == EventIn.__name__ else ("data",)


def _read_mended(raw: Any, problem: Malformed) -> tuple[EventIn, list[Warned]]:
    try:
        envelope, warnings = _read_envelope(raw)
    except ValidationError:
        raise problem from None
    mending = Mending(envelope.data, envelope.type, _model(envelope.type))
    for _ in range(_MOST_ROUNDS):
        mending.name_lines()
        try:
            DATA_OF_TYPE.get(envelope.type, UNKNOWN_DATA).validate_python(mending.data)
        except ValidationError as error:
            if not mending.mend(error.errors(include_url=False, include_input=False)):
                raise problem from None
        else:
            envelope.data = mending.data
            return envelope, warnings + [_in_data(warned) for warned in mending.warnings]
    raise problem


def _read_envelope(raw: Any) -> tuple[EventIn, list[Warned]]:
    """Raises ValidationError where other members than the subject and the data's form are wrong."""
    try:
        return EVENT_IN.validate_python(raw), []
    except ValidationError:
        mended, warnings = _mend_envelope(raw) if isinstance(raw, dict) else (raw, [])
        if not warnings:
            raise
        return EVENT_IN.validate_python(mended), warnings


def _mend_envelope(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Warned]]:
    mended, warnings = dict(raw), []
    if "subject" in raw:
        mended["subject"] = _mend_subject(raw["subject"])
        if mended["subject"] != raw["subject"] or type(mended["subject"]) is not type(raw["subject"]):
            warnings.append(Warned(("subject",), MENDED, "It was read as a text without anything around it."))
    if isinstance(raw.get("data"), str) and (data := read_object(raw["data"])) is not NOTHING:
        mended["data"] = data
        warnings.append(Warned(("data",), MENDED, "It is a text, and was read as JSON."))
    return mended, warnings


def _model(type_: str) -> type[BaseModel]:
    return EVENT_TYPES[type_].data if type_ in EVENT_TYPES else UnknownData


def _in_data(warned: Warned) -> Warned:
    return warned._replace(path=("data", *warned.path))


def _mend_subject(subject: Any) -> Any:
    """A whole number as its digits, a text without what cannot be seen at its ends; false and what is empty is none."""
    if subject is False or subject in ({}, []):
        return None
    if isinstance(subject, float) and subject.is_integer():
        subject = int(subject)
    if isinstance(subject, int) and not isinstance(subject, bool):
        return str(subject)
    return (subject.strip(_AROUND) or None) if isinstance(subject, str) else subject
