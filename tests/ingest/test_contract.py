"""The published contract of events: every type with the schema of its data, and the service keeps to it."""

import orjson
import pytest
from jsonschema import Draft202012Validator

from app.foundation.settings import Settings
from app.ingest.admission import admit_with_warnings
from app.ingest.contract import example_of
from app.ingest.rules import Rules
from app.ingest.schemas import DATA_OF_TYPE
from app.lifecycle.event_types import EVENT_TYPES, NO_FACTS
from app.lifecycle.events import Event
from app.runtime.main import create_app

DESIGNED = (
    *("order.completed", "order.refunded", "store.visited", "product.viewed", "product.added", "products.searched"),
    *("customer.identified", "customer.merged", "customer.unmerged", "consent.changed", "feedback.submitted"),
    *("case.opened", "case.answered", "case.resolved", "points.earned", "points.redeemed", "points.expired"),
    *("tier.changed", "action.delivered", "action.opened", "action.accepted", "action.declined", "action.redeemed"),
)
RULES = Rules("CNY", 2, b"k")
NOW_US = 1_800_000_000_000_000
ORDER = example_of(EVENT_TYPES["order.completed"])
UNKNOWN = {**ORDER, "type": "shelf.emptied", "data": {"shelf": 7}}


@pytest.fixture(scope="module")
def schemas():
    return create_app(Settings(), "postgresql://unused/").openapi()["components"]["schemas"]


@pytest.fixture(scope="module")
def is_published(schemas):
    """Whether an event is one of those that the published schema describes."""
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/EventIn", "components": {"schemas": schemas}},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    return validator.is_valid


@pytest.fixture(params=EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def declared(request):
    return request.param


def without(event, *path):
    copy = orjson.loads(orjson.dumps(event))
    place = copy
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return copy


def test_every_type_of_the_design_is_declared():
    assert set(DESIGNED) <= EVENT_TYPES.keys()
    assert EVENT_TYPES.keys() == DATA_OF_TYPE.keys()


def test_an_example_validates_and_names_what_its_type_is_about(declared):
    data = declared.data.model_validate(declared.example)
    assert data.model_extra == {}, "an example shows the members that are declared, and no others"
    required = {name for name, field in declared.data.model_fields.items() if field.is_required()}
    assert required <= declared.example.keys()
    assert {**NO_FACTS, **declared.read(declared.example, 2)}.keys() == NO_FACTS.keys()


def test_an_example_matches_the_published_schema_and_that_of_its_type_alone(declared, schemas, is_published):
    event = example_of(declared)
    assert is_published(event)
    mapping = schemas["KnownEventIn"]["discriminator"]["mapping"]
    name = mapping[declared.name].rpartition("/")[2]
    assert schemas[name]["examples"] == [event]
    matching = [
        other
        for other in (*(reference.rpartition("/")[2] for reference in mapping.values()), "UnknownEventIn")
        if Draft202012Validator({"$ref": f"#/components/schemas/{other}", "components": {"schemas": schemas}}).is_valid(
            event
        )
    ]
    assert matching == [name]


async def test_every_example_is_accepted_by_the_service(client, sql):
    events = [{**example_of(declared), "id": name} for name, declared in EVENT_TYPES.items()]
    answer = (await client.post("/v1/events", json=events)).json()
    assert (answer["accepted"], answer["results"]) == (len(EVENT_TYPES), [{"status": "accepted"}] * len(EVENT_TYPES))
    assert await sql.value("SELECT count(DISTINCT type) FROM events") == len(EVENT_TYPES)


def changed(event, **data):
    return {**event, "data": {**event["data"], **data}}


@pytest.mark.parametrize(
    "event",
    [
        UNKNOWN,
        without(UNKNOWN, "data"),
        without(ORDER, "subject") | {"data": ORDER["data"] | {"identifiers": [{"kind": "card", "value": "1"}]}},
        {**ORDER, "subject": None},
        {**ORDER, "subject": "\x80"},
        {**ORDER, "subject": "李雷"},
        {**ORDER, "traceparent": "00-1"},
        changed(ORDER, gift=True, products=None),
        changed(ORDER, total=-3, currency=None),
        changed(ORDER, total="3"),
        changed(ORDER, discount=-1),
        changed(ORDER, currency="yuan"),
        changed(ORDER, products=[{"quantity": 1}]),
        changed(ORDER, products=[{"product_id": "1", "quantity": 0}]),
        changed(ORDER, identifiers=[{"kind": "phone"}]),
        changed(UNKNOWN, identifiers=[{"kind": "phone"}]),
        changed(UNKNOWN, identifiers=7),
        without(ORDER, "data"),
        without(ORDER, "data", "order_id"),
        without(ORDER, "type"),
        {**ORDER, "specversion": "0.3"},
        {**ORDER, "id": ""},
        {**ORDER, "source": "ü"},
        {**UNKNOWN, "type": "with space"},
        {**ORDER, "data": [1]},
        {**ORDER, "time": 1_700_000_000},
        {**ORDER, "type": "store.visited", "data": {}},
        without({**ORDER, "type": "store.visited"}, "data"),
        {**ORDER, "type": "feedback.submitted", "data": {"metric": "mood", "score": 1}},
        {**ORDER, "type": "consent.changed", "data": {"purpose": "marketing", "granted": "yes"}},
        {**ORDER, "type": "points.earned", "data": {"points": 1.5}},
        {**ORDER, "type": "action.opened", "data": {"action_id": ""}},
        {**ORDER, "type": "case.opened", "data": {"case_id": "1", "cause": "x" * 257}},
    ],
    ids=str,
)
def test_what_the_schema_says_is_what_is_admitted_as_it_is(event, is_published):
    admitted, warnings = admit_with_warnings(event, RULES, NOW_US)
    assert is_published(event) == (isinstance(admitted, Event) and not warnings)


def test_both_outcomes_are_among_these(is_published):
    assert is_published(UNKNOWN)
    assert not is_published(changed(ORDER, total="3"))
