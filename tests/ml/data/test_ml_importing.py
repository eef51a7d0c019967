"""Order lines → the events that are counted."""

import duckdb

from app.foundation.settings import Settings
from app.ingest.admission import admit_or_reject
from app.ingest.rules import Rules
from app.lifecycle.events import Event
from ml.data.order_events import read_orders
from ml.data.transactions import load_orders
from tests.order_lines import lines_of

NAMES = ("customer_id", "timestamp", "order_id", "quantity", "unit_price", "item_id", "category")
LINES = (
    ("C-2", "2026-01-05 08:26:00", "A-1", 6, 2.55, "85123A", "lights"),
    ("C-1", "2026-01-07 09:00:00", "A-3", 1, 0.1, 'a "quoted" 牛奶 null', ""),
    ("C-1", "2026-01-06 10:00:00", "A-2", -1, 2.5, "71053", ""),
    ("C-2", "2026-01-05 08:26:00", "A-1", 2, 3.39, "71053", ""),
)


def read(path, lines, names=NAMES):
    rows = [",".join(f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in row) for row in (names, *lines)]
    path.write_text("\n".join(rows))
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/import/till")
        return list(read_orders(connection, 0, Settings()))


def test_orders_come_customer_by_customer_each_in_the_order_of_time(tmp_path):
    events = read(tmp_path / "lines.csv", LINES)
    assert [(event["subject"], event["type"]) for event in events] == [
        ("C-1", "order.refunded"),
        ("C-1", "order.completed"),
        ("C-2", "order.completed"),
    ]


def test_a_product_says_what_its_line_says_and_no_more(tmp_path):
    _, small, large = read(tmp_path / "lines.csv", LINES)
    assert small["data"]["products"] == [{"product_id": 'a "quoted" 牛奶 null', "price": 0.1, "quantity": 1.0}]
    assert large["data"]["products"] == [
        {"product_id": "71053", "price": 3.39, "quantity": 2.0},
        {"product_id": "85123A", "category": "lights", "price": 2.55, "quantity": 6.0},
    ]


def test_a_line_without_a_price_has_none(tmp_path):
    lines = [("C-1", "2026-01-05 08:26:00", "A-1", 9.5, price, item) for price, item in (("", "1"), (2.5, "2"))]
    (event,) = read(tmp_path / "lines.csv", lines, ("customer", "time", "order_id", "amount", "price", "item_id"))
    assert event["data"]["products"] == [
        {"product_id": "1", "quantity": 1.0},
        {"product_id": "2", "price": 2.5, "quantity": 1.0},
    ]


def test_a_price_that_is_no_number_is_left_out(tmp_path):
    lines = [("C-1", "2026-01-05 08:26:00", "A-1", 9.5, "NaN", "1")]
    (event,) = read(tmp_path / "lines.csv", lines, ("customer", "time", "order_id", "amount", "price", "item_id"))
    admitted = admit_or_reject(event, Rules("CNY", 2, b"key"), 2 * 10**15)
    assert isinstance(admitted, Event)
    assert (admitted.amount_minor, lines_of(admitted)[0].price_minor) == (950, None)


def test_a_refund_names_the_lines_that_came_back_then(tmp_path):
    lines = [
        ("C-1", f"2026-01-0{day} 09:00:00", "A-1", quantity, 5, "tea") for day, quantity in ((5, 4), (6, -1), (7, -3))
    ]
    events = read(tmp_path / "lines.csv", lines, NAMES[:-1])
    returned = [(event["data"]["total"], event["data"]["products"][0]["quantity"]) for event in events[1:]]
    assert returned == [(5.0, 1.0), (15.0, 3.0)]
    assert [len(event["data"]["products"]) for event in events] == [1, 1, 1]
