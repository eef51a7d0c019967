"""What the demo shop sells."""

from ml.demo.catalogue import CATEGORIES, PRODUCTS


def test_the_catalogue_is_a_shop_of_some_size():
    assert len(CATEGORIES) == 12
    assert len({sold.product_id for sold in PRODUCTS}) == len(PRODUCTS) == 120
