"""What a till may rely on when things are slow: an answer soon, the event counted once, the same answer again."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.pool import QueuePool

from app.database.engine import Driver, create_engine
from app.foundation.errors import Overloaded


@pytest.fixture
async def hasty(serve, sql):
    """A service with the patience of production."""
    async with serve(patience_ms=400) as service:
        yield service


def checkout(event, **wanted):
    return {"event": event, "channel": "store", "max_actions": 2, **wanted}


async def test_without_a_deadline_or_within_it_there_are_actions(client, shop):
    for number, wanted in enumerate(({}, {"deadline_ms": 60_000})):
        answer = (await client.post("/v1/checkouts", json=checkout(shop.order(f"C-{number}"), **wanted))).json()
        assert answer["decision"]["actions"]


async def test_past_the_deadline_the_event_counts_and_the_decision_is_empty_and_says_so(client, sql, shop, service):
    event = shop.order()
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        waiting = asyncio.create_task(client.post("/v1/checkouts", json=checkout(event, deadline_ms=20)))
        await sql.wait_for_lock()
        await asyncio.sleep(0.05)
    first = (await waiting).json()
    assert first["event"] == {"status": "accepted"}
    assert first["score"]["stage"] == "new"
    assert (first["decision"]["actions"], first["decision"]["degraded"]) == ([], True)
    assert await sql.value("SELECT orders FROM customer_states") == 1
    assert await sql.value("SELECT count(*) FROM offers") == 0
    assert await sql.value("SELECT receipt->>'is_late' FROM decisions") == "true"
    again = (await client.post("/v1/checkouts", json=checkout(event, deadline_ms=60_000))).json()
    assert again == {**first, "event": {"status": "duplicate"}}


async def test_a_decision_past_its_deadline(client, sql, shop):
    await client.post("/v1/events", json=shop.order())
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE customer_states IN ACCESS EXCLUSIVE MODE")
        body = {"customer_id": "C-1", "max_actions": 2, "deadline_ms": 20}
        waiting = asyncio.create_task(client.post("/v1/decisions", json=body))
        await sql.wait_for_lock()
        await asyncio.sleep(0.05)
    decision = (await waiting).json()
    assert (decision["actions"], decision["degraded"]) == ([], True)


@pytest.mark.parametrize("path", ["/v1/checkouts", "/v1/events"])
async def test_a_slow_database_is_503_soon_and_the_event_counts_once_all_the_same(hasty, sql, shop, path):
    event = shop.order()
    body = checkout(event) if path == "/v1/checkouts" else event
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        began = time.monotonic()
        refused = await asyncio.gather(*(hasty.client.post(path, json=body) for _ in range(3)))
        assert time.monotonic() - began < 5  # a lock has no end of its own
    for response in refused:
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert response.json()["type"] == "urn:perennial:problem:not-ready"
    async with asyncio.timeout(10):
        while (await hasty.client.post(path, json=body)).status_code != 200:  # noqa: ASYNC110 - a till tries again
            await asyncio.sleep(0.05)
    assert await sql.value("SELECT orders FROM customer_states") == 1


@pytest.mark.parametrize(
    ("table", "method", "path", "body"),
    [
        ("customer_states", "GET", "/v1/customers/C-1/score", None),
        ("events", "GET", "/v1/customers/C-1", None),
        ("offers", "POST", "/v1/decisions", {"customer_id": "nobody"}),
        ("decisions", "POST", "/v1/decisions", {"customer_id": "C-1"}),
    ],
)
async def test_patience_is_of_the_whole_request(serve, sql, shop, table, method, path, body):
    """However many statements it takes; the database itself would be given five seconds for each."""
    async with serve(patience_ms=400) as service:
        await service.client.post("/v1/events", json=shop.order())
        async with sql.engine.begin() as other:
            await other.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            refused = await service.client.request(method, path, json=body)
            assert time.monotonic() - began < 4
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_a_database_that_is_gone_is_503(serve, shop, sql):
    async with serve("postgresql://nobody@127.0.0.1:1/none", prepares=False, patience_ms=400) as service:
        service.resources.keyring._scopes_by_header[b"Bearer x"] = frozenset(("admin",))
        headers = {"Authorization": "Bearer x"}
        response = await service.client.post("/v1/checkouts", json=checkout(shop.order()), headers=headers)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_a_till_is_not_turned_away_by_a_service_that_began_without_its_database(serve, sql, shop, tmp_path):
    """503, to be sent again, until the keys can be read; a 401 would be final."""
    running = sql.engine.url
    if "host" not in running.query:
        pytest.skip("the database is not reached by a socket, whose path can be absent")
    absent = tmp_path / "socket"
    async with (
        serve(running.set(query={"host": str(absent)}).render_as_string(), prepares=False) as service,
        serve() as other,
    ):
        till = service.connect(headers={"Authorization": f"Bearer {other.key}"})
        body = checkout(shop.order())
        for path, options in (("/v1/checkouts", {"json": body}), ("/v1/customers/C-1", {}), ("/metrics", {})):
            refused = await till.request("POST" if options else "GET", path, **options)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), path
        absent.symlink_to(running.query["host"])
        while (answer := await till.post("/v1/checkouts", json=body)).status_code == 503:  # noqa: ASYNC110 - as tills do
            await asyncio.sleep(0.02)
        assert answer.json()["event"] == {"status": "accepted"}


@pytest.fixture
async def refusing_postgres():
    """A server that takes connections and refuses them as a Postgres does that starts, stops or is full."""
    codes = ["57P03"]

    async def refuse(reader, writer):
        if await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":  # asks for TLS
            writer.write(b"N")
            await reader.readexactly(4)
        fields = b"SFATAL\0VFATAL\0C%b\0Mno\0\0" % codes[0].encode()
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], codes


@pytest.mark.parametrize("code", ["57P03", "57P01", "53300"])
async def test_a_database_that_starts_or_is_full_is_503(serve, shop, sql, refusing_postgres, code):
    port, codes = refusing_postgres
    codes[0] = code
    async with serve(f"postgresql://nobody@127.0.0.1:{port}/none", prepares=False) as service:
        service.resources.keyring._scopes_by_header[b"Bearer x"] = frozenset(("admin",))
        headers = {"Authorization": "Bearer x"}
        for _ in range(2):
            response = await service.client.post("/v1/checkouts", json=checkout(shop.order()), headers=headers)
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert (await service.client.get("/v1/customers/C-1", headers=headers)).status_code == 503


async def test_no_connection_to_be_had_is_told_to_all_that_wait_at_once(database_url):
    """As an overload: as any other error it would be taken for an item's own, and tried again item by item."""
    engine = create_engine(database_url)
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = 0.05
    async with AsyncExitStack() as held:
        for _ in range(pool.size() + pool._max_overflow):
            await held.enter_async_context(engine.connect())
        with pytest.raises(Overloaded):
            await Driver(engine).connection()
    await engine.dispose()
