"""What happens to customers who are told to be one: events, counted and linked, and how they read."""

import itertools
import time
import uuid
from contextlib import asynccontextmanager

import pytest

from app.checkout.transaction import Transactions
from app.customers import service as customers
from app.customers.verification import verify
from app.database.engine import Driver
from app.ingest.admission import admit
from app.ingest.intake import Submission
from app.ingest.order_identity import OrderIdentity
from app.ingest.pseudonyms import hash_forms
from app.ingest.rules import Rules
from app.lifecycle.identifiers import make_pseudonym
from app.lifecycle.measures import (
    LATEST,
    NUMERIC,
    Lift,
    Merge,
    fold,
    numbers_of,
)

NOW_US = time.time_ns() // 1000
DAY_US = 86_400_000_000
RULES = Rules("CNY", 2, b"k")


class Book:
    """Makes events as of a customer, counts them, and tells what is read of customers."""

    def __init__(self, driver):
        self.driver = driver
        self.transactions = Transactions(driver, OrderIdentity())
        self._numbers = itertools.count()

    def event(self, type_, customer, *, days_ago=1.0, **data):
        at_us = NOW_US - round(days_ago * DAY_US)
        raw = {
            "specversion": "1.0",
            "id": f"{next(self._numbers)}-{uuid.uuid4().hex}",
            "source": "s",
            "type": type_,
            "subject": customer,
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at_us // 10**6))}.{at_us % 10**6:06d}Z",
            "data": data,
        }
        return admit(raw, RULES, NOW_US)

    def order(self, customer, total=10.0, **facts):
        return self.event("order.completed", customer, order_id=uuid.uuid4().hex, total=total, **facts)

    def merged(self, survivor, other, days_ago=1.0):
        return self.event("customer.merged", survivor, days_ago=days_ago, merged=other)

    def unmerged(self, survivor, other, days_ago=1.0):
        return self.event("customer.unmerged", survivor, days_ago=days_ago, merged=other)

    def identified(self, customer, *values, days_ago=1.0):
        identifiers = [{"kind": "card", "value": value} for value in values]
        return self.event("customer.identified", customer, days_ago=days_ago, identifiers=identifiers)

    async def count(self, *events):
        """In one transaction; the events, for later comparison."""
        (entry,) = await self.transactions.enter([Submission(events)])
        assert not isinstance(entry, Exception)
        assert "conflict" not in entry.statuses
        return list(events)

    async def read(self, *customer_ids):
        return await customers.read_states(self.driver, customer_ids)


@asynccontextmanager
async def opened(engine):
    driver = Driver(engine)
    try:
        yield Book(driver)
    finally:
        await driver.close()


def card(value):
    return make_pseudonym("card", hash_forms("card", value, RULES)[0])


FLOATS = [
    place
    for place, measure in enumerate(NUMERIC)
    if measure.merge is Merge.DECAYED or measure.lift in (Lift.SEASON_COS, Lift.SEASON_SIN)
]


def assert_is_state_of(state, events):
    """Integers, times and texts exactly, sums of floats to 1e-9."""
    expected = fold(events)
    for place, (measure, value) in enumerate(zip(NUMERIC, numbers_of(expected), strict=True)):
        close = place in FLOATS and value is not None
        assert state.numbers[place] == (pytest.approx(value, rel=1e-9, abs=1e-9) if close else value), measure.name
    assert state.texts == [expected[measure.name] for measure in LATEST]


async def persons(sql):
    return {row["customer_id"]: row["person_id"] for row in await sql.rows("SELECT * FROM persons")}


async def differences(engine):
    return [found async for batch in verify(engine) for found in batch.differences]


def history(book, customer, start):
    """Events of every kind of merge: sums, firsts, lasts, second lasts, latest values."""
    return [
        book.order(customer, 100.25, days_ago=start, discount=3, channel="store"),
        book.order(customer, 33, days_ago=start / 2, channel="web"),
        book.order(customer, 7.5, days_ago=start / 7),
        book.event("order.refunded", customer, order_id="1", total=5, days_ago=start / 8),
        book.event("feedback.submitted", customer, metric="csat", score=4, days_ago=start / 3),
        book.event("consent.changed", customer, purpose="marketing", granted=start > 50, days_ago=start / 4),
        book.event("case.opened", customer, case_id="K", kind="complaint", days_ago=start / 5),
        book.event("points.earned", customer, points=round(start)),
        book.event("product.viewed", customer, product_id="p", days_ago=start / 6),
    ]
