"""`/v1/events/rejected`: refused events are listed and deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from app.database.engine import transaction
from app.http.auth import create_key
from app.ingest import rejected_queries
from tests.ingest.rejections import (
    CONFLICT,
    MALFORMED,
    REJECTED,
    REPLAY,
    kept_ids,
    listed,
    replay,
)


async def test_what_was_refused_is_listed(client, refuse, shop):
    before = datetime.now(UTC) - timedelta(seconds=1)
    event = shop.order(total="ten")
    (rejected_id,) = await refuse(event)
    page = await listed(client)
    (found,) = page["events"]
    assert page["next_cursor"] is None
    assert (found["rejected_id"], found["event"], found["problem"]["type"]) == (rejected_id, event, MALFORMED)
    assert before <= datetime.fromisoformat(found["received_at"]) <= datetime.now(UTC)


async def test_pages_go_from_the_latest_to_the_first(client, refuse, shop):
    ids = await refuse(*(shop.order(total="ten") for _ in range(5)))
    seen, cursor = [], None
    for size in (2, 2, 1):
        page = await listed(client, limit=2, **({} if cursor is None else {"cursor": cursor}))
        assert len(page["events"]) == size
        seen += [item["rejected_id"] for item in page["events"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == ids[::-1]


async def test_a_page_has_a_bound_in_bytes(client, refuse, shop, monkeypatch):
    monkeypatch.setattr(rejected_queries, "MAX_PAGE_BYTES", 2000)
    ids = await refuse(*(shop.order(total="ten", note="x" * 1500) for _ in range(3)))
    page = await listed(client)
    assert [item["rejected_id"] for item in page["events"]] == ids[:0:-1]
    page = await listed(client, cursor=page["next_cursor"])
    assert ([item["rejected_id"] for item in page["events"]], page["next_cursor"]) == (ids[:1], None)


async def test_filters(client, refuse, shop, sql):
    counted = shop.order(total=1)
    await client.post("/v1/events", json=counted)
    malformed, conflict = await refuse(shop.order(total="ten"), {**counted, "subject": "C-2"})
    for wanted in ("conflict", CONFLICT):
        assert [item["rejected_id"] for item in (await listed(client, type=wanted))["events"]] == [conflict]
    assert (await listed(client, type="none-such"))["events"] == []
    moment = 1_790_000_000_000_000
    await sql.rows("UPDATE rejected_events SET received_us = :at WHERE rejected_id = :id", at=moment, id=conflict)
    await sql.rows("UPDATE rejected_events SET received_us = :at WHERE rejected_id = :id", at=moment - 1, id=malformed)
    since = datetime.fromtimestamp(moment // 1_000_000, UTC).isoformat()
    assert [item["rejected_id"] for item in (await listed(client, since=since))["events"]] == [conflict]


@pytest.mark.parametrize(
    "params", [{"since": "yesterday"}, {"since": "1790000000"}, {"limit": 0}, {"limit": 501}, {"cursor": "x"}]
)
async def test_parameters_of_another_form(client, params):
    response = await client.get(REJECTED, params=params)
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)


async def test_one_is_deleted(client, refuse, shop, sql):
    first, second = await refuse(shop.order(total="ten"), shop.order(total="ten"))
    assert (await client.delete(f"{REJECTED}/{first}")).status_code == 204
    assert await kept_ids(sql) == [second]
    assert (await client.delete(f"{REJECTED}/{first}")).status_code == 404


@pytest.mark.parametrize("rejected_id", ["0", "-1", "x", str(2**63), "9" * 40])
async def test_ids_of_another_form(client, rejected_id):
    assert (await client.delete(f"{REJECTED}/{rejected_id}")).status_code == 422
    assert (await replay(client, rejected_id)).status_code in (404, 405)


async def test_the_old_are_purged_in_portions(client, refuse, shop, sql, monkeypatch):
    monkeypatch.setattr(rejected_queries, "PURGED_AT_ONCE", 2)
    ids = await refuse(*(shop.order(total="ten") for _ in range(6)))
    moment = 1_790_000_000_000_000
    await sql.rows("UPDATE rejected_events SET received_us = :at WHERE rejected_id <= :id", at=moment - 1, id=ids[4])
    await sql.rows("UPDATE rejected_events SET received_us = :at WHERE rejected_id > :id", at=moment, id=ids[4])
    before = datetime.fromtimestamp(moment // 1_000_000, UTC).isoformat()
    assert (await client.delete(REJECTED, params={"before": before})).json() == {"purged": 5}
    assert await kept_ids(sql) == [ids[5]]
    assert (await client.delete(REJECTED)).status_code == 422
    assert await kept_ids(sql) == [ids[5]]


CALLS = [
    ("GET", REJECTED, "read"),
    ("DELETE", f"{REJECTED}/1", "admin"),
    ("DELETE", f"{REJECTED}?before=2020-01-01T00:00:00Z", "admin"),
    ("POST", REPLAY, "admin"),
    ("POST", f"{REJECTED}/1:replay", "admin"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
async def test_scopes(service, engine, method, path, scope):
    async with service.connect() as stranger:
        assert (await stranger.request(method, path)).status_code == 401
        for given in ("ingest", "decide", "read", "admin"):
            async with transaction(engine) as connection:
                _, key = await create_key(connection, "test", [given], 1)
            await service.resources.refresh()
            response = await stranger.request(method, path, headers={"authorization": f"Bearer {key}"})
            assert (response.status_code == 403) == (given not in (scope, "admin"))


async def test_a_type_with_a_null_character(client):
    assert (await client.get(REJECTED, params={"type": "a\0b"})).status_code == 422
    assert (await client.post(REPLAY, json={"type": "a\0b"})).status_code == 422
