"""The demo shop's catalogue is one that the service takes, and says what its order lines say."""

import pytest

from app.commands.demo_shop import IMPORT_ID, needs_items
from app.foundation.errors import Problem
from app.foundation.settings import Settings
from app.items.service import admit_items
from ml.demo.catalogue import PRODUCTS
from ml.demo.items import list_items
from ml.demo.preparing import fill_items
from ml.demo.seasons import SHOPS


@pytest.mark.parametrize("digits", [0, 2, 3])
async def test_every_item_is_admitted_in_every_currency(digits):
    admitted = await admit_items(list(list_items(digits)), digits)
    assert [row for row in admitted if isinstance(row, Problem)] == []
    assert len(admitted) == len(PRODUCTS)


def test_items_are_what_orders_tell_of():
    items = {item["item_id"]: item for item in list_items()}
    for product in PRODUCTS:
        item = items[product.product_id]
        assert (item["title"]["zh"], item["category"][-1]) == (product.name, product.category)
        assert item["price"] == product.price_minor / 100
        assert item["title"]["en"].isascii()
    assert len({item["title"]["en"] for item in items.values()}) == len(items)


def test_some_are_sold_out_somewhere_and_some_stand_in_for_others():
    items = list(list_items())
    ids = {item["item_id"] for item in items}
    sold_out = [store for item in items for store in item["in_stock_by_store"]]
    stand_ins = [item["substitute_of"] for item in items if "substitute_of" in item]
    assert sold_out
    assert set(sold_out) <= set(SHOPS)
    assert stand_ins
    assert set(stand_ins) <= ids


async def test_the_catalogue_is_filled_once_where_the_demo_shop_is(sql, engine, tmp_path):
    assert not await needs_items(engine)  # there is no demo shop
    await sql.rows("INSERT INTO imports (import_id, began_us, batches_done) VALUES (:id, 1, 0)", id=IMPORT_ID)
    assert await needs_items(engine)
    assert await fill_items(engine, Settings(home=tmp_path, identity_key="tests")) == len(PRODUCTS)
    assert await sql.value("SELECT count(*) FROM items WHERE NOT is_deleted") == len(PRODUCTS)
    await sql.rows("UPDATE items SET is_deleted = true")
    assert not await needs_items(engine)  # whoever emptied it meant it
