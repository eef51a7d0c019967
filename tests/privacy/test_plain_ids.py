"""Who is told of by a phone or an e-mail is kept under its hash alone, and found by either."""

import asyncio
import json
import logging

import pytest

from app.database.tables import metadata
from app.foundation.errors import UnusableSettings
from app.foundation.settings import Settings
from app.ingest.pseudonyms import ask_for
from app.ingest.rules import Rules
from app.lifecycle.identifiers import is_pseudonym
from app.privacy.held import HELD
from app.privacy.renaming import hash_plain_ids
from tests.privacy.canaries import OWN, plant
from tests.privacy.canaries import PHONE as LINKED
from tests.privacy.test_erasure import everything
from tests.privacy.test_leaving import at, differences, let_leave, send

RULES = Rules("CNY", 2, b"tests")
PHONE, MAIL = "+86 139 1234 5678", "Wang.Li@Example-Shop.cn"
FORMS = ("13912345678", "139 1234 5678", "139-1234-5678", "wang.li", "Wang.Li")


def holds_plain(told):
    return [form for form in FORMS if form in json.dumps(told, default=str)]


@pytest.mark.parametrize(
    ("given", "others"), [(PHONE, ("+8613912345678", "tel:+86-139-1234-5678")), (MAIL, (MAIL.lower(), f"email:{MAIL}"))]
)
async def test_nothing_in_clear_is_kept_or_told_by_any_door(client, sql, shop, caplog, given, others):
    caplog.set_level(logging.DEBUG)
    bad = {**shop.event("order.completed", given, data={"total": "x"})}
    merged = shop.event("customer.merged", "C-7", data={"merged": others[0]})
    answer = await client.post(
        "/v1/events", json=[shop.order(given), shop.order(others[0]), shop.order(others[1]), bad, merged]
    )
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (4, 1)
    segment = {
        "type": "track",
        "event": "Order Completed",
        "userId": given,
        "messageId": "m-1",
        "timestamp": shop.ago(days=1),
    }
    await client.post("/v1/segment", json={**segment, "properties": {"order_id": "S-1", "total": 10}})
    checkout = await client.post("/v1/checkouts", json={"event": shop.order(given), "channel": "store"})
    decision = await client.post("/v1/decisions", json={"customer_id": given, "channel": "store"})
    named = ask_for(given, RULES)
    assert is_pseudonym(named)
    assert {checkout.json()["score"]["customer_id"], decision.json()["customer_id"]} == {named}
    for asked in (given, others[0], others[1], named, "C-7"):
        profile = await client.get(f"/v1/customers/{asked}")
        assert profile.json()["orders"] == 5, asked
        for path in ("/score", "/events", "/decisions", "/consents", "/export", "/recommendations?scenario=popular"):
            answer = await client.get(f"/v1/customers/{asked}{path}")
            assert answer.status_code == 200, (asked, path, answer.text)
            assert holds_plain(answer.json()) == []
    assert holds_plain(await everything(sql)) == []
    logged = [
        str(vars(each)) for each in caplog.records if not each.name.startswith(("httpx", "sqlalchemy", "asyncio"))
    ]
    assert holds_plain(logged) == []


async def test_a_batch_of_scores_is_told_by_the_ids_asked_for(client, shop):
    await client.post("/v1/events", json=[shop.order(PHONE), shop.order("C-2")])
    asked = ["C-2", PHONE, "nobody@nowhere.cn"]
    told = (await client.post("/v1/scores:batch", json={"customer_ids": asked})).json()
    assert ([each["customer_id"] for each in told["scores"]], told["unknown"]) == (
        ["C-2", PHONE],
        ["nobody@nowhere.cn"],
    )


async def test_a_repeat_counts_once_however_the_phone_is_written(client, shop):
    event = shop.order("+8613912345678")
    again = [event, {**event, "subject": PHONE}, {**event, "subject": "phone:+8613912345678"}]
    told = (await client.post("/v1/events", json=again)).json()
    assert [each["status"] for each in told["results"]] == ["accepted", "duplicate", "duplicate"]


async def test_a_refused_event_is_replayed_under_the_same_hash(client, sql, shop):
    event = shop.order(MAIL, currency="USD")
    await client.post("/v1/events", json=event)
    assert holds_plain(await everything(sql)) == []
    (row,) = await sql.rows("SELECT rejected_id, event FROM rejected_events")
    kept = json.loads(row["event"])
    mended = {**kept, "data": {**kept["data"], "currency": "CNY"}}
    answer = await client.post(f"/v1/events/rejected/{row['rejected_id']}:replay", json=mended)
    assert answer.json()["status"] == "accepted"
    assert await sql.value("SELECT customer_id FROM events") == ask_for(MAIL, RULES)
    whole = {**event, "data": {**event["data"], "currency": "CNY"}}
    assert (await client.post("/v1/events", json=whole)).json()["duplicate"] == 1


async def test_digits_are_ids(client, sql, shop):
    """Cards of eleven digits are not phones, and two of them are two."""
    await client.post("/v1/events", json=[shop.order("13812345678"), shop.order("013812345678")])
    rows = await sql.rows("SELECT customer_id FROM events ORDER BY 1")
    assert [row["customer_id"] for row in rows] == ["013812345678", "13812345678"]


async def test_they_are_phones_where_the_retailer_says_so(anyio_backend, serve, sql, shop):
    async with serve(country_code="86", ids_are_phones=True) as service:
        orders = [shop.order("13912345678"), shop.order(PHONE), shop.order("90013812345")]
        assert (await service.client.post("/v1/events", json=orders)).json()["accepted"] == 3
        assert (await service.client.get("/v1/customers/13912345678")).json()["orders"] == 2
        assert (await service.client.get("/v1/customers/90013812345")).json()["orders"] == 1
    assert holds_plain(await everything(sql)) == []
    with pytest.raises(UnusableSettings, match=r"PERENNIAL_IDS_ARE_PHONES.*PERENNIAL_COUNTRY_CODE"):
        Settings.from_environment({"PERENNIAL_IDS_ARE_PHONES": "true"})


async def test_a_person_is_erased_by_a_phone_and_does_not_come_back(client, shop):
    await client.post("/v1/events", json=shop.order(PHONE))
    receipt = (await client.delete(f"/v1/customers/{PHONE}")).json()
    assert receipt["rows"]["events"] == 1
    assert (await client.get("/v1/erasures", params={"customer_id": "tel:+8613912345678"})).json()["erasures"] != []
    by_identifier = shop.order("C-1", identifiers=[{"kind": "phone", "value": PHONE}])
    told = (await client.post("/v1/events", json=[shop.order("+8613912345678"), by_identifier])).json()
    assert [each["status"] for each in told["results"]] == ["erased", "accepted"]


@pytest.fixture
def rename(engine):
    async def work():
        return [count async for count in hash_plain_ids(engine, RULES)]

    return work


async def test_whoever_was_kept_in_clear_is_kept_under_the_hash(client, engine, sql, rename, perennial):
    """Every table, with canaries of what is to stay."""
    canaries = await plant(engine) - {OWN, LINKED[7:]}
    for name in HELD:
        for column in HELD[name]:
            await sql.rows(f"UPDATE {name} SET {column} = :plain WHERE {column} = :own", plain=PHONE, own=OWN)
        for each in metadata.tables[name].c:
            if str(each.type) in ("JSON", "JSONB"):
                named = f"jsonb_set(CAST({each.name} AS jsonb), '{{of}}', to_jsonb(CAST(:plain AS text)))"
                await sql.rows(f"UPDATE {name} SET {each.name} = {named}", plain=PHONE)
    refused = json.dumps({"subject": PHONE, "data": {"note": "canary-rejected"}}, ensure_ascii=False)
    await sql.rows("UPDATE rejected_events SET event = :event", event=refused)
    assert holds_plain(await everything(sql)) != []
    assert await rename() == [1]
    after = await everything(sql)
    assert holds_plain(after) == []
    of_events = ("customer_states", "customer_items", "customer_interests", "customer_cases", "customer_consents")
    made = {
        each
        for each in canaries
        if each.startswith(tuple(f"canary-{name}-" for name in (*of_events, "state_horizons", "links")))
    }
    assert {each for each in canaries - made if each not in json.dumps(after)} == set()
    assert {row["customer_id"] for row in await sql.rows("SELECT customer_id FROM decisions")} == {
        ask_for(PHONE, RULES)
    }
    assert await rename() == []


async def test_histories_in_clear_and_hashed_become_one(client, sql, shop, rename, perennial):
    """As where the service was upgraded while customers came."""
    first, second = shop.order("C-1", at=shop.ago(days=3)), shop.order("C-1", at=shop.ago(days=2))
    merged = shop.event("customer.merged", "C-2", data={"merged": "C-1"})
    await client.post("/v1/events", json=[first, second, merged, shop.order("C-2")])
    for table, column in (
        ("events", "customer_id"),
        ("customer_states", "customer_id"),
        ("persons", "customer_id"),
        ("links", "low_id"),
    ):
        await sql.rows(f"UPDATE {table} SET {column} = :plain WHERE {column} = 'C-1'", plain=PHONE)
    await sql.rows(
        "UPDATE events SET data = CAST(replace(CAST(data AS text), '\"C-1\"', :plain) AS json)", plain=json.dumps(PHONE)
    )
    await sql.rows('UPDATE links SET low_id = high_id, high_id = low_id WHERE low_id > high_id COLLATE "C"')
    await client.post("/v1/events", json=shop.order(PHONE))
    assert await rename() == [1]
    assert holds_plain(await everything(sql)) == []
    assert (await client.get(f"/v1/customers/{PHONE}")).json()["orders"] == 4
    assert ", 0 differences" in await asyncio.to_thread(perennial, "verify")
    repeated = {**first, "subject": PHONE}
    assert (await client.post("/v1/events", json=repeated)).json()["duplicate"] == 1
    assert await rename() == []


async def test_what_has_left_of_both_histories_becomes_one(client, engine, sql, shop, rename):
    """Both were seen with one e-mail."""
    mail = {"identifiers": [{"kind": "email", "value": MAIL}]}
    line = {"products": [{"product_id": "tea", "price": 10, "quantity": 1}]}
    told = [
        at(shop, days, "order.completed", order_id=str(days), total=10, channel=channel, **line, **mail)
        for days, channel in ((800, "store"), (700, "web"))
    ]
    await send(client, [*told, at(shop, 1, "store.visited")])
    await let_leave(engine, "order=400d")
    for name, columns in HELD.items():
        for column in columns:
            await sql.rows(f"UPDATE {name} SET {column} = :plain WHERE {column} = 'C-1'", plain=PHONE)
    now = [{**each, "id": f"now-{each['id']}", "subject": PHONE} for each in told]
    await send(client, now)
    await let_leave(engine, "order=400d")
    assert await rename() == [1]
    assert holds_plain(await everything(sql)) == []
    assert await differences(engine) == []
    profile = (await client.get(f"/v1/customers/{PHONE}")).json()
    assert (profile["orders"], profile["channels"]) == (4, {"store": 2, "web": 2})
    assert await sql.value("SELECT events FROM bases") == 4
    assert await sql.value("SELECT sum(orders) FROM base_customer_items") == 4
    assert await sql.value("SELECT count(*) FROM base_links") == 1
    assert {*(await send(client, [{**each, "subject": PHONE} for each in told] + now))} == {"duplicate"}
