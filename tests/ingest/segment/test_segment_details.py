"""What plug-ins and tag managers make of a message: the sale counts, with its lines, and what was mended is told."""

import orjson
import pytest

from app.ingest.refusals import Rejection
from app.ingest.repeats import is_same_content
from app.ingest.rules import Rules
from app.ingest.segment.admission import admit_message
from app.lifecycle.events import Event
from tests.order_lines import lines_of

RULES = Rules("CNY", 2, b"k")
NOW_US = 1_800_000_000_000_000
LINE = {"sku": 1, "price": "10.00", "quantity": "1", "recipient": "Li"}


def counted(event="Order Completed", **properties):
    return read({"event": event, "userId": "C-1", "properties": {"order_id": 7, "total": 20, **properties}})


def read(told):
    message = {"type": "track", "messageId": "m-1", "originalTimestamp": "2026-11-20T10:15:00Z", **told}
    outcome, warnings = admit_message(message, "/segment", RULES, NOW_US)
    assert isinstance(outcome, Event), outcome
    return outcome, {("/".join(map(str, warned.path)), warned.code) for warned in warnings}


@pytest.mark.parametrize(
    "products",
    [
        {"0": LINE, "2": LINE},
        {"a": LINE, "b": LINE},
        '[{"sku": 1, "price": "10.00", "recipient": "Li"}, {"product_id": "1", "price": 10}]',
        {"items": [LINE, LINE]},
    ],
    ids=str,
)
def test_products_that_are_no_list(products):
    event, warnings = counted(products=products)
    assert [(line.item_id, line.price_minor) for line in lines_of(event)] == [("1", 1000)] * 2
    assert warnings == {("data/products", "mended")}
    assert "Li" not in event.data


def test_one_product_without_its_list():
    event, warnings = counted(products=LINE)
    assert ([line.item_id for line in lines_of(event)], warnings) == (["1"], {("data/products", "mended")})


@pytest.mark.parametrize("times", [1, 2])
def test_properties_that_are_json_in_a_text(times):
    products = orjson.dumps([LINE, LINE]).decode()
    told: object = {"order_id": 7, "total": 20, "email": "li@shop.cn", "products": products}
    for _ in range(times):
        told = orjson.dumps(told).decode()
    event, warnings = read({"event": "Order Completed", "userId": "C-1", "properties": told})
    assert ([line.item_id for line in lines_of(event)], event.amount_minor) == (["1", "1"], 2000)
    assert warnings == {("data", "mended"), ("data/products", "mended")}
    assert "li@shop.cn" not in event.data, "what is personal is left out all the same"


def test_traits_that_are_json_in_a_text():
    event, _ = read({"type": "identify", "userId": "C-1", "traits": '{"email": "li@shop.cn"}'})
    assert event.data.count('"hash"') == 2


def test_a_list_is_read_as_ever_and_nothing_is_told():
    event, warnings = counted(products=[LINE, LINE], total="20.00")
    assert ([line.item_id for line in lines_of(event)], warnings) == (["1", "1"], set())


@pytest.mark.parametrize(
    ("written", "minor"),
    [(" 12.50 ", 1250), (".50", 50), ("12.", 1200), ("3.3000000000000003", 330), ("1,299.00", 129900), ("1e2", 10000)],
)
def test_amounts_in_texts(written, minor):
    event, warnings = counted(total=written)
    assert event.amount_minor == minor
    assert warnings <= {("data/total", "mended")}


@pytest.mark.parametrize("written", ["-1,299.00", "1,299.00", " 1299.00-", -1299])
def test_a_refund_has_no_sign_however_it_is_written(written):
    event, _ = counted("Order Refunded", total=written)
    assert event.amount_minor == 129900


@pytest.mark.parametrize("discount", ["-1,299.00", " -5 ", "five", {}])
def test_a_discount_costs_no_sale(discount):
    event, _ = counted(discount=discount)
    assert event.amount_minor == 2000
    assert event.discount_minor == {"-1,299.00": 129900, " -5 ": 500}.get(str(discount), 0)


def timed(event="Order Completed", **times):
    properties = {"order_id": 7, "total": 20, "product_id": "4711"}
    message = {"type": "track", "event": event, "messageId": "m-1", "userId": "C-1", "properties": properties}
    return {**message, **times}


AT = "2026-11-20T10:15:00Z"
AT_US = 1_795_169_700_000_000


@pytest.mark.parametrize("name", ["timestamp", "originalTimestamp", "sentAt", "receivedAt"])
@pytest.mark.parametrize("written", [AT, AT_US // 10**6, AT_US / 10**6, AT_US // 10**3, AT_US, str(AT_US // 10**3)])
def test_a_time_may_be_a_number_and_the_time_of_sending(name, written):
    assert counted_at("Order Completed", **{name: written}).occurred_us == AT_US


@pytest.mark.parametrize("written", [7, 20261120, "20261120", 0, -1, True, None, "soon", [AT]])
def test_a_number_that_may_be_another_time_is_none(written):
    outcome, _ = admit_message(timed(timestamp=written), "/segment", RULES, NOW_US)
    assert isinstance(outcome, Rejection)


@pytest.mark.parametrize("event", ["Order Completed", "Product Viewed"])
def test_what_is_sent_again_later_says_the_same(event):
    """Of a message without a time of its own the time of sending is no part of the content."""
    one, again, other = (
        counted_at(event, **{name: at})
        for name, at in (("sentAt", AT), ("sentAt", "2026-11-20T10:25:00Z"), ("timestamp", "2026-11-20T10:25:00Z"))
    )
    assert is_same_content(one, again)
    assert not is_same_content(one, other)


def counted_at(event, **times):
    outcome, _ = admit_message(timed(event=event, **times), "/segment", RULES, NOW_US)
    assert isinstance(outcome, Event)
    return outcome
