"""States of items off-line are the core's: the same of every order line, in any order of arrival."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lifecycle import events as e
from app.lifecycle.states import INTEREST, ITEM, fold_states
from ml.data.states import states

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
START_US = 1_700_000_000_000_000
CUTOFFS = [START_US + 10 * DAY, START_US + 20 * DAY]

LINE = st.tuples(
    st.sampled_from(["milk", 'say "hi", \\', "茶"]),
    st.sampled_from([1, 2, 0.125, 1e6]),
    st.one_of(st.none(), st.integers(-100, 10**6), st.just(10**12)),
    st.one_of(st.none(), st.integers(-5, 500)),
)


def quoted(text):
    return text.replace("\\", "\\\\\\\\").replace('"', '\\"\\"')


def written(lines):
    """As Postgres takes an array of rows."""
    told = (
        f'"(\\"{quoted(item)}\\",,{quantity},{"" if price is None else price},{"" if discount is None else discount})"'
        for item, quantity, price, discount in lines
    )
    return "{" + ",".join(told) + "}" if lines else None


@st.composite
def histories(draw):
    types = st.sampled_from(
        [e.ORDER_COMPLETED, e.ORDER_COMPLETED, e.ORDER_REFUNDED, e.ORDER_RETURNED, e.PRODUCT_VIEWED]
    )
    events = []
    for number in range(draw(st.integers(1, 12))):
        type_ = draw(types)
        events.append(
            e.Event(
                customer_id=draw(st.sampled_from(["C-1", "顾客二"])),
                source="/till",
                id=str(number),
                type=type_,
                occurred_us=draw(st.one_of(st.sampled_from(CUTOFFS), st.integers(START_US, START_US + 19 * DAY))),
                kind=None,
                channel=None,
                reference=draw(st.sampled_from([None, "milk"])),
                amount_minor=0,
                discount_minor=0,
                items=0,
                points=0,
                value=None,
                digest=b"",
                data="",
                lines=None if type_ == e.PRODUCT_VIEWED else written(draw(st.lists(LINE, max_size=5))),
            )
        )
    return events


@pytest.mark.parametrize("spec", [ITEM, INTEREST], ids=lambda spec: spec.name)
@settings(max_examples=15, deadline=None)
@given(events=histories())
def test_states_of_items_are_the_core_s_states(table_of, spec, events):
    found = states(table_of(events), CUTOFFS, spec).to_pyarrow().to_pylist()
    expected: dict[tuple[object, ...], dict[str, object]] = {
        (*key, cutoff_us): state
        for cutoff_us in CUTOFFS
        for key, state in fold_states(spec, [event for event in events if event.occurred_us < cutoff_us]).items()
    }
    kept: dict[tuple[object, ...], dict[str, object]] = {
        (row.pop("customer_id"), row.pop("item_id"), row.pop("cutoff_us")): row for row in found
    }
    assert kept.keys() == expected.keys()
    for key, state in expected.items():
        for measure in spec.measures:
            value = pytest.approx(state[measure.name], rel=1e-9) if measure.is_float else state[measure.name]
            assert kept[key][measure.name] == value, measure.name
