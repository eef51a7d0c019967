"""JSON that breaks the contract: refused with a pointer or mended, nothing echoed, never a 500."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.lifecycle.default_actions import DEFAULT_ACTIONS
from tests.ingest.bodies import (
    BODIES,
    CANARY,
    JSON,
    MISSING,
    NOW,
    ORDER,
    assert_refused,
    changed,
)

LONG = CANARY.ljust(257, "x")
IDENTIFIERS = {
    "missing": MISSING,
    "empty": "",
    "129 characters": LONG[:129],
    "non-ASCII": f"{CANARY}é",
    "Chinese": f"{CANARY}订单",
    "tab": f"{CANARY}\t",
    "number": 12,
    "null": None,
    "object": {CANARY: CANARY},
}
TEXTS = {
    "missing": MISSING,
    "empty": "",
    "257 characters": LONG,
    "NUL": f"{CANARY}\0",
    "line break": f"{CANARY}\n",
    "DEL": f"{CANARY}\x7f",
    "C1": f"{CANARY}\x9f",
    "number": 12,
    "bool": True,
    "null": None,
    "list": [CANARY],
}
TIMES = {
    "missing": MISSING,
    "no zone": "2026-01-01T10:00:00",
    "no time": "2026-01-01",
    "a word": CANARY,
    "empty": "",
    "number": 1_760_000_000,
    "number as text": "1760000000",
    "an hour ahead": (NOW + timedelta(hours=1)).isoformat(),  # of when the tests were collected
    "next year": (NOW + timedelta(days=365)).isoformat(),
    "the end of time": "9999-12-31T23:59:59-23:59",
    "before 1970": "1969-12-31T23:59:59.999999Z",
    "the beginning of time": "0001-01-01T00:00:00+23:59",
    "year 10000": "10000-01-01T00:00:00Z",
    "30 February": "2026-02-30T00:00:00Z",
    "a zone of 99 hours": "2026-01-01T00:00:00+99:00",
    "null": None,
    "bool": True,
}
AMOUNTS = {
    "missing": MISSING,
    "text": "12.50",
    "bool": True,
    "null": None,
    "a minor unit over the bound": 10_000_000_000.01,
    "as far below": -10_000_000_000.01,
    "over the bound": 10**15,
    "1e99": 1e99,
    "list": [12.5],
}
OF_ORDERS: dict[str, dict[str, Any]] = {
    "order_id": TEXTS,
    "total": AMOUNTS,
    "discount": {name: value for name, value in AMOUNTS.items() if name not in ("missing", "null")}
    | {"negative": -0.01},
    "currency": {"other": "USD", "lower case": "cny", "long": "CNYX", "number": 156, "canary": CANARY},
    "channel": {"empty": "", "long": LONG, "number": 5, "DEL": f"{CANARY}\x7f"},
    "products": {
        "text": CANARY,
        "no id": [{CANARY: CANARY}],
        "no object": [CANARY],
        "1,001": [{"product_id": "1"}] * 1001,
        "quantity 0": [{"product_id": "1", "quantity": 0}],
        "quantity -1": [{"product_id": "1", "quantity": -1}],
        "quantity text": [{"product_id": "1", "quantity": "2"}],
        "quantity bool": [{"product_id": "1", "quantity": True}],
        "quantity 1e7": [{"product_id": "1", "quantity": 1e7}],
        "price text": [{"product_id": "1", "price": "2"}],
        "price bool": [{"product_id": "1", "price": True}],
    },
}
OF_EVENTS: dict[str, dict[str, Any]] = {
    "specversion": {"missing": MISSING, "0.3": "0.3", "number": 1.0, "null": None, "canary": CANARY},
    "id": IDENTIFIERS,
    "source": IDENTIFIERS,
    "type": {**IDENTIFIERS, "blank": f"{CANARY} visited"},
    "subject": {name: value for name, value in TEXTS.items() if name not in ("missing", "null")},  # no one's: a basket
    "time": TIMES,
    "data": {"text": CANARY, "list": [CANARY], "null": None, "number": 1},
}
OF_OTHER_TYPES = {
    "order.refunded": [
        {"order_id": "A-1", "total": -1},
        {"order_id": "A-1", "total": "1"},
        {"order_id": "A-1"},
        {"order_id": "A-1", "total": 1, "currency": "USD"},
        {"order_id": "A-1", "total": 10_000_000_000.01},
    ],
    "feedback.submitted": [
        {"metric": CANARY, "score": 1},
        {"metric": "csat", "score": 0},
        {"metric": "csat", "score": 5.5},
        {"metric": "nps", "score": 11},
        {"metric": "nps", "score": "9"},
        {"metric": "nps", "score": True},
        {"metric": "rating"},
        {"metric": "csat", "score": 4, "text": "x" * 10_001},
    ],
    "consent.changed": [
        {"purpose": "marketing"},
        {"purpose": "marketing", "granted": "yes"},
        {"purpose": "marketing", "granted": 1},
        {"purpose": "", "granted": True},
        {"purpose": "marketing", "channel": CANARY + "\x7f", "granted": True},
    ],
    "points.earned": [
        {},
        {"points": -1},
        {"points": 1.5},
        {"points": "3"},
        {"points": True},
        {"points": 10**10},
    ],
    "case.opened": [{}, {"case_id": ""}, {"case_id": 5}, {"case_id": "1", "kind": 5}],
    "tier.changed": [{}, {"tier": ""}, {"tier": 3}, {"tier": LONG}],
    "customer.identified": [
        {"identifiers": CANARY},
        {"identifiers": [{"kind": "phone"}]},
        {"identifiers": [{"kind": "phone", "value": 138}]},
        {"identifiers": [{"kind": "phone", "value": CANARY}] * 33},
    ],
    "customer.merged": [{}, {"merged": ""}, {"merged": 5}],
    "action.accepted": [{}, {"action_id": 5}, {"action_id": "x", "decision_id": 5}],
}
BAD_EVENTS = {
    **{
        f"{member} {name}": changed(ORDER, (member,), value)
        for member, cases in OF_EVENTS.items()
        for name, value in cases.items()
    },
    **{
        f"{member} {name}": changed(ORDER, ("data", member), value)
        for member, cases in OF_ORDERS.items()
        for name, value in cases.items()
    },
    **{
        f"{type_} {number}": {**ORDER, "type": type_, "data": data}
        for type_, cases in OF_OTHER_TYPES.items()
        for number, data in enumerate(cases, 1)
    },
}
MENDED = frozenset(
    (
        *(
            f"discount {name}"
            for name in ("text", "bool", "list", "1e99", "over the bound", "as far below", "negative")
        ),
        *(
            "order_id list",
            "discount a minor unit over the bound",
            "currency lower case",
            "total text",
            "order.refunded 2",
        ),
        *(f"channel {name}" for name in ("empty", "long", "number", "DEL")),
        *(f"products {name}" for name in OF_ORDERS["products"]),
        *(
            f"{member} {name}"
            for member in ("subject", "order_id")
            for name in ("NUL", "line break", "DEL", "C1", "number")
        ),
        *("subject empty", "feedback.submitted 5", "feedback.submitted 8", "consent.changed 5", "points.earned 4"),
        *("case.opened 3", "case.opened 4", "tier.changed 3", "customer.identified 3", "customer.merged 3"),
        *("action.accepted 2", "action.accepted 3"),
    )
)
"""What breaks the contract in nothing that money, identity or time hang on."""
EACH_BAD_EVENT = pytest.mark.parametrize(
    "event", [pytest.param(event, id=name) for name, event in BAD_EVENTS.items() if name not in MENDED]
)


def test_what_is_mended_is_among_what_breaks_the_contract():
    assert BAD_EVENTS.keys() >= MENDED


@pytest.mark.parametrize("event", [pytest.param(BAD_EVENTS[name], id=name) for name in sorted(MENDED)])
async def test_a_detail_that_breaks_the_contract_costs_nothing(client, sql, event):
    """It is counted, and what was done is told each time; money, order and time are as they were sent."""
    (result,) = (await client.post("/v1/events", json=[event])).json()["results"]
    assert result["status"] == "accepted"
    assert result["warnings"]
    for warning in result["warnings"]:
        assert warning["pointer"].startswith(("/data", "/subject"))
        assert CANARY.lower() not in str(warning).lower()
    again = (await client.post("/v1/checkouts", json={"event": event})).json()["event"]
    assert again["status"] == "duplicate"
    assert [warning["pointer"] for warning in again["warnings"]] == [
        f"/event{warning['pointer']}" for warning in result["warnings"]
    ]
    amounts = {"order.completed": 1250, "order.refunded": 100}
    assert await sql.value("SELECT amount_minor FROM events") == amounts.get(event["type"], 0)


@EACH_BAD_EVENT
async def test_an_event_that_breaks_the_contract(client, sql, event):
    """Alone, in a batch and at the till: refused with the same problem and counted nowhere."""
    alone = await client.post("/v1/events", json=event)
    assert_refused(alone, 422, "malformed")
    assert_refused(await client.post("/v1/checkouts", json={"event": event}), 422, "malformed")
    batch = await client.post("/v1/events", json=[event])
    if batch.status_code == 200:  # else it holds what no part of a body may hold
        assert batch.json()["results"] == [{"status": "rejected", "problem": alone.json()}]
        assert CANARY not in batch.text
    counts = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM customer_states)"
    assert await sql.value(counts) == 0


BAD_WISHES: dict[str, dict[str, Any]] = {
    "channel": {"empty": "", "65 characters": "x" * 65, "number": 5, "null": None},
    "max_actions": {"negative": -1, "11": 11, "text": "3", "bool": True, "fraction": 1.5, "null": None},
    "context": {"list": [CANARY], "33 members": {f"{CANARY}{n}": 1 for n in range(33)}, "text": CANARY},
    "exclude": {"text": CANARY, "upper case": [CANARY], "number": [5], "101": ["a"] * 101, "empty": [""]},
    "learning_enabled": {"text": "yes", "number": 1, "null": None},
    "deadline_ms": {"0": 0, "text": "100", "bool": True, "a day": 86_400_000, "fraction": 1.5},
    CANARY: {"unknown": 1},
}
BAD_CUSTOMERS = {"missing": MISSING, "empty": "", "long": LONG, "NUL": f"{CANARY}\0", "number": 5, "list": []}
BAD_REQUESTS = [
    *(
        pytest.param("/v1/decisions", changed(BODIES["/v1/decisions"], (member,), value), id=f"{member} {name}")
        for member, cases in BAD_WISHES.items()
        for name, value in cases.items()
    ),
    *(
        pytest.param("/v1/decisions", changed({"customer_id": "C"}, ("customer_id",), value), id=f"customer {name}")
        for name, value in BAD_CUSTOMERS.items()
    ),
    *(
        pytest.param("/v1/scores:batch", {"customer_ids": value}, id=f"customers {name}")
        for name, value in {
            "none": [],
            "1,001": ["C"] * 1001,
            "text": CANARY,
            "object": {CANARY: CANARY},
            **{name: ["C-1", value] for name, value in BAD_CUSTOMERS.items() if value is not MISSING},
        }.items()
    ),
    *(
        pytest.param("/v1/scores:batch", {"customer_ids": ["C-1"], "as_of": value}, id=f"as_of {name}")
        for name, value in TIMES.items()
        if value is not MISSING and value is not None
    ),
    pytest.param("/v1/scores:batch", {"customer_ids": ["C-1"], CANARY: CANARY}, id="unknown member"),
    pytest.param("/v1/checkouts", {CANARY: CANARY}, id="no event"),
    pytest.param("/v1/checkouts", {"event": [ORDER]}, id="a list of events"),
    pytest.param("/v1/checkouts", {"event": None}, id="null for an event"),
]


@pytest.mark.parametrize(("route", "body"), BAD_REQUESTS)
async def test_a_request_that_breaks_the_contract(client, sql, route, body):
    assert_refused(await client.post(route, json=body), 422, "malformed")
    counts = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM decisions)"
    assert await sql.value(counts) == 0


@pytest.mark.parametrize(
    ("member", "value"),
    [
        pytest.param(member, value, id=f"{member} {name}")
        for member, cases in BAD_WISHES.items()
        for name, value in cases.items()
    ],
)
async def test_a_wish_of_a_till_that_breaks_the_contract_costs_no_sale(client, sql, member, value):
    answer = await client.post("/v1/checkouts", json=changed(BODIES["/v1/checkouts"], (member,), value))
    assert answer.status_code == 200, answer.text
    (warning,) = answer.json()["event"]["warnings"]
    assert warning["code"] == "dropped"
    assert CANARY not in answer.text
    assert await sql.value("SELECT count(*) FROM events") == 1


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([-0.0, 1.0, 1e300, 2**63, "\ud800", "\0", "store", ORDER["time"], "marketing"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ACTION = {**DEFAULT_ACTIONS[0].model_dump(mode="json"), "action_id": "fuzzed"}
FUZZED: dict[str, Any] = {
    **BODIES,
    "/v1/events": [{**ORDER, "type": type_, "data": data[0]} for type_, data in OF_OTHER_TYPES.items()] + [ORDER],
    "/v1/actions/fuzzed": ACTION,
}


@st.composite
def requests(draw):
    """A route, and a body that is right but for some members, which are anything."""
    route = draw(st.sampled_from([*FUZZED]))
    body = draw(st.sampled_from(FUZZED[route])) if isinstance(FUZZED[route], list) else FUZZED[route]
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        place = body
        while isinstance(deeper := place.get(draw(st.sampled_from(sorted(place)))), dict) and deeper:
            place = deeper
        place[draw(st.sampled_from(sorted(place)) | st.text(max_size=8))] = draw(ANY_JSON)
    return route, draw(st.sampled_from([body, [body], [body, ORDER]])) if route == "/v1/events" else body


@settings(max_examples=300, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(request=requests())
async def test_whatever_is_sent_is_answered_and_never_a_fault_of_ours(running_service, request):
    """Any fault would be raised here; Postgres has the last word on what it takes."""
    route, body = request
    method = "PUT" if route.startswith("/v1/actions") else "POST"
    response = await running_service.client.request(method, route, content=json.dumps(body), headers=JSON)
    assert response.status_code in (200, 400, 409, 422)
    expected = "application/json" if response.status_code == 200 else "application/problem+json"
    assert response.headers["content-type"] == expected
    await running_service.client.delete("/v1/actions/fuzzed")
