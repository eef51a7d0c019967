"""Cursors of pages: where a page ends, as an opaque text."""

import base64
import binascii
from typing import Annotated, Any

import orjson
from fastapi import Query
from pydantic import Field

from app.foundation.errors import Malformed
from app.http.strict_json import is_plain_text

_Place = Annotated[
    str, Field(min_length=1, max_length=2048, pattern=r"^[A-Za-z0-9_-]+$", json_schema_extra={"format": "cursor"})
]
Cursor = Annotated[_Place | None, Query(description="The `next_cursor` of the page before, of the same list.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


def write_cursor(*place: float | str) -> str:
    """The place of a page's last row, by what rows are ordered by, as a text for a URL."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type[int] | type[float] | type[str]) -> list[Any]:
    """The place, a value of each kind. Raises Malformed for a text that `write_cursor` did not make of such."""
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error):
        place = None
    if not isinstance(place, list) or list(map(type, place)) != list(kinds) or not all(map(_may_be_sought, place)):
        raise Malformed("cursor: Give the next_cursor of an earlier page.")
    return place


def _may_be_sought(value: Any) -> bool:
    """Whether Postgres takes it: a bigint that is not negative, a float, a text that may name something."""
    if isinstance(value, int):
        return 0 <= value < 2**63
    return isinstance(value, float) or is_plain_text(value)
