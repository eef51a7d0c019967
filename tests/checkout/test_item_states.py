"""What a customer has bought and looked at, item by item, as the till's transaction keeps it."""

import pytest

from tests.checkout.orders import SOURCE, differences

MILK = {"product_id": "milk", "price": 2, "quantity": 3, "discount": 0.5}
TEA = {"product_id": "tea", "price": 10, "quantity": 1}
GONE = (0, 0.0, 0, 0)
"""Of what was given back: known, and not bought."""


async def items(sql, customer="C-1", *columns):
    """Item → the measures of these names."""
    wanted = columns or ("orders", "quantity", "spend_minor", "refunds")
    rows = await sql.rows(f"SELECT item_id, {', '.join(wanted)} FROM customer_items WHERE customer_id = '{customer}'")
    return {row["item_id"]: tuple(row[name] for name in wanted) for row in rows}


@pytest.fixture
def buy(tell):
    """An order of these lines, `days` ago."""

    def make(*products, order_id="7", **more):
        return tell("order.completed", order_id=order_id, total=100, products=list(products), **more)

    return make


async def test_lines_of_one_item_are_one_order_of_it(count, buy, sql, engine):
    await count(buy(MILK, TEA, {**MILK, "quantity": 1, "discount": None}), buy(MILK, order_id="8", days=3))
    assert await items(sql, "C-1", "orders", "quantity", "spend_minor", "discounted_orders") == {
        "milk": (2, 7.0, 550 + 200 + 550, 2),
        "tea": (1, 1.0, 1000, 0),
    }
    assert await differences(engine) == []


async def test_times_and_decayed_orders(count, buy, sql, shop):
    for days in (31, 1, 61):
        await count(buy(TEA, order_id=str(days), days=days))
    (row,) = await sql.rows("SELECT * FROM customer_items")
    day = 86_400_000_000
    times = [row[name] for name in ("first_order_us", "second_last_order_us", "last_order_us")]
    assert [round((row["last_event_us"] - at) / day) for at in times] == [60, 30, 0]
    assert row["orders_decayed_30d"] == pytest.approx(1 + 0.5 + 0.25, rel=1e-6)
    assert row["orders_decayed_120d"] == pytest.approx(1 + 2**-0.25 + 2**-0.5, rel=1e-6)


async def test_what_is_given_back_was_not_bought(count, buy, tell, sql, engine):
    """Of three bottles one, then all tea: the order stands, the tea is gone."""
    await count(buy(MILK, TEA))
    await count(tell("order.refunded", total=2, products=[{"product_id": "milk", "quantity": 1}]))
    assert await items(sql) == {"milk": (1, 2.0, 367, 0), "tea": (1, 1.0, 1000, 0)}
    assert await differences(engine) == []
    await count(tell("order.refunded", total=10, products=[TEA]))
    assert await items(sql) == {"milk": (1, 2.0, 367, 0), "tea": GONE}
    assert await differences(engine) == []


async def test_changes_of_an_order_change_its_items_in_any_order(count, buy, tell, sql, engine):
    changes = [
        buy(MILK, TEA),
        tell("order.updated", total=100, products=[TEA, {**TEA, "product_id": "rice"}], days=0.5),
        tell("order.refunded", total=10, products=[{"product_id": "rice"}], days=0.25),
    ]
    for place, told in enumerate((changes, changes[::-1], [changes[1], changes[0], changes[2]])):
        events = [{**each, "subject": f"C-{place}", "source": f"{SOURCE}/{place}"} for each in told]
        for event in events:
            await count(event)
        assert await items(sql, f"C-{place}") == {"tea": (1, 1.0, 1000, 0), "rice": GONE}
    assert await differences(engine) == []
    await count({**tell("order.cancelled", days=0.1), "subject": "C-0", "source": f"{SOURCE}/0"})
    assert await items(sql, "C-0") == {}
    assert await differences(engine) == []


@pytest.mark.parametrize("source", [SOURCE, "/pos/till-1"])
async def test_an_order_given_back_whole_leaves_what_is_known_and_not_bought(count, buy, tell, sql, engine, source):
    """Where another purchase is left, that counts as if there were no other."""
    tea, both = buy(TEA, order_id="8", days=9), buy(MILK, TEA)
    refund = tell("order.refunded", total=100)
    for event in (tea, both, refund):
        await count({**event, "source": source})
    assert await items(sql) == {"milk": GONE, "tea": (1, 1.0, 1000, 0)}
    (row,) = await sql.rows("SELECT * FROM customer_items WHERE item_id = 'tea'")
    assert row["last_order_us"] == row["first_order_us"] == row["first_event_us"] < row["last_event_us"]
    assert row["orders_decayed_30d"] < 0.99
    assert await differences(engine) == []
    await count({**buy(MILK, order_id="9", days=0.1), "source": source})
    assert (await items(sql))["milk"] == (1, 3.0, 550, 0)
    assert await differences(engine) == []


async def test_a_refund_of_an_order_that_is_not_known_is_kept_apart(client, shop, sql, engine):
    refund = {"order_id": "x", "total": 10, "products": [TEA]}
    await client.post("/v1/events", json=[shop.event("order.refunded", data=refund)])
    assert await items(sql, "C-1", "orders", "refunds", "refunded_quantity") == {"tea": (0, 1, 1.0)}
    assert await differences(engine) == []


async def test_looks_and_carts_are_apart(client, shop, sql, engine):
    looks = [("product.viewed", "tea"), ("product.viewed", "tea"), ("product.added", "tea"), ("product.viewed", None)]
    await client.post("/v1/events", json=[shop.event(type_, data={"product_id": item}) for type_, item in looks])
    assert await items(sql) == {}
    (row,) = await sql.rows("SELECT item_id, views, carts FROM customer_interests")
    assert tuple(row.values()) == ("tea", 2, 1)
    assert await differences(engine) == []


async def test_purchases_without_a_customer_make_none(client, shop, sql):
    event = shop.event("order.completed", None, data={"order_id": "1", "total": 1, "products": [TEA]})
    del event["subject"]
    assert (await client.post("/v1/events", json=[event])).json()["accepted"] == 1
    assert await sql.rows("SELECT * FROM customer_items") == []


@pytest.mark.parametrize("is_refund_first", [True, False])
@pytest.mark.parametrize(
    ("refund", "is_kept"),
    [
        ({"total": 2, "products": [{"product_id": "tea"}]}, True),
        ({"total": 2, "products": [{"product_id": "tea", "price": 10}]}, True),
        ({"products": [{"product_id": "tea", "price": 2}]}, True),
        ({"total": 2, "products": [{"product_id": "tea", "quantity": 1}]}, False),
        ({"total": 10, "products": [{"product_id": "tea"}]}, False),
        ({"products": [{"product_id": "tea"}]}, False),
        ({"products": [{"product_id": "tea", "price": 10}]}, False),
    ],
)
async def test_pieces_come_back_where_the_refund_says_how_many_or_gives_all_their_worth(
    count, buy, tell, sql, engine, refund, is_kept, is_refund_first
):
    told = [buy(MILK, TEA), tell("order.refunded", **refund)]
    for event in told[::-1] if is_refund_first else told:
        await count(event)
    assert (await items(sql))["tea"][:2] == ((1, 1.0) if is_kept else (0, 0.0))
    assert await differences(engine) == []
