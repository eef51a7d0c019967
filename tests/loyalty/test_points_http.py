"""Points over HTTP: promised, active, taken back, expired; and the same in whichever order things are told."""

import asyncio
import itertools
import time
from types import SimpleNamespace

import pytest

from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.foundation.settings import Settings
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.loyalty_programme import Programme
from app.lifecycle.points_book import Book
from app.loyalty import entitlements, pending_queries, queries
from app.loyalty.entitlements import Terms
from app.loyalty.held import Loyalty
from app.loyalty.posting import KNOWN_AFTER_US, post_all
from app.loyalty.programme_queries import ProgrammeVersion
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
    terms = service.resources.of(Loyalty).terms
    now_us = (await sql.rows("SELECT max(received_us) AS us FROM events"))[0].us + KNOWN_AFTER_US + 1
    await post_all(engine, terms, lambda: now_us)
    assert await accounts(sql) == [
        ("C-1", 100, 0),
        ("C-2", 5, 0),
    ]
    assert await sql.rows("SELECT * FROM loyalty_pending") == []
    await post_all(engine, terms, lambda: now_us + 12 * A_DAY_US)
    assert await accounts(sql) == [
        ("C-1", 0, 100),
        ("C-2", 0, 5),
    ]


async def test_who_bought_before_the_programme_was_put_is_posted_for(members, service, engine, sql, monkeypatch):
    monkeypatch.setattr(pending_queries, "RANGE", 2)
    told = {"action_id": "welcome-pack", "decision_id": "D-1"}
    await members.send(members.order("C-1", 100, 3), members.shop.event("store.visited", "C-2"))
    await members.send(members.order("C-3", 100, 3), members.order("C-4", 100, 500))
    await members.send(members.shop.event("action.redeemed", "C-5", data=told))
    await members.put(bonuses=[{"action_id": "welcome-pack", "points": 50}])
    terms = service.resources.of(Loyalty).terms
    now_us = (await sql.rows("SELECT changed_us AS us FROM loyalty_programmes"))[0].us
    await post_all(engine, terms, lambda: now_us + 1)
    assert await accounts(sql) == []
    await post_all(engine, terms, lambda: now_us + KNOWN_AFTER_US + 1)
    assert await accounts(sql) == [("C-1", 100, 0), ("C-3", 100, 0), ("C-5", 0, 50)]
    assert await sql.rows("SELECT * FROM loyalty_programmes WHERE marked_us IS NULL") == []
    assert await sql.rows("SELECT * FROM loyalty_pending") == []


async def test_a_round_goes_on_by_the_programme_of_the_moment(members, service, engine, sql, monkeypatch):
    monkeypatch.setattr("app.loyalty.posting.MOST_EVENTS", 1)
    await members.put()
    await members.send(members.order("C-1", 100, 3), members.order("C-2", 100, 3))
    first, rounds = service.resources.of(Loyalty).terms(), itertools.count()
    later = first.programmes[0]._replace(version=first.programmes[0].version + 1)
    later = later._replace(programme=Programme.model_validate({"earn": [{**BASE, "points": 2}]}))

    def terms():
        return first if next(rounds) == 0 else first._replace(programmes=[*first.programmes, later])

    now_us = (await sql.rows("SELECT max(received_us) AS us FROM events"))[0].us + 1
    await post_all(engine, terms, lambda: now_us)
    assert await accounts(sql) == [("C-1", 100, 0), ("C-2", 200, 0)]


async def test_one_who_cannot_be_posted_for_stops_nobody_else(members, service, engine, sql):
    await members.put()
    await members.send(*(members.order(who, 100, 3, order_id=who) for who in ("C-1", "C-2", "C-3")))
    await sql.rows("ALTER TABLE loyalty_accounts ADD CONSTRAINT broken CHECK (customer_id <> 'C-2')")
    now_us = (await sql.rows("SELECT max(received_us) AS us FROM events"))[0].us + 1
    try:
        assert await post_all(engine, service.resources.of(Loyalty).terms, lambda: now_us) == 2
    finally:
        await sql.rows("ALTER TABLE loyalty_accounts DROP CONSTRAINT broken")
    assert await accounts(sql) == [("C-1", 100, 0), ("C-3", 100, 0)]
    assert [row.customer_id for row in await sql.rows("SELECT customer_id FROM loyalty_pending")] == ["C-2"]


async def test_programmes_are_read_once(members, service, engine):
    await members.put()
    loyalty = service.resources.of(Loyalty)
    known = loyalty.programmes
    await loyalty.refresh(engine)
    assert loyalty.programmes is known
    assert len(known) == 1


async def test_a_version_that_is_not_known_yet_is_waited_for(members, service):
    await members.put()
    with pytest.raises(NotReady):
        service.resources.of(Loyalty).terms().of(10**6)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_of_a_decision_told_of_twice_the_earlier_telling_earns(members, engine, order):
    await members.put(bonuses=[{"action_id": "welcome-pack", "points": 50}])
    told = {"action_id": "welcome-pack", "decision_id": "D-1"}
    for days in order:
        await members.send(members.shop.event("action.redeemed", data=told, at=members.shop.ago(days=days)))
        assert await members.points("C-1") == (50, 0, 0)
    assert await differences(engine) == []


async def test_many_orders_give_way_to_others(monkeypatch):
    monkeypatch.setattr(entitlements, "GIVE_WAY", 2)
    version = ProgrammeVersion(1, 0, Programme.model_validate({"earn": [BASE]}), 0, "")
    terms = Terms([version], OrderIdentity.of(""), "UTC", 2)
    of_order = {"source": ONLINE, "type": "order.completed", "kind": None, "channel": None, "lines": None}
    orders = [{"id": str(at), "reference": str(at), "occurred_us": at, "amount_minor": 100} for at in range(9)]
    told = [SimpleNamespace(**of_order, **order) for order in orders]
    book, seen = Book(), list[int]()

    async def look():
        while len(seen) < 3:
            seen.append(len(book.lots))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await entitlements.entitle(book, told, terms, entitlements.no_stage, 9)
    assert seen == [1, 3, 5]
    assert len(book.lots) == 9
    await looking


async def test_lots_beyond_what_one_statement_may_name_are_looked_up(engine):
    async with engine.begin() as connection:
        assert await queries.find_events(connection, [("/pos", str(at)) for at in range(40_000)]) == set()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
async def test_a_programme_of_another_age_is_refused(client, at):
    response = await client.put("/v1/loyalty/programme", json={"programme": {"earn": [BASE]}, "effective_at": at})
    assert response.status_code == 422, response.text
    assert (await client.get("/v1/loyalty/programme")).status_code == 404


async def test_what_is_put_last_takes_the_place_of_what_has_not_begun(members, client, service):
    await members.put()
    for days, points in ((-300, 3), (-1, 2)):
        body = {"programme": {"earn": [{**BASE, "points": points}]}, "effective_at": members.shop.ago(days=days)}
        put = await client.put("/v1/loyalty/programme", json=body)
        assert put.status_code == 200, put.text
    terms, now_us = service.resources.of(Loyalty).terms(), time.time_ns() // 1000
    worths = [terms.at(now_us + days * A_DAY_US).programme.earn[0].points for days in (0, 2, 301)]
    assert worths == [1, 2, 2]


async def test_books_of_lots_without_an_account_are_read(members, sql, engine):
    await members.put()
    await members.send(members.order("C-1", 100, 20))
    await members.points("C-1")
    await sql.rows("DELETE FROM loyalty_accounts")
    assert await members.points("C-1") == (100, 0, 0)


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


async def test_an_erasure_waits_for_whoever_posts(members, client, sql):
    await members.put()
    await members.send(members.order("C-1", 100, 20))
    await members.points("C-1")
    async with sql.engine.begin() as other:
        await queries.hold(other, ["C-1"])
        erasing = asyncio.create_task(client.delete("/v1/customers/C-1"))
        await sql.wait_for_lock()
        assert await accounts(sql) == [("C-1", 0, 100)]
    assert (await erasing).status_code == 200
    assert await accounts(sql) == []


async def test_of_two_that_wait_for_each_other_one_is_to_come_again(engine):
    deadlock = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$"
    with pytest.raises(NotReady):
        async with transaction(engine) as connection:
            await connection.exec_driver_sql(deadlock)
