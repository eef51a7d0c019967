"""What a person has bought is read as the merge of all their ids, item by item."""

import numpy as np
import pytest

from app.customers.item_states import read_item_states
from app.customers.verification import verify
from app.lifecycle.states import INTEREST, ITEM, fold_states


def products(*names):
    return [{"product_id": name, "price": 2, "quantity": 3} for name in names]


def read_back(found):
    return {
        item_id: dict(zip((measure.name for measure in found.spec.measures), row, strict=True))
        for item_id, row in zip(found.item_ids, found.numbers.tolist(), strict=True)
    }


def as_of(customer_id, events, spec=ITEM):
    """Item → measures of the events, as if all were of this customer."""
    states = fold_states(spec, [event._replace(customer_id=customer_id) for event in events])
    return {item_id: state for (_, item_id), state in states.items()}


def assert_same(found, expected):
    kept = read_back(found)
    assert kept.keys() == expected.keys()
    for item_id, state in expected.items():
        for name, value in state.items():
            wanted = pytest.approx(np.nan if value is None else value, rel=1e-9, nan_ok=True)
            assert kept[item_id][name] == wanted, (item_id, name)


async def test_ids_of_one_person_are_read_together_and_apart_again(book):
    bought = await book.count(
        book.order("A", days_ago=40, products=products("tea", "milk")),
        book.order("B", days_ago=3, products=products("tea")),
        book.order("B", days_ago=90, products=products("tea", "rice")),
        book.order("C", days_ago=2, products=products("tea")),
    )
    await book.count(book.merged("A", "B"))
    a, b, c, nobody = await read_item_states(book.driver, ["A", "B", "C", "nobody"])
    of_person = [event for event in bought if event.customer_id in "AB"]
    assert_same(a, as_of("A", of_person))
    assert_same(b, as_of("B", of_person))
    assert_same(c, as_of("C", bought[3:]))
    assert a.column("orders").sum() == 5
    assert (nobody.item_ids, nobody.numbers.shape) == ([], (0, len(ITEM.measures)))
    await book.count(book.unmerged("A", "B", days_ago=0.5))
    a, b = await read_item_states(book.driver, ["A", "B"])
    assert_same(a, as_of("A", bought[:1]))
    assert_same(b, as_of("B", bought[1:3]))


async def test_looks_are_read_as_what_was_bought_is(book):
    looked = await book.count(
        book.event("product.viewed", "A", product_id="tea", days_ago=9),
        book.event("product.added", "B", product_id="tea", days_ago=2),
        book.event("product.viewed", "B", product_id="茶", days_ago=30),
    )
    await book.count(book.merged("A", "B"))
    (found,) = await read_item_states(book.driver, ["B"], INTEREST)
    assert_same(found, as_of("B", looked, INTEREST))


async def test_a_basket_of_300_lines(book, engine):
    bought = await book.count(book.order("A", products=products(*(f"item-{at % 290}" for at in range(300)))))
    (found,) = await read_item_states(book.driver, ["A"])
    assert len(found.item_ids) == 290
    assert_same(found, as_of("A", bought))
    assert [each async for batch in verify(engine) for each in batch.differences] == []
