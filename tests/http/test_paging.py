"""Cursors: what was written is read, anything else is refused."""

import base64

import pytest

from app.foundation.errors import Malformed
from app.http.paging import read_cursor, write_cursor


@pytest.mark.parametrize(
    "place", [(0,), (2**63 - 1,), (12.5, "C-1"), (-3.0, "会员"), (1_795_344_000_000_000, "/pos/1", "e-7")]
)
def test_what_was_written_is_read(place):
    cursor = write_cursor(*place)
    assert read_cursor(cursor, *map(type, place)) == list(place)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


def forge(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "=", "é", "not a cursor", write_cursor(), write_cursor("1"), write_cursor(1.0), write_cursor(1, 2)),
        *map(forge, ("1", "{}", "null", "[true]", "[null]", "[[1]]", "[-1]", f"[{2**63}]", "[1e400]", "[NaN]", "[1")),
    ],
)
def test_a_forged_cursor_is_refused(cursor):
    with pytest.raises(Malformed, match="next_cursor"):
        read_cursor(cursor, int)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1fb", "a\x7fb", "a\x85b"])
def test_a_control_character_is_refused(text):
    with pytest.raises(Malformed, match="next_cursor"):
        read_cursor(write_cursor(1, text), int, str)
