"""What payloads of shops come to, whichever shop's they are."""

import copy

from hypothesis import strategies as st

from app.ingest.admission import admit_or_reject
from app.ingest.rules import Rules
from app.ingest.segment.mapping import Ignored
from app.ingest.shops.known import REFUNDS, VERSION

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoilt(draw, payloads):
    """One of them, of which any member is anything."""
    payload = draw(st.sampled_from(payloads))
    return {**copy.deepcopy(payload), **draw(st.dictionaries(st.sampled_from([*payload, "id"]), JSON, max_size=4))}


def without_version(made):
    """Events without the version, which an order has on its way."""
    return [
        each if isinstance(each, Ignored) else {n: m for n, m in each.items() if n not in (VERSION, REFUNDS)}
        for each in made
    ]


def admit(mapped, currency="CNY"):
    return admit_or_reject(mapped, Rules(currency, 2, b"k"), 2_000_000_000_000_000)


def check_left_as_it_was(map_delivery, topic, payload, door):
    """It is mapped, whatever it is, and not changed."""
    before = copy.deepcopy(payload)
    for made in map_delivery(topic, payload, door):
        if not isinstance(made, Ignored):
            admit(made)
    assert repr(payload) == repr(before)
