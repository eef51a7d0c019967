"""CloudEvents in binary mode: attributes as `ce-` headers, the data as the body.

https://github.com/cloudevents/spec, HTTP Protocol Binding 1.0, 3.1. A body that says it is `application/cloudevents…`
is in structured mode, whatever headers come with it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from app.foundation.errors import Malformed, UnsupportedMediaType, violation
from app.http.strict_json import read_json
from app.ingest.contract import Envelope

_PREFIX: Final = b"ce-"
_STRUCTURED: Final = b"application/cloudevents"
_JSON: Final = re.compile(rb"[\w.!#$&^-]+/([\w.!#$&^-]+\+)?json")
_NO_ATTRIBUTES: Final = frozenset((b"ce-data", b"ce-data_base64", b"ce-datacontenttype"))
"""Data are the body, and `Content-Type` is what they are: a header that says otherwise is not one of the event's."""
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_REQUIRED: Final = tuple(name for name, field in Envelope.model_fields.items() if field.is_required())


def is_binary(fields: Mapping[bytes, bytes]) -> bool:
    """Whether these headers are of an event in binary mode: one that identifies events is enough."""
    has_attribute = b"ce-id" in fields or b"ce-specversion" in fields or b"ce-type" in fields or b"ce-source" in fields
    return has_attribute and not fields.get(b"content-type", b"").lower().startswith(_STRUCTURED)


def read_binary(fields: Mapping[bytes, bytes], body: bytes) -> dict[str, Any]:
    """The event as it would be in structured mode.

    Data are JSON where nothing else is said: the libraries say nothing unless the event does. Raises
    UnsupportedMediaType for other data, Unreadable, and Malformed for a header that is not in UTF-8.
    """
    media_type = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if body and media_type and not _JSON.fullmatch(media_type):
        raise UnsupportedMediaType("Send the data of an event as application/json.")
    attributes: dict[str, Any] = {
        name[len(_PREFIX) :].decode("latin-1"): _decode(name, value)
        for name, value in fields.items()
        if name.startswith(_PREFIX) and name not in _NO_ATTRIBUTES
    }
    return {**attributes, "data": read_json(body)} if body else attributes


def find_missing(event: Mapping[str, Any]) -> Malformed | None:
    """What to say where headers of required attributes did not come."""
    missing = [name for name in _REQUIRED if name not in event]
    if not missing:
        return None
    headers = ", ".join(f"ce-{name}" for name in missing)
    errors = [{"pointer": f"/{name}", "code": "missing", "detail": f"Send the header ce-{name}."} for name in missing]
    return Malformed(f"An event in binary mode needs the headers {headers} too.", errors=errors)


def _decode(name: bytes, value: bytes) -> str:
    """Quotes taken off, percent-decoded, read as UTF-8; or as Latin-1, in which older libraries send what they do not
    encode.
    """
    quoted = _QUOTED.fullmatch(value)
    plain = re.sub(rb"\\(.)", rb"\1", quoted[1]) if quoted else value
    decoded = unquote_to_bytes(plain)
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        if plain.isascii():
            known = name[len(_PREFIX) :].decode("latin-1")
            where = (known,) if known in Envelope.model_fields else ()
            raise violation(where, "A header holds what is not UTF-8 once it is percent-decoded.") from None
        return decoded.decode("latin-1")
