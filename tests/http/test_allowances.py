"""What a key may ask for, by a clock that the tests set."""

import pytest

from app.foundation.errors import TooMany
from app.http import allowances
from app.http.allowances import Allowances


class Clock:
    now_s = 50.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def test_a_key_has_some_seconds_worth_and_then_what_comes_in(clock):
    keys = Allowances(10, clock)
    keys.charge(b"a", 50)
    with pytest.raises(TooMany):
        keys.charge(b"a", 1)
    clock.now_s += 1
    keys.charge(b"a", 10)
    with pytest.raises(TooMany):
        keys.charge(b"a", 1)


def test_one_key_takes_nothing_of_another(clock):
    keys = Allowances(10, clock)
    keys.charge(b"a", 50)
    keys.charge(b"b", 50)


def test_what_is_refused_costs_nothing(clock):
    keys = Allowances(10, clock)
    keys.charge(b"a", 45)
    with pytest.raises(TooMany):
        keys.charge(b"a", 6)
    keys.charge(b"a", 5)


def test_the_answer_tells_how_much_is_left_and_when_to_come_again(clock):
    keys = Allowances(10, clock)
    keys.charge(b"a", 47)
    with pytest.raises(TooMany) as refusal:
        keys.charge(b"a", 30)
    response = refusal.value.response()
    assert response.status_code == 429
    assert response.headers["retry-after"] == "3"
    assert response.headers["ratelimit-policy"] == '"units";q=50;w=5'
    assert response.headers["ratelimit"] == '"units";r=3;t=3'
    assert response.media_type == "application/problem+json"
    clock.now_s += 3
    keys.charge(b"a", 30)


def test_who_is_answered_is_told_what_is_left_and_when_all_is_there_again(clock):
    keys = Allowances(10, clock)
    assert dict(keys.charge(b"a", 1)) == {b"ratelimit-policy": b'"units";q=50;w=5', b"ratelimit": b'"units";r=49;t=1'}
    assert dict(keys.charge(b"a", 28.5))[b"ratelimit"] == b'"units";r=20;t=3'
    clock.now_s += 1
    assert dict(keys.charge(b"a", 0))[b"ratelimit"] == b'"units";r=30;t=2'
    assert Allowances(0, clock).charge(b"a", 1) == ()


def test_what_costs_more_than_a_full_bucket_waits_for_a_full_one(clock):
    keys = Allowances(10, clock)
    keys.charge(b"a", 1000)
    clock.now_s += 4.9
    with pytest.raises(TooMany):
        keys.charge(b"a", 1000)
    clock.now_s += 0.1
    keys.charge(b"a", 1000)


def test_without_a_limit_nobody_is_refused(clock):
    keys = Allowances(0, clock)
    for _ in range(100):
        keys.charge(b"a", 1e9)


def test_keys_that_ask_no_more_are_forgotten_beyond_a_number(clock, monkeypatch):
    monkeypatch.setattr(allowances, "MOST_KEYS", 2)
    keys = Allowances(10, clock)
    for key in (b"a", b"b", b"c"):
        keys.charge(key, 50)
    assert set(keys._buckets) == {b"b", b"c"}
