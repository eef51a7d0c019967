"""Bodies that no client should send, and some do: a clear 4xx, nothing echoed, never a 500."""

import json
import re

import pytest

from tests.ingest.bodies import (
    BODIES,
    CANARY,
    FREE_FORM,
    JSON,
    ORDER,
    assert_refused,
    changed,
)

ROUTES = pytest.mark.parametrize("route", BODIES)


def with_raw_member(route, raw):
    """A body that is right but for one member, whose value is `raw`."""
    body = changed(BODIES[route], (*FREE_FORM.get(route, ()), CANARY), "@")
    return json.dumps(body).encode().replace(b'"@"', raw)


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
async def test_control_characters(client, sql, route, raw):
    """They are taken out of the details of an event, and refused elsewhere."""
    response = await client.post(route, content=with_raw_member(route, raw), headers=JSON)
    if route not in ("/v1/events", "/v1/checkouts"):
        assert_refused(response, 422, "malformed")
        return
    answer = response.json()
    (warning,) = (answer["results"][0] if "results" in answer else answer["event"])["warnings"]
    assert warning["code"] == "mended"
    assert re.search(r"[\x00-\x1f\x7f-\x9f]", str(await sql.value("SELECT data FROM events"))) is None


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
