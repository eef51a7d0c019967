"""The demo shop that the tests share."""

import pytest

from ml.demo.shoppers import draw_shopper
from ml.demo.simulate import simulate
from tests.ml.demo.shop import CUSTOMERS, DAYS, SEED, UNTIL, find_order_times, of_type


@pytest.fixture(scope="session")
def events():
    return list(simulate(SEED, CUSTOMERS, UNTIL, DAYS))


@pytest.fixture(scope="session")
def orders(events):
    return of_type(events, "order.completed")


@pytest.fixture(scope="session")
def order_times(events):
    return find_order_times(events)


@pytest.fixture(scope="session")
def shoppers():
    return [draw_shopper(SEED, number, DAYS) for number in range(1, CUSTOMERS + 1)]
