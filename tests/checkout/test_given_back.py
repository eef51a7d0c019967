"""What was given back of an order; all of it: then it is no purchase any more, and its money stays to be seen."""

import duckdb
import ibis
import pytest

from app.lifecycle.measures import NUMERIC
from ml.data.database import load_events
from ml.data.states import states
from tests.checkout.orders import differences, in_every_order, state

LINES = [{"product_id": "tea", "price": 10, "quantity": 2}, {"product_id": "pot", "price": 35}]


async def test_in_any_order_of_arrival_a_refund_without_an_amount_takes_what_is_left(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50, products=LINES),
        tell("order.refunded", days=8, total=5),
        tell("order.refunded", days=7, products=[{"product_id": "tea"}]),  # costs 10
        tell("order.refunded", days=6),  # the rest, 35
        tell("order.refunded", days=5),  # nothing
    ]
    await in_every_order(sql, count, events, (0, 5000, 4, 5000, 0))
    assert await differences(engine) == []


async def test_a_refund_without_an_amount_follows_the_latest_version(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50),
        tell("order.updated", days=8, total=80, products=LINES),
        tell("order.refunded", days=7, products=[{"product_id": "pot"}, {"product_id": "unknown"}]),
        tell("order.refunded", days=6, total=10),
    ]
    await in_every_order(sql, count, events, (1, 8000, 2, 4500, 3))
    assert await differences(engine) == []


async def test_lines_that_are_all_of_the_order_are_the_whole_of_it(sql, tell, count):
    bare = [{"product_id": "tea", "quantity": 2}, {"product_id": "pot"}]
    await count(tell("order.refunded", products=bare), tell("order.completed", days=2, total=50, products=bare))
    assert await state(sql) == (0, 5000, 1, 5000, 0)
    assert await count(tell("order.refunded", order_id="8", products=bare[:1])) == ["accepted"]
    await count(tell("order.completed", days=2, order_id="8", total=50, products=bare))
    assert await state(sql) == (1, 10_000, 2, 5000, 3)  # what a pot alone costs nobody told


async def test_a_refund_without_an_amount_of_a_source_without_identity_is_refused_and_kept(client, shop, sql, count):
    event = shop.event("order.refunded", data={"order_id": "7"})
    answer = (await client.post("/v1/events", json=[event])).json()
    assert answer["results"][0]["problem"]["errors"][0]["pointer"] == "/data/total"
    assert "PERENNIAL_ORDER_IDENTITY" in str(answer["results"][0]["problem"])
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1
    assert await count(shop.event("order.refunded", data={"order_id": "7", "products": LINES})) == ["accepted"]
    assert await state(sql) == (0, 0, 1, 5500, 0)
    assert await count(shop.event("order.refunded", data={"order_id": "7", "total": "$5"})) == ["rejected"]


async def test_in_any_order_of_arrival_an_order_given_back_whole_is_no_purchase(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50, discount=5, products=LINES),
        tell("order.completed", days=5, total=30, order_id="8"),
        tell("order.refunded", days=4, total=20),
        tell("order.refunded", days=3, total=30),
        {**tell("points.earned", days=2), "data": {"order_id": "7", "points": 50}},
    ]
    await in_every_order(sql, count, events, (1, 8000, 2, 5000, 0))
    rows = await sql.rows("SELECT points, discount_minor, first_order_us = last_order_us AS once FROM customer_states")
    assert {tuple(row.values()) for row in rows} == {(0, 500, True)}
    assert await differences(engine) == []


async def test_what_is_kept_is_as_if_it_had_not_been_bought_but_for_its_money(sql, tell, count):
    await count(
        tell("order.completed", days=9, total=50, channel="store", products=LINES),
        tell("order.completed", days=3, total=5, order_id="8"),
        tell("order.refunded", days=2, total=50),
    )
    await count(tell("order.completed", "C-2", days=3, total=5, order_id="9"))
    theirs, ours = await sql.rows("SELECT * FROM customer_states ORDER BY customer_id DESC")
    assert ours["second_last_order_us"] is None
    assert (ours["orders_store"], ours["spend_minor"], ours["refunded_minor"]) == (0, 5500, 5000)
    for name in (each.name for each in NUMERIC if each.name.startswith(("orders_decayed", "spend_decayed", "season"))):
        assert ours[name] == pytest.approx(theirs[name], rel=0.1), name


async def test_more_given_back_than_paid_and_a_free_order(sql, tell, count):
    await count(tell("order.completed", total=50), tell("order.refunded", total=80))
    assert await state(sql) == (0, 5000, 1, 8000, 0)
    await count(*(tell(f"order.{what}", "C-2", order_id="8", total=0) for what in ("completed", "refunded")))
    assert await state(sql, "C-2") == (1, 0, 1, 0, 0)
    await count(tell("order.refunded", "C-2", order_id="8"))
    assert await state(sql, "C-2") == (0, 0, 2, 0, 0)


async def test_an_order_that_becomes_dearer_is_not_given_back_whole_any_more(sql, tell, count, engine):
    await count(tell("order.completed", days=3, total=50), tell("order.refunded", days=2, total=50))
    assert (await state(sql))[0] == 0
    assert await count(tell("order.updated", days=1, total=70)) == ["accepted"]
    assert await state(sql) == (1, 7000, 1, 5000, 0)
    assert await differences(engine) == []


async def test_a_refund_of_another_customer_gives_the_order_back(sql, tell, count, engine):
    await count(tell("order.completed", total=50))
    await count(tell("order.refunded", "the shop's own browser"))
    assert await state(sql) == (0, 5000, 0, 0, 0)
    assert await state(sql, "the shop's own browser") == (0, 0, 1, 5000, 0)
    assert await differences(engine) == []


async def test_points_of_a_cancelled_order_are_none(sql, tell, count, engine):
    points = [{**tell(f"points.{what}"), "data": {"order_id": "7", "points": 9}} for what in ("earned", "redeemed")]
    await count(tell("order.completed", total=50), points[0])
    assert await sql.value("SELECT points FROM customer_states") == 9
    await count(tell("order.cancelled"), points[1])
    assert await sql.value("SELECT points FROM customer_states") == 0
    assert await count(*points) == ["duplicate"] * 2
    assert await differences(engine) == []


async def test_the_wire_tells_gross_and_net_and_each_event_as_it_came(client, tell, count):
    await count(tell("order.completed", days=3, total=50, channel="web"), tell("order.refunded"))
    profile = (await client.get("/v1/customers/C-1")).json()
    seen = ("orders", "spend", "gross_spend", "refunds", "refunded", "channels")
    assert [profile[name] for name in seen] == [0, 0.0, 50.0, 1, 50.0, {}]
    events = (await client.get("/v1/customers/C-1/events")).json()["events"]
    assert [event["type"] for event in events] == ["order.refunded", "order.completed"]


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it
async def test_off_line_states_and_labels_are_those_of_the_server(sql, tell, count, engine):
    await count(
        tell("order.completed", days=30, total=20, order_id="1"),
        tell("order.completed", days=9, total=50, products=LINES),
        tell("order.completed", days=8, total=30, order_id="8"),
        tell("order.refunded", days=7),
        tell("order.cancelled", order_id="8"),
    )
    connection = duckdb.connect()
    await load_events(engine, connection, simulated=False)
    cutoff_us = await sql.value("SELECT max(received_us) FROM events")
    found = states(ibis.duckdb.from_connection(connection).table("events"), [cutoff_us]).to_pyarrow().to_pylist()
    kept = await sql.row("SELECT * FROM customer_states")
    kept["order_days"] = len(kept["order_days"])
    assert [found[0][each.name] for each in NUMERIC] == [pytest.approx(kept[each.name]) for each in NUMERIC]
    assert (kept["orders"], kept["spend_minor"]) == (1, 7000)


async def test_a_sender_s_own_type_of_a_like_name_changes_nothing(sql, shop, tell, count, engine):
    own = [
        {**tell(type_), "id": id_}
        for type_, id_ in (("order.voided", "order-8"), ("refund.voided", "v-1"), ("order.returned", "v-2"))
    ]
    assert await count(*own, tell("order.completed", total=50), tell("order.refunded", total=5)) == ["accepted"] * 5
    assert await count(tell("order.completed", order_id="8", total=9)) == ["accepted"]  # its name is its own
    assert (
        await count(tell("order.updated", order_id="8", total=8), tell("order.updated", total=60)) == ["accepted"] * 2
    )
    assert await state(sql) == (2, 6800, 1, 500, 0)
    assert await count(*own) == ["duplicate"] * 3
    for kept_as in ("order.completed (void)", "order.completed (given back)", "points.earned (void)"):
        assert await count(shop.event(kept_as, data={"order_id": "7"})) == ["rejected"]
    assert await differences(engine) == []
