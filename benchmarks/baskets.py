"""Checkout requests: a shop's baskets as whole HTTP requests, ready to send."""

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from operator import mul
from typing import Final

CUSTOMERS: Final = 5_000
STORES: Final = 20
TILLS: Final = 6
PRODUCTS: Final = 800
BASKETS: Final = 2_048
BASKET_SIZE: Final = 3
CATEGORIES: Final = ("dairy", "bakery", "produce", "household", "drinks", "meat")


def make_basket(chance: random.Random, lines: int) -> str:
    """An order's `data` but for its id, as JSON text without the outer braces."""
    prices_minor = [chance.randrange(150, 9_900) for _ in range(lines)]
    quantities = [chance.randint(1, 4) for _ in range(lines)]
    products = [
        {
            "product_id": str(4_000 + chance.randrange(PRODUCTS)),
            "category": chance.choice(CATEGORIES),
            "price": price_minor / 100,
            "quantity": quantity,
        }
        for price_minor, quantity in zip(prices_minor, quantities, strict=True)
    ]
    worth_minor = sum(map(mul, prices_minor, quantities))
    discount_minor = chance.choice((0, 0, 0, 500, 1_000))
    order = {
        "currency": "CNY",
        "total": max(0, worth_minor - discount_minor) / 100,
        "discount": discount_minor / 100,
        "channel": "store",
        "products": products,
    }
    return json.dumps(order)[1:-1]


def checkouts(
    port: int, *, api_key: str | None = None, seed: int = 0, lines: int = BASKET_SIZE, more: str = ""
) -> Iterator[bytes]:
    """Endless `POST /v1/checkouts`, each of an event that never was before; `more` are members beside the event's.

    Customers and baskets repeat with the seed, event ids never do: they begin with the present time.
    """
    chance = random.Random(seed)
    baskets = [make_basket(chance, lines) for _ in range(BASKETS)]
    authorization = f"Authorization: Bearer {api_key}\r\n" if api_key else ""
    head = (
        f"POST /v1/checkouts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}"
        "Content-Type: application/json\r\nContent-Length: "
    )
    run = f"{time.time_ns():x}"
    second = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    for number in count():
        body = (
            f'{{"event": {{"specversion": "1.0", "id": "{run}-{number}",'
            f' "source": "/pos/store-{number % STORES}/till-{number % TILLS}", "type": "order.completed",'
            f' "subject": "C-{int(chance.random() * CUSTOMERS)}",'
            f' "time": "{second}.{number % 1_000_000:06d}+00:00",'
            f' "data": {{"order_id": "{run}-{number}", {baskets[number % BASKETS]}}}}},'
            f' "channel": "store", "max_actions": 2, "deadline_ms": 200{more}}}'
        )
        yield f"{head}{len(body)}\r\n\r\n{body}".encode("ascii")
