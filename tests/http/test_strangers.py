"""Who comes without a valid key: their share, their turn, and an end to guessing. Behind them, whoever has one."""

import asyncio
import logging

import httpx
import pytest

from app.database.engine import transaction
from app.foundation import metrics
from app.http.auth import create_key, write_key
from app.http.strangers import Failures, Share, share_of

WRONG = write_key("w" * 43)


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0.01)


async def test_so_many_are_let_in_at_once_and_then_so_many_a_second(clock):
    share = Share(10, clock)
    assert all([await share.turn("a") for _ in range(10)])
    waiting = [asyncio.create_task(share.turn("a")) for _ in range(5)]
    await settle()
    assert share.waiting == 5
    clock.now_s = 0.25
    await settle()
    assert [task.done() for task in waiting] == [True, True, False, False, False]
    clock.now_s = 0.6
    await asyncio.gather(*waiting)
    assert all(task.result() for task in waiting)


async def test_addresses_come_in_turn_however_many_one_sends(clock):
    share = Share(1, clock)
    assert await share.turn("flood")
    flood = [asyncio.create_task(share.turn("flood")) for _ in range(100)]
    await asyncio.sleep(0)
    probe = asyncio.create_task(share.turn("probe"))
    clock.now_s = 1.0
    await settle()
    clock.now_s = 2.0
    await settle()
    assert probe.done()
    assert sum(task.done() for task in flood) == 1
    clock.now_s = 100.0
    await asyncio.gather(*flood)


async def test_who_waits_too_long_is_refused(clock):
    share = Share(1, clock)
    assert await share.turn("a")
    waiting = [asyncio.create_task(share.turn("a")) for _ in range(3)]
    await settle()
    clock.now_s = 2.5
    assert not any(await asyncio.gather(*waiting))
    clock.now_s = 3.5
    assert await share.turn("a")


async def test_who_went_away_takes_nobodys_turn(clock):
    share = Share(1, clock)
    assert await share.turn("a")
    gone, stays = (asyncio.create_task(share.turn("a")) for _ in range(2))
    await settle()
    gone.cancel()
    clock.now_s = 1.0
    assert await stays


@pytest.mark.parametrize(
    ("path", "share"),
    [
        *(("/livez", "probes"), ("/readyz", "readiness"), ("/health", "health"), ("/metrics", "health")),
        *(("/docs", "documents"), ("/static-offline-docs/x.js", "documents"), ("/openapi.json", "documents")),
        *(
            ("/v1/shopify", "signed"),
            ("/console/customers", "console"),
            ("/v1/checkouts", "others"),
            ("/nowhere", "others"),
        ),
    ],
)
def test_each_path_is_of_a_share(path, share):
    assert share_of(path) == share


async def ask(service, path="/v1/actions", key=None, address="203.0.113.1"):
    transport = httpx.ASGITransport(app=service.app, client=(address, 1))
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        return await client.get(path)


async def test_a_valid_key_passes_by_who_waits(serve, sql, monkeypatch):
    monkeypatch.setattr("app.http.strangers.WAIT_S", 0.3)
    async with serve(strangers=10) as service:
        flood = [asyncio.create_task(ask(service)) for _ in range(60)]
        await asyncio.sleep(0)
        assert {(await ask(service, key=service.key)).status_code for _ in range(30)} == {200}
        answers = await asyncio.gather(*flood)
    assert {answer.status_code for answer in answers} == {401, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["type"] == "urn:perennial:problem:overloaded"
    assert (refused.headers["connection"], refused.headers["retry-after"]) == ("close", "1")
    assert "x-request-id" in refused.headers


async def test_an_address_that_guesses_is_told_to_stop_and_a_valid_key_of_it_is_taken(engine, serve, sql, monkeypatch):
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 3600.0)
    async with serve(wrong_keys=3) as service:
        assert [(await ask(service, key=WRONG)).status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        told = await ask(service, key="not-even-one-of-ours")
        assert told.json()["type"] == "urn:perennial:problem:too-many-failures"
        assert 0 < int(told.headers["retry-after"]) <= 60
        assert (await ask(service, key=WRONG, address="203.0.113.2")).status_code == 401
        assert (await ask(service, key=service.key)).status_code == 200
        assert (await ask(service)).status_code == 401  # who sends none guesses nothing
        assert (await ask(service, "/livez")).status_code == 200
        async with transaction(engine) as connection:
            _, new = await create_key(connection, "made since", ["read"], 1)
        assert (await ask(service, key=new)).status_code == 200


async def test_failures_are_forgotten_and_told_of_in_one_line(monkeypatch, caplog):
    monkeypatch.setattr("app.http.strangers.WINDOW_S", 0.05)
    before = metrics.WRONG_KEYS.values.get((), 0)
    failures = Failures(2)
    with caplog.at_level(logging.WARNING):
        for address in ("a", "a", "b"):
            failures.count(address)
        assert failures.are_too_many("a")
        assert not failures.are_too_many("b")
        failures.refuse()
        await asyncio.sleep(0.1)
    assert not failures.are_too_many("a")
    (line,) = [record for record in caplog.records if record.msg == "keys.refused"]
    assert line.told == {"count": 3, "addresses": 2, "limited": 1}
    assert metrics.WRONG_KEYS.values[()] == before + 3


async def test_only_so_many_addresses_are_told_apart(monkeypatch):
    monkeypatch.setattr("app.http.strangers.MOST_ADDRESSES", 2)
    failures = Failures(1)
    for number in range(5):
        failures.count(str(number))
    assert [failures.are_too_many(str(number)) for number in range(5)] == [True, True, False, False, False]
