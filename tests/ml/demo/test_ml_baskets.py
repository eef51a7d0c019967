"""Baskets add up, and what comes back was in one."""

import numpy as np
import pytest

from ml.demo.baskets import draw_companions
from ml.demo.catalogue import COMPANIONS, PRODUCTS
from ml.demo.simulate import simulate
from tests.ml.demo.shop import SEED, UNTIL, minor, of_type


def test_totals_are_the_products_less_the_discount_to_the_cent(orders):
    for data in (order["data"] for order in orders):
        subtotal = sum(minor(line["price"]) * line["quantity"] for line in data["products"])
        assert minor(data["total"]) == subtotal - minor(data["discount"])
        assert 0 <= data["discount"] < data["discount"] + data["total"]


def test_the_discount_is_that_of_the_lines(orders):
    told = [(minor(order["data"]["discount"]), order["data"]["products"]) for order in orders]
    assert any(discount for discount, _ in told)
    assert any(not discount for discount, _ in told)
    for discount, lines in told:
        off = [minor(line.get("discount", 0)) for line in lines]
        assert sum(off) == discount
        assert all(0 <= each <= minor(line["price"]) * line["quantity"] for each, line in zip(off, lines, strict=True))


def test_orders_carry_known_products_in_the_currency_asked_for(orders):
    known = {sold.product_id: sold for sold in PRODUCTS}
    for line in (line for order in orders for line in order["data"]["products"]):
        sold = known[line["product_id"]]
        assert (line["category"], line["name"]) == (sold.category, sold.name)
        assert minor(line["price"]) == sold.price_minor
        assert line["quantity"] >= 1
    assert {order["data"]["currency"] for order in orders} == {"CNY"}
    euros = of_type(simulate(SEED, 20, UNTIL, currency="EUR"), "order.completed")
    assert {order["data"]["currency"] for order in euros} == {"EUR"}


def test_refunds_undo_part_or_all_of_an_earlier_order_of_the_same_customer(events):
    paid, bought, owner = {}, {}, {}
    whole = 0
    for event in of_type(events, "order.completed", "order.refunded"):
        data = event["data"]
        order_id, total = data["order_id"], minor(data["total"])
        quantities = {line["product_id"]: line["quantity"] for line in data["products"]}
        if event["type"] == "order.completed":
            paid[order_id], bought[order_id], owner[order_id] = total, quantities, event["subject"]
            continue
        assert owner[order_id] == event["subject"]  # known by now, so the order came earlier
        assert total > 0
        whole += total == paid[order_id]
        paid[order_id] -= total
        assert paid[order_id] >= 0
        for product_id, quantity in quantities.items():
            bought[order_id][product_id] -= quantity
            assert bought[order_id][product_id] >= 0
    assert 0 < whole < len(of_type(events, "order.refunded"))


def test_refunds_are_small_beside_orders(events, orders):
    spent = sum(order["data"]["total"] for order in orders)
    returned = sum(refund["data"]["total"] for refund in of_type(events, "order.refunded"))
    assert 0 < returned < 0.1 * spent


def test_what_goes_together_is_bought_together_more_often_than_by_chance(orders):
    baskets = [{line["name"] for line in order["data"]["products"]} for order in orders]

    def share(name, among):
        return sum(name in basket for basket in among) / len(among)

    for name, companions in COMPANIONS.items():
        among = [basket for basket in baskets if name in basket]
        for companion in companions:
            assert len(among) >= 30
            assert share(companion, among) > 2 * share(companion, baskets)


def test_nothing_is_its_own_companion_and_what_is_there_is_not_taken_again():
    places = {product.name: at for at, product in enumerate(PRODUCTS)}
    noodles, companions = places["挂面1kg"], [places[name] for name in COMPANIONS["挂面1kg"]]
    rng = np.random.default_rng(4)
    drawn = [draw_companions(rng, [noodles]) for _ in range(2000)]
    for companion, chance in zip(companions, COMPANIONS["挂面1kg"].values(), strict=True):
        assert np.mean([companion in each for each in drawn]) == pytest.approx(chance, abs=0.05)
    assert all(draw_companions(rng, [noodles, *companions]) == [] for _ in range(100))
    assert all(name not in companions for name, companions in COMPANIONS.items())
