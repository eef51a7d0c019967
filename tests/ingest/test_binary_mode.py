"""CloudEvents in binary mode: attributes as headers, data as the body."""

import base64
import gzip
import json

import pytest

from app.ingest.binary_mode import is_binary, read_binary
from tests.ingest.bodies import ORDER, assert_refused
from tests.ingest.rejections import kept_ids


def headers_of(event, **others):
    attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    return {"content-type": "application/json", **attributes, **others}


async def send(client, event=ORDER, *, content=None, without=(), **headers):
    given = headers_of(event, **{name.replace("_", "-"): value for name, value in headers.items()})
    kept = {name: value for name, value in given.items() if name not in without and value is not None}
    content = json.dumps(event["data"]).encode() if content is None else content
    return await client.post("/v1/events", content=content, headers=kept)


async def test_it_is_the_same_event_as_in_structured_mode(client, sql):
    answer = await send(client)
    assert (answer.status_code, answer.json()["results"]) == (200, [{"status": "accepted"}])
    assert (await client.post("/v1/events", json=ORDER)).json()["results"] == [{"status": "duplicate"}]
    assert (await sql.row("SELECT orders, spend_minor FROM customer_states"))["spend_minor"] == 1250


@pytest.mark.parametrize(
    "type_",
    ["application/json; charset=utf-8", "Application/JSON", "text/json", "application/vnd.shop.order+json", None],
)
async def test_data_are_json_whatever_its_media_type_is_called(client, sql, type_):
    answer = await send(client, content_type=type_)
    assert answer.json().get("results") == [{"status": "accepted"}], answer.text


@pytest.mark.parametrize("type_", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json"])
async def test_other_data_are_refused(client, type_):
    assert_refused(await send(client, content_type=type_), 415, "unsupported-media-type")


async def test_an_event_without_data_has_no_body(client, sql):
    event = {**ORDER, "type": "store.visited", "data": {}}
    for type_ in (None, "text/plain"):
        answer = await send(client, event, content=b"", content_type=type_)
        assert answer.status_code == 200
    assert_refused(await send(client, content=b""), 422, "malformed")


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("C-1", "C-1"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e4%bc%9a%e5%91%98%e7%94%b2", "会员甲"),
        ("%43-1", "C-1"),
        ("100%", "100%"),
        ("a%2520b", "a%20b"),
        ('"C 1"', "C 1"),
        (r'"say \"%E4%BC%9A\""', 'say "会"'),
        ("Zoé".encode(), "Zoé"),
        ("Zoé".encode("latin-1"), "Zoé"),
    ],
)
async def test_values_are_percent_decoded_once(client, sql, written, subject):
    assert (await send(client, ce_subject=written)).status_code == 200
    assert await sql.value("SELECT customer_id FROM events") == subject


@pytest.mark.parametrize("written", ["%C0%A0", "%ED%A0%80", "C-%FF"])
async def test_what_is_not_utf8_once_decoded_is_refused(client, written):
    answer = await send(client, ce_subject=written)
    assert_refused(answer, 422, "malformed")
    assert answer.json()["errors"][0]["pointer"] == "/subject"
    answer = await send(client, ce_kanarienvogel=written)
    assert_refused(answer, 422, "malformed")


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time"])
async def test_a_header_that_did_not_come_is_named_and_the_event_is_kept(client, sql, name):
    answer = await send(client, without=[f"ce-{name}"])
    assert_refused(answer, 422, "malformed")
    assert answer.json()["detail"] == f"An event in binary mode needs the headers ce-{name} too."
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]
    (rejected_id,) = await kept_ids(sql)
    mended = await client.post(f"/v1/events/rejected/{rejected_id}:replay", json=ORDER)
    assert mended.json()["status"] == "accepted"


async def test_other_attributes_are_read_past_and_cannot_pass_for_data(client, sql):
    odd = {"ce-data": '{"total": 1}', "ce-datacontenttype": "text/plain", "ce-traceparent": "00", "ce-x%0a": "\\"}
    assert (await send(client, **odd)).json()["accepted"] == 1
    assert await sql.value("SELECT amount_minor FROM events") == 1250


async def test_a_wrong_clock_is_put_right_by_an_extension(client, sql):
    answer = await send(client, ce_time="2099-01-01T00:00:00Z", ce_sentat=ORDER["time"])
    assert [warned["code"] for warned in answer.json()["results"][0]["warnings"]] == ["clock"]


@pytest.mark.parametrize(
    "type_", ["application/cloudevents+json", "application/cloudevents-batch+json", "Application/CloudEvents+json"]
)
async def test_the_media_type_decides_before_the_headers(client, sql, type_):
    answer = await send(client, content=json.dumps(ORDER).encode(), content_type=type_, ce_id="other")
    assert answer.status_code == 200
    assert await sql.value("SELECT id FROM events") == ORDER["id"]


async def test_it_may_be_compressed(client, sql):
    packed = gzip.compress(json.dumps(ORDER["data"]).encode())
    assert (await send(client, content=packed, content_encoding="gzip")).json()["accepted"] == 1


async def test_data_may_be_bytes_in_structured_mode(client, sql):
    encoded = base64.b64encode(json.dumps(ORDER["data"]).encode()).decode()
    event = {name: member for name, member in ORDER.items() if name != "data"}
    assert (await client.post("/v1/events", json={**event, "data_base64": encoded})).json()["accepted"] == 1
    assert (await client.post("/v1/events", json=ORDER)).json()["duplicate"] == 1
    for wrong in (
        {"data_base64": "?"},
        {"data_base64": 7},
        {"data_base64": "e30", "data": {}},
        {"data_base64": "e3t7"},
    ):
        answer = await client.post("/v1/events", json=[{**event, **wrong}])
        (result,) = answer.json()["results"]
        assert result["problem"]["errors"][0]["pointer"] == "/data_base64"
    assert await sql.value("SELECT count(*) FROM rejected_events WHERE event LIKE '%base64%'") == 0


async def test_data_that_are_no_object_are_refused_and_kept(client, sql):
    answer = await send(client, content=b"[1]")
    assert_refused(answer, 422, "malformed")
    assert len(await kept_ids(sql)) == 1
    assert_refused(await send(client, content=b"{"), 400, "unreadable")


def test_without_a_header_of_an_event_it_is_none():
    assert not is_binary({b"content-type": b"application/json", b"ce-anything": b"1"})
    assert is_binary({b"ce-type": b"x"})
    assert read_binary({b"ce-type": b"x"}, b"") == {"type": "x"}
