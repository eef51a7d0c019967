"""One request, one transaction: committed before the answer, all or nothing; and a database that is lost."""

import asyncio
import json
from unittest.mock import create_autospec

import pytest

from app.database.embedded import start_embedded
from app.database.engine import Driver
from app.database.schema import migrate
from app.decisions.contact_book import ContactBook
from app.decisions.keeping import Keeping, keep_decisions
from app.decisions.settling import Draft
from app.foundation.errors import NotReady
from app.foundation.settings import Settings

QUICK = {"fsync": "off", "shared_buffers": "16MB"}


async def ask(app, path, body, key, on_answer, method="POST"):
    """Sends a request; `on_answer` runs when the answer begins to leave."""
    content = json.dumps(body).encode()

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            await on_answer(message["status"])

    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)


ACTION = {
    "action_id": "just-in-time",
    "title": {"en": "Now", "zh": "现在"},
    "stages": ["new"],
    "channels": ["store"],
    "aim": "grow",
    "response_rate": 0.1,
    "effect": 0.1,
}


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/v1/events", "SELECT count(*) FROM events JOIN customer_states USING (customer_id)"),
        ("/v1/events batch", "SELECT count(*) FROM events JOIN customer_states USING (customer_id)"),
        ("/v1/events refused", "SELECT count(*) FROM rejected_events"),
        ("/v1/checkouts", "SELECT count(*) FROM events JOIN decisions USING (customer_id)"),
        ("/v1/decisions", "SELECT count(*) FROM decisions JOIN offers USING (customer_id)"),
        ("/v1/actions/just-in-time", "SELECT count(*) FROM actions WHERE action_id = 'just-in-time'"),
    ],
)
async def test_when_the_answer_leaves_another_connection_sees_what_it_says(service, sql, shop, path, seen):
    bodies = {
        "/v1/events": shop.order(),
        "/v1/events batch": [shop.order()],
        "/v1/events refused": shop.order(total=None),
        "/v1/checkouts": {"event": shop.order(total=80)},
        "/v1/decisions": {"customer_id": "C-9"},
        "/v1/actions/just-in-time": ACTION,
    }
    answered = []

    async def look(status):
        answered.append((status, await sql.value(seen)))

    method = "PUT" if path.startswith("/v1/actions") else "POST"
    await ask(service.app, path.partition(" ")[0], bodies[path], service.key, look, method)
    assert answered == [(422 if "refused" in path else 200, 1)]
    await service.client.delete("/v1/actions/just-in-time")


@pytest.fixture
async def poisoned(sql):
    """A database that refuses the receipts, and the states, of some customers."""
    checks = {"decisions": "customer_id <> 'bad receipt'", "customer_states": "customer_id <> 'bad state'"}
    for table, check in checks.items():
        await sql.rows(f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK ({check})")
    yield
    for table in checks:
        await sql.rows(f"ALTER TABLE {table} DROP CONSTRAINT poison")


async def test_a_failed_event_fails_whole_and_alone(service, sql, shop, poisoned):
    """Nothing of it stays, and those gathered with it are answered."""
    customers = ["good 1", "bad state", "good 2", "bad receipt", "good 3"]
    headers = {"Authorization": f"Bearer {service.key}"}
    async with service.connect(raises=False, headers=headers) as client:
        requests = [client.post("/v1/checkouts", json={"event": shop.order(customer)}) for customer in customers]
        responses = await asyncio.gather(*requests)
        codes = dict(zip(customers, [response.status_code for response in responses], strict=True))
        assert codes == {"good 1": 200, "good 2": 200, "good 3": 200, "bad state": 500, "bad receipt": 500}
        for response in responses:
            if response.status_code == 500:
                assert response.headers["content-type"] == "application/problem+json"
                assert "bad" not in response.text
    for table in ("events", "customer_states", "decisions"):
        found = await sql.rows(f"SELECT customer_id FROM {table} ORDER BY customer_id")
        assert [row["customer_id"] for row in found] == ["good 1", "good 2", "good 3"]


async def test_a_client_that_goes_away_does_not_undo_its_event(service, sql, shop):
    event = shop.order()
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        waiting = asyncio.create_task(service.client.post("/v1/events", json=event))
        await sql.wait_for_lock()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert (await service.client.post("/v1/events", json=event)).json()["duplicate"] == 1
    assert await sql.value("SELECT orders FROM customer_states") == 1


REQUESTS = {
    "/v1/events": lambda client, shop: client.post("/v1/events", json=shop.order()),
    "/v1/events batch": lambda client, shop: client.post("/v1/events", json=[shop.order()]),
    "/v1/checkouts": lambda client, shop: client.post("/v1/checkouts", json={"event": shop.order()}),
    "/v1/decisions": lambda client, shop: client.post("/v1/decisions", json={"customer_id": "C-1"}),
    "score": lambda client, shop: client.get("/v1/customers/C-1/score"),
    "score as of": lambda client, shop: client.get("/v1/customers/C-1/score?as_of=2026-01-01T00:00:00Z"),
    "/v1/scores:batch": lambda client, shop: client.post("/v1/scores:batch", json={"customer_ids": ["C-1"]}),
    "profile": lambda client, shop: client.get("/v1/customers/C-1"),
    "history": lambda client, shop: client.get("/v1/customers/C-1/events"),
    "/v1/actions": lambda client, shop: client.get("/v1/actions"),
}
LOCKED = {
    "/v1/decisions": "decisions",
    "score": "customer_states",
    "/v1/scores:batch": "customer_states",
    "profile": "customer_states",
    "/v1/actions": "actions",
}


def assert_not_ready(response):
    assert (response.status_code, response.json()["type"]) == (503, "urn:perennial:problem:not-ready")
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_connection_lost_in_the_middle_of_a_statement(service, sql, shop, name):
    """As by a fail-over, or an administrator: the client is told to come again, and then it works."""
    headers = {"Authorization": f"Bearer {service.key}"}
    await service.client.post("/v1/events", json=shop.order(at=shop.ago(days=900)))
    async with service.connect(raises=False, headers=headers) as client:
        async with sql.engine.begin() as other:
            await other.exec_driver_sql(f"LOCK TABLE {LOCKED.get(name, 'events')}")
            waiting = asyncio.create_task(REQUESTS[name](client, shop))
            await sql.rows("SELECT pg_terminate_backend(:pid)", pid=await sql.wait_for_lock())
            response = await waiting
        assert_not_ready(response)
        assert (await REQUESTS[name](client, shop)).status_code == 200


@pytest.mark.parametrize("name", REQUESTS)
async def test_connections_lost_that_nobody_has_heard_of_yet(service, cut_connections, shop, name):
    """As when the server was killed a moment ago: the first statement of a request finds it out."""
    headers = {"Authorization": f"Bearer {service.key}"}
    await service.client.post("/v1/events", json=shop.order(at=shop.ago(days=900)))
    async with service.connect(raises=False, headers=headers) as client:
        await REQUESTS[name](client, shop)
        cut_connections()
        response = await REQUESTS[name](client, shop)
        if response.status_code != 200:
            assert_not_ready(response)
        assert (await REQUESTS[name](client, shop)).status_code == 200


async def test_a_decision_whose_transaction_cannot_begin(engine, cut_connections):
    """Nothing else of the loop ran meanwhile, and so nobody has told the driver that its connection is gone."""
    driver, draft = Driver(engine), create_autospec(Draft, instance=True)
    await driver.connection()
    cut_connections()
    with pytest.raises(NotReady):
        await keep_decisions(driver, ContactBook(Settings()), [Keeping(draft)])
    await driver.close()


async def test_more_requests_than_connections_while_the_database_hangs(serve, sql, shop):
    """Those that find no connection in time are told to come again; the others are answered."""
    async with serve() as service:
        await service.client.post("/v1/events", json=shop.order())
        service.resources.engine.pool._timeout = 0.2
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events")
            requests = [asyncio.create_task(service.client.get("/v1/customers/C-1/events")) for _ in range(12)]
            await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        responses = await asyncio.gather(*requests)
    codes = {response.status_code for response in responses}
    assert codes == {200, 503}
    for response in responses:
        if response.status_code == 503:
            assert response.json()["type"] in (
                "urn:perennial:problem:not-ready",
                "urn:perennial:problem:overloaded",
            )
            assert int(response.headers["retry-after"]) > 0


async def test_a_database_that_is_gone_and_comes_back(serve, shop, tmp_path):
    home = tmp_path / "postgres"
    server = start_embedded(home, settings=QUICK)
    try:
        migrate(server.url)
        event = shop.order(total=12.5)
        async with serve(server.url) as service:
            client = service.client
            assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
            server.stop()
            for name, request in REQUESTS.items():
                assert_not_ready(await request(client, shop)), name
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503
            server = start_embedded(home, settings=QUICK)
            assert (await client.post("/v1/events", json=event)).json()["duplicate"] == 1
            for name, request in REQUESTS.items():
                assert (await request(client, shop)).status_code in (200, 404), name
            assert (await client.get("/readyz")).status_code == 200
            profile = (await client.get("/v1/customers/C-1")).json()
            assert profile["orders"] == 4  # the first, and one of each way to send after it came back
    finally:
        server.stop()


async def test_a_service_that_starts_before_its_database(serve, shop, tmp_path, monkeypatch, wait_until):
    """It comes up, says that it is not ready, and serves when the database does."""
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.05)
    home = tmp_path / "postgres"
    server = start_embedded(home, settings=QUICK)
    try:
        migrate(server.url)
        async with serve(server.url) as known:
            key = known.key
        server.stop()
        async with serve(server.url, prepares=False) as service:
            headers = {"Authorization": f"Bearer {key}"}
            async with service.connect(headers=headers) as client:
                assert (await client.get("/livez")).status_code == 200
                assert (await client.get("/readyz")).status_code == 503
                server = start_embedded(home, settings=QUICK)

                async def is_served():
                    return (await client.post("/v1/events", json=shop.order())).status_code == 200

                await wait_until(is_served)
                assert (await client.get("/readyz")).status_code == 200
    finally:
        server.stop()
