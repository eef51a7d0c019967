"""What an order is kept under is no other event's: whichever id a sender gives it, each counts."""

import itertools

import pytest

from app.ingest.order_identity import OrderIdentity, keep_apart
from tests.checkout.orders import SOURCE, differences, state

SEGMENT = "/segment/shop"


@pytest.mark.parametrize("source", [SEGMENT, SOURCE])
async def test_an_event_named_like_an_order_blocks_none(sql, shop, tell, count, engine, source):
    seen = {**shop.event("product.viewed", source=source, data={"product_id": "1"}), "id": "order-7"}
    refund = {**tell("order.refunded", source=source, order_id="8", total=1), "id": "order-8"}
    named = {**shop.event("store.visited", source=source), "id": "event:order-7"}
    orders = [tell("order.completed", source=source, total=5, order_id=number) for number in ("7", "8")]
    assert await count(seen, refund, named, *orders) == ["accepted"] * 5
    assert await count(*orders, named, refund, seen) == ["duplicate"] * 5
    assert await state(sql) == (2, 1000, 1, 100, 0)
    assert await differences(engine) == []


async def test_a_conflict_is_kept_under_the_id_that_it_came_with(client, shop, count):
    events = [{**shop.event("store.visited", at=shop.ago(days=day), source=SEGMENT), "id": "order-7"} for day in (1, 2)]
    assert await count(*events) == ["accepted", "rejected"]
    kept = (await client.get("/v1/events/rejected")).json()["events"]
    assert [each["event"]["id"] for each in kept] == ["order-7"]


def test_no_two_ids_become_one():
    ids = ["".join(parts) for n in range(4) for parts in itertools.product(("event:", "order-", "x"), repeat=n)]
    kept = [keep_apart(id_) for id_ in ids]
    assert len(set(kept)) == len(ids)
    assert not any(id_.startswith("order-") for id_ in kept)
    by_sender = OrderIdentity().name_by_sender
    assert [by_sender(SEGMENT, id_) for id_ in kept] == ids


def test_a_till_keeps_its_own_ids():
    assert OrderIdentity().name_event("/pos/till-1", "order-7", None) == "order-7"


def test_what_we_name_after_orders_keeps_its_name():
    assert OrderIdentity().name_event("/shopify/shop", "order-7-cancelled", "7") == "order-7-cancelled"
    assert OrderIdentity().name_event("/import", "order-7/2026/C/cancelled", "7/2026/C") == "order-7/2026/C/cancelled"
    assert OrderIdentity().name_event("/shopify/shop", "order-7-cancelled", "8") == "event:order-7-cancelled"


async def test_a_placeholder_names_no_order(sql, tell, count, engine):
    orders = [tell("order.completed", order_id="undefined", total=total) for total in (5, 6)]
    assert await count(*orders) == ["accepted"] * 2
    assert await count(*orders) == ["duplicate"] * 2
    assert await state(sql) == (2, 1100, 0, 0, 0)
    assert await differences(engine) == []
