"""Who was erased is known again by a keyed hash, and counts again after a new consent."""

import pytest

from app.lifecycle.tombstones import HASH_BYTES, Tombstone, Tombstones


def test_a_hash_is_of_id_and_key_alone():
    ours, theirs = Tombstones(b"a key"), Tombstones(b"another")
    assert ours.hash("C-1") == Tombstones(b"a key").hash("C-1")
    assert len({ours.hash("C-1"), ours.hash("C-2"), ours.hash("c-1"), theirs.hash("C-1")}) == 4
    assert len(ours.hash("顾客" * 500)) == HASH_BYTES
    assert Tombstones(b"k" * 1000).hash("C-1") != Tombstones(b"k" * 999).hash("C-1")


@pytest.mark.parametrize(
    ("lifted_us", "occurred_us", "bars"),
    [(None, 0, True), (None, 10**18, True), (None, None, True), (50, 49, True), (50, 50, False), (50, None, False)],
)
def test_what_happened_before_a_new_consent_is_barred(lifted_us, occurred_us, bars):
    assert Tombstone(40, lifted_us).bars(occurred_us) is bars


def test_the_earliest_consent_after_the_erasure_lifts_it():
    stone = Tombstone(40, None)
    assert stone.lift(40) == stone
    assert stone.lift(60).lifted_us == stone.lift(60).lift(70).lifted_us == 60
    assert stone.lift(60).lift(50).lifted_us == 50
    assert stone.lift(60).lift(30).lifted_us == 60
