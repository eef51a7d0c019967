"""An optional detail never costs the sale: what is made of it, and what is told."""

import pytest

from app.ingest.admission import admit_with_warnings
from app.ingest.order_identity import OrderIdentity
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.lifecycle.events import Event
from tests.order_lines import lines_of

RULES = Rules("CNY", 2, b"k")
NOW_US = 1_800_000_000_000_000


def order(**data):
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/pos",
        "type": "order.completed",
        "subject": "C-1",
        "time": "2026-11-22T10:15:00+08:00",
        "data": {"order_id": "A-1", "total": 20, **data},
    }


def taken(raw):
    event, warnings = admit_with_warnings(raw, RULES, NOW_US)
    assert isinstance(event, Event), event
    return event, {("/".join(map(str, warned.path)), warned.code) for warned in warnings}


LINE = {"product_id": "1", "price": 10, "quantity": 1}


@pytest.mark.parametrize(
    "products",
    [
        {"0": LINE, "2": LINE},
        {"2": LINE, "10": LINE},
        {"a1b2": LINE, "c3d4": LINE},
        '[{"product_id": "1", "price": 10, "quantity": 1}, {"product_id": "1", "price": 10, "quantity": 1}]',
        '{"0": {"product_id": "1", "price": 10}, "1": {"product_id": "1", "price": 10}}',
        '"[{\\"product_id\\": 1, \\"price\\": 10}, {\\"product_id\\": 1, \\"price\\": 10}]"',
        {"items": [{"product_id": "1", "price": 10}, {"product_id": "1", "price": 10}]},
        [{"sku": "1", "price": 10}, {"id": 1, "price": "10.00"}],
        [{"product_id": 1, "price": "10", "quantity": "1"}, {"product_id": "", "variant_id": "1", "price": " 10 "}],
        ['{"product_id": "1", "price": 10}', LINE],
    ],
    ids=str,
)
def test_lines_however_they_are_written(products):
    event, warnings = taken(order(products=products))
    assert [(line.item_id, line.price_minor, line.quantity) for line in lines_of(event)] == [("1", 1000, 1.0)] * 2
    assert (event.items, {code for _, code in warnings}) == (2, {"mended"})


def test_lines_of_a_shop_of_many_keep_their_order():
    event, _ = taken(order(products={"10": {"product_id": "b"}, "9": {"product_id": "a"}}))
    assert [line.item_id for line in lines_of(event)] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        ({"name": "Milk"}, "data/products/1"),
        ({"product_id": None, "price": "?"}, "data/products/1"),
        ({"product_id": "2", "quantity": 0}, "data/products/1"),
        ({"product_id": "2", "quantity": "-1"}, "data/products/1"),
        (None, "data/products/1"),
        ([], "data/products/1"),
        ("milk", "data/products/1"),
    ],
)
def test_a_line_that_is_none_is_left_out_alone(line, pointer):
    event, warnings = taken(order(products=[LINE, line, LINE]))
    assert len(lines_of(event)) == 2
    assert (pointer, "dropped") in warnings


def test_of_many_lines_those_that_are_none_are_left_out():
    lines = [{"product_id": str(n)} if n % 3 == 0 else {"name": "?"} for n in range(30)]
    event, _ = taken(order(products=lines))
    assert [line.item_id for line in lines_of(event)] == [str(n) for n in range(0, 30, 3)]


@pytest.mark.parametrize("products", ["milk", 7, True, {"total": 3}, "[", {}])
def test_products_that_are_none_are_left_out(products):
    event, warnings = taken(order(products=products))
    assert (lines_of(event), event.amount_minor, warnings) == ((), 2000, {("data/products", "dropped")})


@pytest.mark.parametrize(
    ("member", "value", "kept", "code"),
    [
        ("channel", "x" * 300, "x" * 256, "cut"),
        ("channel", 5, "5", "mended"),
        ("channel", 5.0, "5", "mended"),
        ("channel", " store\n", "store", "mended"),
        ("channel", ["store"], None, "dropped"),
        ("channel", {}, None, "dropped"),
        ("channel", True, None, "dropped"),
        ("discount", "1,299.00", 1299.0, "mended"),
        ("discount", -5, 5, "mended"),
        ("discount", "-5", 5.0, "mended"),
        ("discount", "five", None, "dropped"),
        ("discount", 1e99, None, "dropped"),
        ("discount", 10_000_000_000.01, None, "dropped"),
        ("currency", " cny", "CNY", "mended"),
        ("currency", "", None, "dropped"),
        ("identifiers", "phone", None, "dropped"),
        ("identifiers", 7, None, "dropped"),
    ],
)
def test_other_details(member, value, kept, code):
    event, warnings = taken(order(**{member: value}))
    whole, _ = taken(order(**({} if kept is None else {member: kept})))
    assert event == whole
    assert warnings == {(f"data/{member}", code)}


@pytest.mark.parametrize(
    "identifiers",
    [
        {"phone": "13800138000"},
        {"kind": "phone", "value": "13800138000"},
        {"0": {"kind": "phone", "value": "13800138000"}},
        [{"kind": "phone", "value": 13800138000}],
        [{"kind": "phone", "value": 13800138000.0}],
        [{"kind": "phone", "value": "13800138000"}, {"kind": "email"}, {"value": "x"}, None],
        [{"kind": "phone", "value": "13800138000"}, {"kind": "email", "value": "x" * 300}],
    ],
    ids=str,
)
def test_identifiers_however_they_are_written(identifiers):
    event, warnings = taken(order(identifiers=identifiers))
    whole, _ = taken(order(identifiers=[{"kind": "phone", "value": "13800138000"}]))
    assert (event, bool(warnings)) == (whole, True)


@pytest.mark.parametrize("total", [" 20.00 ", "20", "2e1", "20."])
def test_a_total_in_a_text_is_the_number(total):
    event, warnings = taken(order(total=total))
    assert (event.amount_minor, warnings) == (2000, {("data/total", "mended")})


@pytest.mark.parametrize("currency", [None, "CNY", "RMB"])
@pytest.mark.parametrize("total", ["¥20", "￥ 20.00", "20.00元", "CNY 20", "20.00 RMB"])
def test_a_total_that_names_its_currency_is_in_it(total, currency):
    event, warnings = taken(order(total=total, **({} if currency is None else {"currency": currency})))
    assert (event.amount_minor, ("data/total", "mended") in warnings) == (2000, True)


@pytest.mark.parametrize(
    "change",
    [
        {"total": None},
        {"total": "1,299"},
        {"total": "$20"},
        {"total": "20 USD"},
        {"total": "€20", "currency": "CNY"},
        {"total": True},
        {"total": [20]},
        {"total": "1e99"},
        {"currency": "USD"},
        {"currency": "usd"},
        {"currency": "¥"},
        {"currency": 156},
        {"order_id": None},
        {"order_id": ""},
        {"order_id": True},
        {"order_id": "x" * 257},
        {"order_id": "A\x001"},
        {"order_id": {}},
    ],
    ids=str,
)
def test_what_money_and_identity_hang_on_refuses_however_much_else_is_mended(change):
    event, warnings = admit_with_warnings(order(products="?", **change), RULES, NOW_US)
    assert not isinstance(event, Event)
    assert warnings == ()


def test_what_was_sent_stays_as_it_was_sent():
    raw = order(products={"0": {"sku": "1"}}, channel="x" * 300)
    before = order(products={"0": {"sku": "1"}}, channel="x" * 300)
    taken(raw)
    assert raw == before


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("customer.identified", {"identifiers": "phone"}),
        ("customer.identified", {"identifiers": [{"kind": "phone"}]}),
        ("consent.changed", {"purpose": "marketing", "granted": "yes"}),
        ("feedback.submitted", {"metric": "csat", "score": 7}),
        ("points.earned", {"points": 1.5}),
        ("tier.changed", {"tier": "x" * 257}),
        ("customer.merged", {"merged": "null"}),
    ],
)
def test_what_an_event_is_about_is_no_detail(type_, data):
    event, _ = admit_with_warnings({**order(), "type": type_, "data": data}, RULES, NOW_US)
    assert not isinstance(event, Event)


def test_an_empty_identifier_of_an_identified_customer_is_left_out():
    data = {"identifiers": [{"kind": "email", "value": ""}, {"kind": "phone", "value": "13800138000"}]}
    event, warnings = taken({**order(), "type": "customer.identified", "data": data})
    assert event.data.count('"hash"') == 1
    assert warnings == {("data/identifiers/0", "dropped")}


def test_an_identifier_that_cannot_be_read_costs_the_others_nothing():
    data = {"identifiers": [{"kind": "email", "value": ["x"]}, {"kind": "phone", "value": "13800138000"}]}
    event, warnings = taken({**order(), "type": "customer.identified", "data": data})
    assert event.data.count('"hash"') == 1
    assert warnings == {("data/identifiers/0", "dropped")}


@pytest.mark.parametrize("subject", [False, {}, [], 0, 0.0, "", " "])
def test_a_subject_of_nothing_is_nobody(subject):
    event, warnings = taken({**order(), "subject": subject})
    assert event.customer_id.startswith("~basket:")
    assert {path for path, _ in warnings} == {"subject"}


def test_a_subject_that_is_a_number_is_its_digits():
    assert [taken({**order(), "subject": subject})[0].customer_id for subject in (1001, 1001.0)] == ["1001"] * 2


def test_all_warnings_of_many_lines_are_found():
    _, warnings = taken(order(products=[{"product_id": "1", "price": "?"}] * 50))
    assert len(warnings) == 50


@pytest.mark.parametrize("currency", ["RMB", "rmb ", "人民币"])
def test_the_other_names_of_the_yuan(currency):
    event, warnings = taken(order(currency=currency))
    assert '"currency":"CNY"' in event.data
    assert ("data/currency", "mended") in warnings
    assert isinstance(admit_with_warnings(order(currency=currency), Rules("EUR", 2, b"k"), NOW_US)[0], Rejection)


@pytest.mark.parametrize(
    ("order_id", "reference"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (["A-7"], "A-7"), ([7], "7"), ({"id": 7}, "7"), ({"number": "A-7"}, "A-7")],
    ids=str,
)
def test_the_number_of_an_order_however_it_is_written(order_id, reference):
    event, warnings = taken(order(order_id=order_id))
    assert (event.reference, warnings) == (reference, {("data/order_id", "mended")})


@pytest.mark.parametrize("order_id", [["A-7", "A-8"], {}, [], True, {"total": 7}], ids=str)
def test_what_is_no_number_of_an_order_is_not_guessed(order_id):
    assert isinstance(admit_with_warnings(order(order_id=order_id), RULES, NOW_US)[0], Rejection)


@pytest.mark.parametrize("order_id", [" 7 ", "7", "\u00a07", "7  "])
def test_blanks_around_the_number_of_an_order_are_none_of_it(order_id):
    rules = RULES._replace(orders=OrderIdentity(("/pos/",)))
    for type_ in ("order.completed", "order.updated", "order.refunded"):
        event, _ = admit_with_warnings({**order(order_id=order_id), "type": type_}, rules, NOW_US)
        assert isinstance(event, Event)
        assert event.reference == "7"
    event, _ = admit_with_warnings(order(order_id=order_id), rules, NOW_US)
    assert isinstance(event, Event)
    assert event.id == "order-7"


@pytest.mark.parametrize(
    ("written", "currency", "price_minor"),
    [
        ("¥1,299.00", "CNY", 129900),
        ("10 CNY", "CNY", 1000),
        ("EUR 5", "CNY", None),
        ("¥5", None, None),
    ],
)
def test_a_price_that_names_the_currency_of_its_order_is_read(written, currency, price_minor):
    """Where the order names none, that of the price may be another than ours."""
    lines = [{"product_id": "1", "price": written}]
    event, warnings = taken(order(currency=currency, products=lines, discount=written))
    (line,) = lines_of(event)
    assert (line.price_minor, event.discount_minor) == (price_minor, price_minor or 0)
    assert ("data/products/0/price", "dropped" if price_minor is None else "mended") in warnings


@pytest.mark.parametrize(
    ("total", "beside"),
    [
        ({"amount": "12.50", "currency": "CNY"}, {}),
        ({"value": 12.5}, {"currency": "CNY"}),
        ({"value": "12.50", "currency_code": "CNY"}, {"currency": "CNY"}),
        ({"amount": 12.5}, {}),
    ],
    ids=str,
)
def test_a_total_that_is_an_object_is_its_amount(total, beside):
    event, warnings = taken(order(total=total, **beside))
    assert (event.amount_minor, {code for _, code in warnings}) == (1250, {"mended"})


@pytest.mark.parametrize(
    ("total", "beside"),
    [({"amount": 12.5, "currency": "USD"}, {"currency": "CNY"}), ({"amount": {}}, {}), ({}, {})],
    ids=str,
)
def test_an_object_that_does_not_tell_the_total_is_refused(total, beside):
    assert isinstance(admit_with_warnings(order(total=total, **beside), RULES, NOW_US)[0], Rejection)
