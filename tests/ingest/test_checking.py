"""The check of a contract finds what the models find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.ingest.schemas import DATA_OF_TYPE
from app.lifecycle.event_types import EVENT_TYPES

SCALARS = st.none() | st.booleans() | st.integers(-3, 10**13) | st.floats() | st.text(max_size=3) | st.just("C" * 257)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "value", "price"]), inner),
    max_leaves=4,
)
LINES = st.lists(
    st.dictionaries(
        st.sampled_from(["product_id", "category", "name", "price", "discount", "quantity", "other"]), VALUES
    )
    | VALUES,
    max_size=3,
)


def errors_of(validate, data):
    try:
        validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return [(each["loc"], each["type"].replace("model_type", "dict_type")) for each in found]
    return []


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(st.data())
def test_errors_are_those_of_the_model(name, data):
    """By place and type, whatever the members; of a valid example nothing is wrong."""
    declared = EVENT_TYPES[name]
    changed = data.draw(st.dictionaries(st.sampled_from([*declared.data.model_fields, "other"]), VALUES))
    if "products" in declared.data.model_fields:
        changed |= data.draw(st.fixed_dictionaries({}, optional={"products": LINES}))
    sent = {**declared.example, **changed}
    assert errors_of(DATA_OF_TYPE[name].validate_python, sent) == errors_of(declared.data.model_validate, sent)
    assert errors_of(DATA_OF_TYPE[name].validate_python, declared.example) == []


def test_nothing_is_filled_in():
    line = {"product_id": "4711"}
    checked = DATA_OF_TYPE["order.completed"].validate_python({"order_id": "A-1", "total": 1, "products": [line]})
    assert checked["products"] == [line]
