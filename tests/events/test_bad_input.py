"""What no client should send, and some do: a clear 4xx, nothing echoed, never a 500."""

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest

CANARY = "Kanarienvogel"
JSON = {"content-type": "application/json"}
NOW = datetime.now(UTC)
ORDER = {
    "specversion": "1.0",
    "id": "bad-1",
    "source": "/pos",
    "type": "order.completed",
    "subject": "C-1",
    "time": (NOW - timedelta(minutes=1)).isoformat(),
    "data": {"order_id": "A-1", "total": 12.5},
}
BODIES = {
    "/v1/events": ORDER,
    "/v1/checkouts": {"event": ORDER},
    "/v1/decisions": {"customer_id": "C-1"},
    "/v1/scores:batch": {"customer_ids": ["C-1"]},
}
FREE_FORM = {"/v1/events": ("data",), "/v1/checkouts": ("event", "data"), "/v1/decisions": ("context",)}
"""Where a body takes members of any name; elsewhere an unknown member is itself an error."""

ROUTES = pytest.mark.parametrize("route", BODIES)
MISSING = object()


def changed(body, path, value):
    """A body with the member at `path` replaced, added, or taken away."""
    made = copy.deepcopy(body)
    place = made
    for step in path[:-1]:
        place = place.setdefault(step, {})
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def with_raw_member(route, raw):
    """A body that is right but for one member, whose value is `raw`."""
    body = changed(BODIES[route], (*FREE_FORM.get(route, ()), CANARY), "@")
    return json.dumps(body).encode().replace(b'"@"', raw)


def assert_refused(response, status, slug):
    """A problem document of this type that says nothing of what was sent."""
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["type"]) == (status, f"urn:perennial:problem:{slug}")
    assert response.json()["status"] == status
    assert response.json()["detail"]
    assert CANARY.lower() not in (response.text + str(response.headers)).lower()


NOT_JSON = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "1e400": b"1e400",
    "-1E+400": b"-1E+400",
    "1e0400": b"1e0400",
    "lone high surrogate": rb'"\ud800Kanarienvogel"',
    "lone low surrogate": rb'"Kanarienvogel\udc00"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "lone surrogate in a name": rb'{"Kanarienvogel\ud800": 1}',
    "duplicate keys": b'{"Kanarienvogel": 1, "Kanarienvogel": 2}',
    "keys that are the same once unescaped": rb'{"Kanarienvogel": 1, "\u004banarienvogel": 2}',
    "bad UTF-8": b'"Kanarienvogel\xff"',
    "overlong UTF-8": b'"Kanarienvogel\xc0\x80"',
    "surrogate in UTF-8": b'"Kanarienvogel\xed\xa0\x80"',
    "raw control character": b'"Kanarienvogel\x01"',
    "5,000 digits": b"7" * 5000,
    "-5,000 digits": b"-" + b"7" * 5000,
    "2^63": b"9223372036854775808",
    "20,000 deep list": b"[" * 20_000 + b"]" * 20_000,
    "20,000 deep object": b'{"Kanarienvogel":' * 20_000 + b"1" + b"}" * 20_000,
    "20,000 opened": b"[" * 20_000,
    "single quotes": b"'Kanarienvogel'",
    "comment": b"/* Kanarienvogel */ 1",
    "leading zero": b"012",
    "trailing comma": b'["Kanarienvogel",]',
    "cut": b'"Kanarienvogel',
}


@ROUTES
@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_is_not_json_as_we_take_it(client, route, raw):
    response = await client.post(route, content=with_raw_member(route, raw), headers=JSON)
    assert_refused(response, 400, "unreadable")


@ROUTES
@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"Kanarienvogel", b"\xef\xbb\xbf{}", b"{} {}", b"\x00", b"\xff\xfe", b"{", b"nul"],
    ids=["empty", "blank", "a word", "byte order mark", "two values", "NUL", "UTF-16", "cut", "half a null"],
)
async def test_a_body_that_is_no_json_at_all(client, route, content):
    assert_refused(await client.post(route, content=content, headers=JSON), 400, "unreadable")


@ROUTES
@pytest.mark.parametrize("content", [b"null", b"true", b"12", b'"Kanarienvogel"', b"[[]]", b"{}"])
async def test_json_that_is_not_the_object_asked_for(client, sql, route, content):
    response = await client.post(route, content=content, headers=JSON)
    if route == "/v1/events" and content == b"[[]]":  # a batch, of something that is no event
        assert response.json()["rejected"] == 1
    else:
        assert_refused(response, 422, "malformed")


CONTROL_CHARACTERS = {
    "NUL": rb'"Kanarienvogel\u0000"',
    "escape": rb'"\u001bKanarienvogel"',
    "separator of our own": rb'"Kanarienvogel\u001f"',
    "DEL": rb'"Kanarienvogel\u007f"',
    "DEL as it is": b'"Kanarienvogel\x7f"',
    "C1": rb'"Kanarienvogel\u0085"',
    "C1 as it is": '"Kanarienvogel\u0085"'.encode(),
    "line break": rb'"Kanarienvogel\n"',
    "NUL in a list": rb'["a", "Kanarienvogel\u0000"]',
    "NUL in a name": rb'{"Kanarienvogel\u0000": 1}',
    "NUL in what people write": rb'{"text": "Kanarienvogel\u0000"}',
}


@ROUTES
@pytest.mark.parametrize("raw", CONTROL_CHARACTERS.values(), ids=CONTROL_CHARACTERS.keys())
async def test_control_characters(client, route, raw):
    response = await client.post(route, content=with_raw_member(route, raw), headers=JSON)
    assert_refused(response, 422, "malformed")


def nested(levels):
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("route", FREE_FORM)
async def test_thirty_two_levels_are_taken_and_thirty_three_are_not(client, route):
    above = 1 + len(FREE_FORM[route])
    taken = await client.post(route, content=with_raw_member(route, nested(32 - above)), headers=JSON)
    assert taken.status_code == 200
    refused = await client.post(route, content=with_raw_member(route, nested(33 - above)), headers=JSON)
    assert_refused(refused, 400, "unreadable")


@pytest.mark.parametrize(
    "raw",
    [b"9223372036854775807", b"-9223372036854775807", b"1e99", b"[1.0, 1e99, -1e300]", rb'"\ud83d\ude00"'],
)
async def test_what_is_just_inside_the_bounds_is_taken(client, raw):
    response = await client.post("/v1/events", content=with_raw_member("/v1/events", raw), headers=JSON)
    assert response.json()["accepted"] == 1


async def test_line_breaks_in_what_people_write_are_taken(client, shop):
    review = shop.event("feedback.submitted", data={"metric": "csat", "score": 4, "text": "good\n\tvery good"})
    assert (await client.post("/v1/events", json=review)).json()["accepted"] == 1


@ROUTES
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": f"text/{CANARY}"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
        {"content-type": ""},
        {},
    ],
)
async def test_another_media_type(client, route, headers):
    response = await client.post(route, content=json.dumps(BODIES[route]), headers=headers)
    assert_refused(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ],
)
async def test_the_media_types_that_are_taken(client, media_type):
    content = json.dumps([ORDER])
    response = await client.post("/v1/events", content=content, headers={"content-type": media_type})
    assert response.json()["accepted"] == 1


class Stream:
    """A body in chunks, that counts how many were asked for."""

    def __init__(self, chunks, size=64 * 1024):
        self.chunks, self.size, self.sent = chunks, size, 0

    async def __aiter__(self):
        for _ in range(self.chunks):
            self.sent += 1
            yield b"[" + CANARY.encode().ljust(self.size - 1)


@ROUTES
async def test_a_body_said_to_be_too_large_is_not_read(client, route):
    stream = Stream(1000)
    headers = {**JSON, "content-length": str(1024 * 1024 + 1)}
    assert_refused(await client.post(route, content=stream, headers=headers), 413, "too-large")
    assert stream.sent == 0


@ROUTES
async def test_a_body_that_grows_too_large_is_read_no_further(client, route):
    stream = Stream(1000)
    assert_refused(await client.post(route, content=stream, headers=JSON), 413, "too-large")
    assert stream.sent == 1024 // 64 + 1


@ROUTES
async def test_a_body_larger_than_it_was_said_to_be(client, route):
    stream = Stream(1000)
    headers = {**JSON, "content-length": "10"}
    assert_refused(await client.post(route, content=stream, headers=headers), 413, "too-large")
    assert stream.sent == 1024 // 64 + 1


@ROUTES
@pytest.mark.parametrize("length", [b"\xb2", b"9" * 5000, b"-1", b"1, 2"])
async def test_a_content_length_that_is_no_number(service, route, length):
    """Servers refuse most of these before us; what comes through must not fail here."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(BODIES[route]).encode(), "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [
        (b"authorization", f"Bearer {service.key}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", length),
    ]
    scope = {"type": "http", "method": "POST", "path": route, "headers": headers, "query_string": b""}
    await service.app(scope, receive, send)
    assert sent[0]["status"] < 500


async def test_a_body_of_one_mebibyte_is_taken(client, shop):
    event = shop.order(note="")
    room = 1024 * 1024 - len(json.dumps(event))
    event["data"]["note"] = "x" * room
    content = json.dumps(event)
    assert len(content) == 1024 * 1024
    assert (await client.post("/v1/events", content=content, headers=JSON)).status_code == 200


async def test_a_thousand_events_are_taken_and_one_more_is_not(client, sql, shop):
    batch = [shop.event("store.visited", f"C-{number % 7}") for number in range(1001)]
    assert_refused(await client.post("/v1/events", json=batch), 413, "too-large")
    assert await sql.value("SELECT count(*) FROM events") == 0
    assert (await client.post("/v1/events", json=batch[:1000])).json()["accepted"] == 1000


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
    "six minutes ahead": (NOW + timedelta(minutes=6)).isoformat(),
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
OF_ORDERS = {
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
OF_EVENTS = {
    "specversion": {"missing": MISSING, "0.3": "0.3", "number": 1.0, "null": None, "canary": CANARY},
    "id": IDENTIFIERS,
    "source": IDENTIFIERS,
    "type": {**IDENTIFIERS, "blank": f"{CANARY} visited"},
    "subject": TEXTS,
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
EACH_BAD_EVENT = pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())


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


BAD_WISHES = {
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
        pytest.param(route, changed(BODIES[route], (member,), value), id=f"{route} {member} {name}")
        for route in ("/v1/decisions", "/v1/checkouts")
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
