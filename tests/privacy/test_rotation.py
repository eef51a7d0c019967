"""The key of identifiers is rotated: who was known is known, who was erased stays erased, nobody changes arms."""

import pytest

from app.decisions.held import Decisions
from app.foundation.errors import Refusal, UnusableSettings
from app.foundation.settings import Settings
from app.ingest.admission import admit
from app.ingest.identity_key import forget_former, read_arms_key, read_identity_keys, rotate
from app.ingest.left_keys import LeftKeys
from app.ingest.pseudonyms import ask_for, ids_asked_for
from app.ingest.repeats import is_same_content
from app.ingest.rules import Rules
from app.lifecycle.retention import read_retention
from app.privacy.retention import retain
from tests.privacy.test_leaving import at, differences, let_leave

PHONE, OTHER, MAIL = "+8613912345678", "+8613912345679", "li@example-shop.cn"
OF_PHONE = {"identifiers": [{"kind": "phone", "value": PHONE}]}
OLD, BOTH, NEW = Rules("CNY", 2, b"tests"), Rules("CNY", 2, b"new", former_keys=(b"tests",)), Rules("CNY", 2, b"new")
NOW_US = 1_790_000_000_000_000


@pytest.fixture(scope="module")
async def rotated(anyio_backend, serve):
    async with serve(identity_key="new", former_identity_keys="tests") as service:
        yield service


@pytest.fixture(scope="module")
async def forgetful(anyio_backend, serve):
    async with serve(identity_key="new", arms_key="tests") as service:
        yield service


async def statuses(service, *events):
    answer = await service.client.post("/v1/events", json=list(events))
    return [each["status"] for each in answer.json()["results"]]


async def orders(service, customer_id):
    found = await service.client.get(f"/v1/customers/{customer_id}")
    return found.json()["orders"] if found.status_code == 200 else None


async def test_who_was_known_by_the_former_key_is_known_by_both_and_then_by_the_new_one(
    client, rotated, forgetful, shop
):
    first, unseen = shop.order("C-1", **OF_PHONE), shop.order(OTHER)
    assert (await client.post("/v1/events", json=[first, unseen, shop.order(MAIL)])).json()["accepted"] == 3
    assert [await orders(rotated, each) for each in (PHONE, OTHER, MAIL)] == [1, 1, 1]
    assert await statuses(rotated, first, shop.order("C-1", **OF_PHONE), shop.order(MAIL)) == [
        "duplicate",
        "accepted",
        "accepted",
    ]
    assert [await orders(rotated, each) for each in (PHONE, OTHER, MAIL)] == [2, 1, 2]
    assert [await orders(forgetful, each) for each in (PHONE, OTHER, MAIL)] == [2, None, 2]


async def test_a_sale_by_phone_alone_counts_once_through_the_rotation(client, rotated, forgetful, shop):
    before, between = shop.order(PHONE), shop.order(PHONE)
    await client.post("/v1/events", json=before)
    assert await statuses(rotated, before, between, between) == ["duplicate", "accepted", "duplicate"]
    assert await statuses(forgetful, between) == ["duplicate"]
    assert await orders(forgetful, PHONE) == 2


async def test_what_has_left_is_known_through_every_rotation(client, engine, serve, rotated, forgetful, shop):
    """And whoever it was of."""
    before, between = (at(shop, days, "order.completed", subject=PHONE, order_id="7", total=10) for days in (800, 700))
    assert await statuses(rotated, before) == ["accepted"]
    await let_leave(engine, "order=400d")
    assert await statuses(rotated, before, between) == ["duplicate", "accepted"]
    assert await let_leave(engine, "order=400d") == {"order": 1}
    for each in (rotated, forgetful):
        assert await statuses(each, before, between) == ["duplicate", "duplicate"]
        assert "privacy:retention" not in (await each.client.get("/health")).json()["checks"]
    assert [await orders(each, PHONE) for each in (rotated, forgetful)] == [2, 2]
    assert (await retain(engine, LeftKeys(b"new"), read_retention("order=400d"), NOW_US)).outcome == "another key"
    async with serve(identity_key="new") as lost:
        (check,) = (await lost.client.get("/health")).json()["checks"]["privacy:retention"]
        assert (check["status"], "PERENNIAL_ARMS_KEY" in check["output"]) == ("fail", True)
    assert await differences(engine) == []


async def test_who_was_erased_stays_erased(client, rotated, shop, perennial):
    await client.post("/v1/events", json=[shop.order("C-1", **OF_PHONE), shop.order(MAIL)])
    for erased in ("C-1", MAIL, OTHER):
        assert (await client.delete(f"/v1/customers/{erased}")).status_code == 200
    by_phone = shop.event("store.visited", data=OF_PHONE)
    del by_phone["subject"]
    sent = (shop.order("C-1"), shop.order(PHONE), by_phone, shop.order(MAIL), shop.order(OTHER))
    assert await statuses(rotated, *sent) == ["erased"] * 5
    assert await statuses(rotated, shop.order("C-2", **OF_PHONE)) == ["accepted"]
    (kept,) = (await rotated.client.get("/v1/customers/C-2/events")).json()["events"]
    assert kept["data"]["identifiers"] == []
    decision = (await rotated.client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store"})).json()
    assert decision["degraded_because"] == "no_receipt"
    told = await rotated.client.get("/v1/erasures", params={"customer_id": PHONE})
    assert len(told.json()["erasures"]) == 1
    consent = {"purpose": "marketing", "granted": True}
    granted = shop.event("consent.changed", MAIL, at=shop.ago(seconds=0), data=consent)
    assert await statuses(rotated, granted, shop.order(MAIL, at=shop.ago(seconds=0))) == ["accepted", "accepted"]


async def test_who_is_erased_between_is_so_by_the_new_key_alone(rotated, forgetful, sql, shop):
    await rotated.client.post("/v1/events", json=shop.order(PHONE))
    for erased in (PHONE, OTHER):
        await rotated.client.delete(f"/v1/customers/{erased}")
    for service in (rotated, forgetful):
        assert await statuses(service, shop.order(PHONE), shop.order(OTHER)) == ["erased", "erased"]


def test_identifiers_are_written_by_the_new_key_and_found_by_both():
    assert ids_asked_for(PHONE, BOTH) == [ask_for(PHONE, NEW), ask_for(PHONE, OLD)]
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "store.visited", "time": "2026-01-01T00:00:00Z"}
    told = {**event, "subject": "C-1", "data": OF_PHONE}
    old, both, new = (admit(told, rules, NOW_US) for rules in (OLD, BOTH, NEW))
    assert is_same_content(both, old)
    assert is_same_content(new, both)
    assert not is_same_content(new, old)
    other = {**told, "data": {"identifiers": [{"kind": "phone", "value": OTHER}]}}
    assert not is_same_content(admit(other, BOTH, NOW_US), both)


def test_the_key_of_the_home_is_rotated_and_arms_stay(tmp_path):
    settings = Settings(home=tmp_path)
    first = read_identity_keys(settings).current
    rotate(settings)
    second = read_identity_keys(settings)
    rotate(settings)
    third = read_identity_keys(settings)
    assert (second.former, third.former) == ((first,), (second.current, first))
    assert len({first, second.current, third.current}) == 3
    assert read_arms_key(settings) == first
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    assert forget_former(settings) == 2
    assert (read_identity_keys(settings).former, read_arms_key(settings)) == ((), first)


def test_keys_that_are_set_are_rotated_where_they_are_set(tmp_path):
    with pytest.raises(Refusal, match="PERENNIAL_FORMER_IDENTITY_KEYS"):
        rotate(Settings(home=tmp_path, identity_key="k"))
    settings = Settings(identity_key="new", former_identity_keys='["old", "first"]')
    assert read_identity_keys(settings) == (b"new", (b"old", b"first"))
    assert read_arms_key(settings) == b"first"
    assert read_arms_key(Settings(identity_key="new", arms_key="first")) == b"first"
    with pytest.raises(UnusableSettings, match="PERENNIAL_FORMER_IDENTITY_KEYS"):
        Settings.from_environment({"PERENNIAL_FORMER_IDENTITY_KEYS": "[1"})


def test_a_rotation_moves_nobody_into_another_arm(service, rotated):
    persons = [f"C-{number}" for number in range(50)]
    before, after = (each.resources.of(Decisions).deciding().arms for each in (service, rotated))
    assert before.secret == after.secret
    assert [before.of(each) for each in persons] == [after.of(each) for each in persons]
