"""`POST /v1/segment`: exactly once, as everything else."""

import base64
import json

import pytest
from fastapi.routing import APIRoute

from app.database.engine import transaction
from app.http.auth import create_key, write_bearer
from app.ingest.segment.router import router

CANARY = "kanarienvogel@example.com"
CONFLICT = "urn:perennial:problem:conflict"
MALFORMED = "urn:perennial:problem:malformed"


@pytest.fixture
def service(running_service, sql):
    routes = running_service.app.router.routes
    paths = {route.path for route in routes if isinstance(route, APIRoute)}
    if not {route.path for route in router.routes if isinstance(route, APIRoute)} <= paths:
        routes.extend(router.routes)
    return running_service


@pytest.fixture
def client(service):
    return service.client


@pytest.fixture
def track(shop):
    """Makes track calls; ids are new unless given."""

    def make(event, properties=None, **members):
        envelope = shop.event("none")
        return {
            "type": "track",
            "event": event,
            "messageId": envelope["id"],
            "userId": "C-1",
            "originalTimestamp": envelope["time"],
            "properties": properties or {},
            **members,
        }

    return make


@pytest.fixture
def order(track):
    def make(**members):
        return track("Order Completed", {"order_id": "A-1", "total": "12.50"}, **members)

    return make


async def send(client, body, **options):
    return await client.post("/v1/segment", json=body, **options)


async def test_an_order_is_counted(client, sql, order):
    response = await send(client, order())
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "ignored": 0,
        "results": [{"status": "accepted"}],
    }
    state = await sql.row("SELECT * FROM customer_states WHERE customer_id = 'C-1'")
    assert (state["orders"], state["spend_minor"]) == (1, 1250)


async def test_every_attempt_to_send_is_the_same_event(client, sql, order):
    message = order()
    for attempt in range(3):
        body = {"batch": [{**message, "sentAt": f"2026-01-01T00:00:0{attempt}Z"}], "sentAt": f"{attempt}"}
        answer = (await send(client, body)).json()
        assert answer["results"] == [{"status": "duplicate" if attempt else "accepted"}]
    relayed = {**message, "timestamp": "2026-01-01T00:00:00Z", "receivedAt": "2026-01-01T00:00:00Z"}
    assert (await send(client, relayed)).json()["duplicate"] == 1
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 1


async def test_the_same_message_id_with_other_content_is_refused(client, order):
    message = order()
    await send(client, message)
    response = await send(client, {**message, "userId": "C-2"})
    assert (response.status_code, response.json()["type"]) == (409, CONFLICT)
    batch = (await send(client, {"batch": [{**message, "userId": "C-2"}]})).json()
    assert (batch["rejected"], batch["results"][0]["problem"]["type"]) == (1, CONFLICT)


async def test_an_order_is_counted_as_it_is_now_whatever_the_messages(client, sql, order, track):
    assert (await send(client, order())).json()["accepted"] == 1
    assert (await send(client, order())).json()["duplicate"] == 1
    assert (await send(client, track("Order Updated", {"order_id": "A-1", "total": "20"}))).json()["accepted"] == 1
    state = await sql.row("SELECT * FROM customer_states WHERE customer_id = 'C-1'")
    assert (state["orders"], state["spend_minor"]) == (1, 2000)
    assert (await send(client, track("Order Cancelled", {"order_id": "A-1"}))).json()["accepted"] == 1
    state = await sql.row("SELECT * FROM customer_states WHERE customer_id = 'C-1'")
    assert (state["orders"], state["spend_minor"], state["last_order_us"]) == (0, 0, None)


async def test_shops_do_not_clash(client, sql, order):
    message = order()
    for source in ({}, {"source": "one"}, {"source": "two 2"}):
        assert (await send(client, message, params=source)).json()["accepted"] == 1
    rows = await sql.rows("SELECT source FROM events ORDER BY source")
    assert [row["source"] for row in rows] == ["/segment", "/segment/one", "/segment/two 2"]


@pytest.mark.parametrize("source", ["", "a/b", "店", "x" * 101, "tab\t"])
async def test_a_source_of_another_form(client, sql, order, source):
    response = await send(client, order(), params={"source": source})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/source")
    assert await sql.value("SELECT count(*) FROM events") == 0


async def test_a_batch_is_answered_message_by_message(client, sql, order, track):
    first = order()
    batch = [
        first,
        {"type": "page", "name": "Home", "messageId": "p-1", "userId": "C-1"},
        first,
        track("Order Completed", {"order_id": "A-2", "total": "$5"}),
        {"type": "identify", **{n: first[n] for n in ("userId", "originalTimestamp")}, "messageId": "i-1"},
        "what?",
        {"type": "group", "messageId": "g-1"},
    ]
    answer = (await send(client, {"batch": batch, "sentAt": "2026-01-01T00:00:00Z"})).json()
    statuses = [item["status"] for item in answer["results"]]
    assert statuses == ["accepted", "ignored", "duplicate", "rejected", "accepted", "rejected", "ignored"]
    assert [answer[status] for status in ("accepted", "duplicate", "rejected", "ignored")] == [2, 1, 2, 2]
    assert answer["results"][1] == {"status": "ignored", "reason": "page_without_product"}
    problem = answer["results"][3]["problem"]
    assert (problem["type"], problem["errors"][0]["pointer"]) == (MALFORMED, "/data/total")
    assert await sql.value("SELECT count(*) FROM rejected_events") == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [({"batch": []}, 200), ({"batch": {}}, 422), ({"batch": None}, 422), ([], 422), ("x", 422), ({}, 422)],
)
async def test_bodies(client, body, status):
    assert (await send(client, body)).status_code == status


async def test_a_batch_has_bounds(client, track):
    page = {"type": "page", "messageId": "p", "userId": "C-1"}
    assert (await send(client, {"batch": [page] * 1000})).json()["ignored"] == 1000
    assert (await send(client, {"batch": [page] * 1001})).status_code == 413
    assert (await send(client, track("X", {"text": "x" * 1024 * 1024}))).status_code == 413


async def test_the_paths_of_the_libraries(client, sql, order):
    """They take a host, and append the path of the call."""
    first, second, third = order(), order(), order()
    for place, message in enumerate((first, second, third)):
        message["properties"] = {**message["properties"], "order_id": f"A-{place}"}
    assert (await client.post("/v1/segment/v1/batch", json={"batch": [first]})).json()["accepted"] == 1
    assert (await client.post("/v1/segment/v1/import", json={"batch": [second]})).json()["accepted"] == 1
    del third["type"]
    assert (await client.post("/v1/segment/v1/track", json=third)).json()["accepted"] == 1
    page = await client.post("/v1/segment/v1/page", json={**third, "messageId": "p"})
    assert page.json()["results"] == [{"status": "ignored", "reason": "page_without_product"}]
    assert (await client.post("/v1/segment/v1/track", json=first)).json()["duplicate"] == 1
    assert (await client.post("/v1/segment/v1/none", json=first)).status_code == 404
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 3


async def test_json_is_read_strictly(client):
    response = await client.post(
        "/v1/segment", content=b'{"type": "track", "type": "page"}', headers={"content-type": "application/json"}
    )
    assert response.status_code == 400


async def test_identifiers_are_kept_as_hashes_whether_counted_or_refused(client, sql, shop):
    message = {
        "type": "identify",
        "messageId": "i-1",
        "userId": "C-1",
        "originalTimestamp": shop.ago(seconds=1),
        "traits": {"email": CANARY, "name": CANARY, "phone": "138 0013 8000"},
        "context": {"traits": {"email": CANARY}},
    }
    assert (await send(client, message)).status_code == 200
    refused = await send(client, {**message, "messageId": "i-2", "originalTimestamp": CANARY})
    assert refused.status_code == 422
    assert CANARY not in refused.text
    kept = await sql.value("SELECT data::text FROM events")
    assert kept.count('"hash"') == 3
    refusal = await sql.value("SELECT event FROM rejected_events")
    assert refusal.count('"hash"') == 3
    assert CANARY not in kept + refusal.replace(f'"time":"{CANARY}"', "")


def basic(user_name, password=""):
    return "Basic " + base64.b64encode(f"{user_name}:{password}".encode()).decode()


async def test_the_key_as_the_user_name_of_basic(service, order):
    async with service.connect() as stranger:
        for header in (basic(service.key), basic(service.key, "any"), basic(service.key).replace("Basic", "basic")):
            response = await stranger.post("/v1/segment", json=order(), headers={"authorization": header})
            assert response.status_code == 200
        for header in (basic("x"), basic(""), basic("", service.key), "Basic ", "Basic ***", "Basic é".encode()):
            response = await stranger.post("/v1/segment", json=order(), headers={"authorization": header})
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
        assert (await stranger.post("/v1/segment", json=order())).status_code == 401


async def test_basic_is_for_this_route_alone(service, shop):
    async with service.connect(headers={"authorization": basic(service.key)}) as stranger:
        assert (await stranger.post("/v1/events", json=shop.order())).status_code == 401


@pytest.mark.parametrize(("scope", "status"), [("ingest", 200), ("admin", 200), ("read", 403), ("decide", 403)])
async def test_scopes(service, engine, order, scope, status):
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "segment", [scope], 1)
    await service.resources.refresh()
    async with service.connect(headers={"authorization": basic(key)}) as stranger:
        assert (await stranger.post("/v1/segment", json=order())).status_code == status


def test_only_basic_is_written_anew():
    assert write_bearer(b"Bearer x") == b"Bearer x"
    assert write_bearer(b"Basic " + base64.b64encode(b"key:secret:more")) == b"Bearer key"
    assert write_bearer(b"Basic " + base64.b64encode(b"key")) == b"Bearer key"


async def test_the_contract_names_its_bodies(service):
    for route in router.routes:
        assert isinstance(route, APIRoute)
        assert route.openapi_extra
        body = json.dumps(route.openapi_extra["requestBody"])
        assert "SegmentMessageIn" in body
        assert "SegmentBatchIn" in body
