"""A client made of the API's file alone knows the fields of each event's data."""

import importlib.util
import sys
from pathlib import Path

import datamodel_code_generator
import pytest
from datamodel_code_generator import generate
from pydantic import ValidationError

from app.ingest.contract import example_of
from app.lifecycle.event_types import EVENT_TYPES

CONTRACT = Path(__file__).parent.parent / "runtime" / "openapi.json"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The generated module."""
    path = tmp_path_factory.mktemp("client") / "generated_client.py"
    generate(
        CONTRACT,
        output=path,
        formatters=[],
        input_file_type=datamodel_code_generator.InputFileType.OpenAPI,
        output_model_type=datamodel_code_generator.DataModelType.PydanticV2BaseModel,  # type: ignore[attr-defined]
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


@pytest.mark.parametrize("declared", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_an_event_is_read_as_of_its_type(client, declared):
    event = client.EventIn.model_validate(example_of(declared)).root.root
    assert type(event).__name__ == "".join(map(str.title, declared.name.split("."))) + "EventIn"
    assert event.data.model_extra == {}
    assert event.data.model_dump(mode="json", exclude_unset=True) == declared.example


def test_an_order_has_typed_fields(client):
    order = client.OrderCompletedData(order_id="A-77", total=128.5, products=[{"product_id": "4711"}])
    assert (order.total, order.products[0].product_id) == (128.5, "4711")
    with pytest.raises(ValidationError, match="order_id"):
        client.OrderCompletedData(total=128.5)


def test_a_checkout_takes_such_an_event(client):
    checkout = client.CheckoutIn.model_validate({"event": example_of(EVENT_TYPES["order.completed"])})
    assert isinstance(checkout.event.root.root.data, client.OrderCompletedData)


def test_another_type_may_be_sent_too(client):
    event = client.EventIn.model_validate({**example_of(EVENT_TYPES["tier.changed"]), "type": "shelf.emptied"}).root
    assert isinstance(event, client.UnknownEventIn)
