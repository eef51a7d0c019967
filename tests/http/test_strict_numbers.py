"""Numbers out of range, in whatever form and place JSON lets them stand."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import Unreadable
from app.http import strict_json
from app.http.strict_json import read_json, write_whole

DIGITS = st.text("0123456789", min_size=1, max_size=24)
NUMBERS = st.builds(
    lambda sign, whole, fraction, exponent: sign + (whole.lstrip("0") or "0") + fraction + exponent,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(lambda digits: f".{digits}")),
    st.one_of(st.just(""), st.from_regex(r"[eE][+-]?0{0,3}[0-9]{1,3}", fullmatch=True)),
)
PLACES = st.sampled_from(["[{}]", "[1, {}]", '{{"a": {}}}', '{{"a":\n\t{}}}', '{{"id": "e123", "b": [ {} ]}}', "{}"])


@given(NUMBERS, PLACES)
def test_a_number_is_refused_where_no_column_has_room_for_it(number, place):
    value = json.loads(number)
    is_large = not -(2**63) <= value < 2**63 if isinstance(value, int) else math.isinf(value)
    body = place.format(number).encode()
    if is_large:
        with pytest.raises(Unreadable):
            read_json(body)
    else:
        assert read_json(body) == json.loads(body)


@pytest.mark.parametrize("id_", ["hello-1795721163710984965", "0b6e4510-e123-4e56-8e789-0123456789ab", "e+999"])
def test_texts_that_look_like_large_numbers_cost_no_second_look(id_, monkeypatch):
    """Ids of nanoseconds and UUIDs are of every other body."""
    monkeypatch.setattr(strict_json, "_check_bounds", lambda *_: pytest.fail("looked again"))
    assert read_json(json.dumps({"id": id_, "total": 12.5}).encode())["id"] == id_


def test_whole_numbers_are_whole_however_they_are_written():
    written = write_whole({"a": [509.0, -0.0, 0.5, 1e300], "b": {"c": 3.0, "d": "3.0"}, "e": True})
    assert json.dumps(written) == '{"a": [509, 0, 0.5, 1e+300], "b": {"c": 3, "d": "3.0"}, "e": true}'
