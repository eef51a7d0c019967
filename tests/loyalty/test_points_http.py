"""Points over HTTP: promised, active, taken back, expired; and the same in whichever order things are told."""

import itertools

import pytest

from app.foundation.settings import Settings
from app.loyalty.held import Loyalty
from app.loyalty.posting import KNOWN_AFTER_US, post_all
from app.loyalty.verification import verify_points
from tests.loyalty.conftest import BASE, ONLINE

A_DAY_US = 86_400_000_000


async def differences(engine):
    settings = Settings(identity_key="tests")
    return [each async for batch in verify_points(engine, settings) for each in batch.differences]


async def accounts(sql):
    rows = await sql.rows("SELECT customer_id, promised, active FROM loyalty_accounts ORDER BY customer_id")
    return [tuple(row.values()) for row in rows]


async def test_without_a_programme_there_are_no_points(members, client, sql):
    await members.send(members.order("C-1", 100, 1))
    assert (await client.get("/v1/customers/C-1/loyalty")).status_code == 404
    assert (await client.get("/v1/loyalty/programme")).status_code == 404
    assert await sql.rows("SELECT * FROM loyalty_pending") == []


async def test_points_are_promised_until_the_return_window_closes(members):
    await members.put()
    await members.send(members.order("C-1", 100.9, 20, order_id="A"), members.order("C-1", 50, 3, order_id="B"))
    told = await members.balance("C-1")
    assert (told["available"], told["active"], told["promised"], told["earned"]) == (100, 100, 50, 150)
    assert [(each["points"], each["order_id"]) for each in told["expiring"]] == [(100, "A")]
    assert [(each["points"], each["order_id"]) for each in told["promises"]] == [(50, "B")]
    entries = (await members.ledger("C-1"))["entries"]
    assert [(each["from_account"], each["to_account"], each["points"]) for each in reversed(entries)] == [
        ("issued", "promised", 100),
        ("issued", "promised", 50),
        ("promised", "active", 100),
    ]


async def test_asked_again_nothing_is_posted_twice(members):
    await members.put()
    await members.send(members.order("C-1", 100, 20))
    first = await members.ledger("C-1")
    assert await members.ledger("C-1") == first
    page = await members.ledger("C-1", limit=1)
    rest = await members.ledger("C-1", limit=5, cursor=page["next_cursor"])
    assert page["entries"] + rest["entries"] == first["entries"]


async def test_orders_before_the_programme_earn_nothing(members):
    await members.put(since_days=10)
    await members.send(members.order("C-1", 100, 11), members.order("C-1", 7, 9))
    assert await members.points("C-1") == (0, 7, 0)


STORY = {
    "bought": lambda m: m.order(
        "C-1",
        100,
        20,
        order_id="A",
        products=[
            {"product_id": "milk", "price": 30, "quantity": 2},
            {"product_id": "bread", "price": 40},
        ],
    ),
    "changed": lambda m: m.told(
        "order.updated",
        "C-1",
        "A",
        19,
        total=80,
        products=[
            {"product_id": "milk", "price": 20, "quantity": 2},
            {"product_id": "bread", "price": 40},
        ],
    ),
    "refunded": lambda m: m.told(
        "order.refunded",
        "C-1",
        "A",
        2,
        total=20,
        products=[
            {"product_id": "milk", "price": 20},
        ],
    ),
}


@pytest.mark.parametrize("order", [*itertools.permutations(STORY)])
async def test_what_is_told_late_comes_to_the_same(members, engine, order):
    await members.put(earn=[BASE, {"rule_id": "milk", "of": "piece", "points": 5, "where": {"items": ["milk"]}}])
    for name in order:
        await members.send(STORY[name](members))
        await members.client.get("/v1/customers/C-1/loyalty")
    assert await members.points("C-1") == (60 + 5, 0, 0)
    assert await differences(engine) == []


async def test_a_cancelled_order_earns_nothing(members):
    await members.put()
    await members.send(members.order("C-1", 100, 20, order_id="A"))
    assert await members.points("C-1") == (100, 0, 0)
    await members.send(members.told("order.cancelled", "C-1", "A"))
    assert await members.points("C-1") == (0, 0, 0)
    assert (await members.ledger("C-1"))["entries"][0]["cause"] == "taken_back"


async def test_a_till_refund_takes_back_what_its_order_earned_once(members):
    till = "/pos/store-1/till-1"
    await members.put()
    await members.send(
        members.order("C-1", 100, 40, source=till, order_id="7"),
        members.order("C-1", 30, 20, source=till, order_id="7"),
    )
    assert await members.points("C-1") == (130, 0, 0)
    refund = members.told("order.refunded", "C-1", "7", 1, source=till, total=10)
    await members.send(refund)
    await members.send(refund)
    assert await members.points("C-1") == (120, 0, 0)
    await members.send(members.told("order.refunded", "C-1", "7", 1, source=till, total=20))
    assert await members.points("C-1") == (100, 0, 0)


async def test_lots_expire_the_first_first_and_all_are_told(members):
    await members.put(expiry_days=30, return_days=0)
    await members.send(*(members.order("C-1", 10 + days, days, order_id=f"O-{days}") for days in (40, 31, 29, 2)))
    told = await members.balance("C-1")
    assert (told["active"], told["expired"], told["earned"]) == (39 + 12, 50 + 41, 142)
    assert [(each["points"], each["order_id"]) for each in told["expiring"]] == [(39, "O-29"), (12, "O-2")]


async def test_a_refund_of_what_expired_takes_nothing_else(members):
    await members.put(expiry_days=30, return_days=0)
    await members.send(members.order("C-1", 10, 40, order_id="old"), members.order("C-1", 20, 5))
    assert await members.points("C-1") == (20, 0, 0)
    await members.send(members.told("order.refunded", "C-1", "old", total=10))
    told = await members.balance("C-1")
    assert (told["active"], told["owed"], told["expired"]) == (20, 0, 0)


async def test_a_merge_adds_ledgers_and_an_unmerge_parts_them(members):
    await members.put()
    await members.send(members.order("C-1", 100, 20), members.order("C-2", 30, 20))
    assert await members.points("C-2") == (30, 0, 0)
    await members.send(members.shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    assert await members.points("C-2") == await members.points("C-1") == (130, 0, 0)
    assert len((await members.ledger("C-1"))["entries"]) == 4
    await members.send(members.shop.event("customer.unmerged", "C-1", data={"merged": "C-2"}))
    assert (await members.points("C-1"), await members.points("C-2")) == ((100, 0, 0), (30, 0, 0))


async def test_an_order_that_turns_out_to_be_anothers_earns_there(members, engine):
    await members.put()
    nobodys = members.order("C-1", 100, 20, order_id="A")
    del nobodys["subject"]
    await members.send(nobodys)
    await members.send(members.told("order.updated", "C-2", "A", 19, total=90))
    assert await members.points("C-2") == (90, 0, 0)
    assert await differences(engine) == []


async def test_an_action_redeemed_brings_its_bonus_once_a_decision(members):
    await members.put(bonuses=[{"action_id": "welcome-pack", "points": 50}])
    told = {"action_id": "welcome-pack", "decision_id": "D-1"}
    await members.send(*(members.shop.event("action.redeemed", data=told) for _ in range(2)))
    await members.send(members.shop.event("action.redeemed", data={"action_id": "other"}))
    assert await members.points("C-1") == (50, 0, 0)


async def test_the_round_posts_for_whoever_bought_and_for_what_is_due(members, service, engine, sql):
    await members.put()
    await members.send(members.order("C-1", 100, 3), members.order("C-2", 5, 3))
    terms = service.resources.of(Loyalty).terms()
    now_us = (await sql.rows("SELECT max(received_us) AS us FROM events"))[0].us + KNOWN_AFTER_US + 1
    await post_all(engine, terms, now_us)
    assert await accounts(sql) == [
        ("C-1", 100, 0),
        ("C-2", 5, 0),
    ]
    assert await sql.rows("SELECT * FROM loyalty_pending") == []
    await post_all(engine, terms, now_us + 12 * A_DAY_US)
    assert await accounts(sql) == [
        ("C-1", 0, 100),
        ("C-2", 0, 5),
    ]


async def test_who_bought_before_the_programme_was_put_is_posted_for(members, service, engine, sql):
    await members.send(members.order("C-1", 100, 3))
    await members.put()
    now_us = (await sql.rows("SELECT changed_us AS us FROM loyalty_programmes"))[0].us
    await post_all(engine, service.resources.of(Loyalty).terms(), now_us + 1)
    assert await sql.rows("SELECT * FROM loyalty_accounts") == []
    await post_all(engine, service.resources.of(Loyalty).terms(), now_us + KNOWN_AFTER_US + 1)
    assert len(await sql.rows("SELECT * FROM loyalty_accounts")) == 1


async def test_verify_finds_what_is_wrong(members, engine, sql):
    await members.put()
    await members.send(members.order("C-1", 100, 20, order_id="A"))
    await members.points("C-1")
    await sql.rows("DELETE FROM loyalty_pending")
    assert await differences(engine) == []
    await sql.rows("UPDATE loyalty_accounts SET active = active + 1")
    assert [each.measure for each in await differences(engine)] == ["points active"]
    await sql.rows("UPDATE loyalty_accounts SET active = active - 1")
    await sql.rows("UPDATE events SET amount_minor = 9000")
    (found,) = await differences(engine)
    assert (found.measure, found.kept, found.recomputed) == (f"points {ONLINE} order-A worth", 100, 90)
    await sql.rows("DELETE FROM loyalty_entries")
    assert "points active" in {each.measure for each in await differences(engine)}


async def test_the_database_refuses_what_does_not_balance(members, sql):
    await members.put()
    await members.send(members.order("C-1", 100, 20))
    await members.points("C-1")
    for wrong in (
        "UPDATE loyalty_accounts SET active = -1",
        "UPDATE loyalty_accounts SET owed = -1",
        "UPDATE loyalty_lots SET active = -1",
        "UPDATE loyalty_entries SET points = 0",
        "UPDATE loyalty_entries SET to_account = from_account",
    ):
        with pytest.raises(Exception, match="check constraint"):
            await sql.rows(wrong)


async def test_a_later_programme_leaves_what_was_earned(members, client):
    await members.put()
    await members.send(members.order("C-1", 100, 20, order_id="A"))
    body = {"programme": {"earn": [{"rule_id": "base", "points": 2}]}}
    put = (await client.put("/v1/loyalty/programme", json=body)).json()
    assert (await client.get("/v1/loyalty/programme")).json() == put
    assert (await client.get(f"/v1/loyalty/programme/{put['version'] - 1}")).status_code == 200
    assert await members.points("C-1") == (100, 0, 0)
    early = {**body, "effective_at": members.shop.ago(days=1)}
    assert (await client.put("/v1/loyalty/programme", json=early)).status_code == 422


@pytest.mark.parametrize(
    "programme",
    [
        {"earn": []},
        {"earn": [BASE, BASE]},
        {"earn": [{**BASE, "points": -1}]},
        {"earn": [{**BASE, "per": 0}]},
        {"earn": [{**BASE, "where": {"from_day": "2026-02-30"}}]},
        {"earn": [{**BASE, "where": {"weekdays": [8]}}]},
        {"earn": [{**BASE, "wher": {}}]},
        {"earn": [BASE], "rounding": "bankers"},
        {"earn": [BASE], "return_days": 1.5},
        {"earn": [BASE], "bonuses": [{"action_id": "x", "points": 1}, {"action_id": "x", "points": 2}]},
    ],
)
async def test_a_programme_that_makes_no_sense_is_refused(client, programme):
    response = await client.put("/v1/loyalty/programme", json={"programme": programme})
    assert response.status_code == 422, response.text


async def test_who_is_not_known_has_no_points(members, client):
    await members.put()
    for path in ("nobody/loyalty", "nobody/loyalty/ledger", "%00/loyalty", "a%20b/loyalty"):
        assert (await client.get(f"/v1/customers/{path}")).status_code == 404
    await members.send(members.shop.event("store.visited", "a/b 王"))
    told = (await client.get("/v1/customers/a%2Fb%20%E7%8E%8B/loyalty")).json()
    assert (told["customer_id"], told["available"]) == ("a/b 王", 0)
