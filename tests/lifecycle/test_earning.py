"""What an order earns: by hand."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.calendar_days import day_number
from app.lifecycle.earning import KeptOrder, pieces_of, points_of, without_returned
from app.lifecycle.events import OrderLine
from app.lifecycle.loyalty_programme import Programme

SATURDAY = day_number("2026-11-28")
MILK = OrderLine("milk", "dairy", 3, 1250, 150)
BREAD = OrderLine("bread", "bakery", 1, 400, None)


def order(amount_minor=12_850, *, source="/pos/store-1/till-2", day=SATURDAY, lines=(MILK, BREAD), stage="new"):
    return KeptOrder(source, "store", day, amount_minor, lines, stage)


def earned(*rules, of=None, **programme):
    named = [{"rule_id": f"r{at}", **rule} for at, rule in enumerate(rules)]
    return points_of(Programme.model_validate({"earn": named, **programme}), of or order(), 2)


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        ({}, 128),
        ({"points": 1, "per": 10}, 12),
        ({"points": 0.1, "per": 0.1}, 128),
        ({"of": "order", "points": 7}, 7),
        ({"of": "piece", "points": 2}, 8),
        ({"where": {"items": ["milk"]}}, 36),
        ({"where": {"categories": ["bakery"], "items": ["milk"]}}, 40),
        ({"of": "order", "where": {"items": ["wine"]}}, 0),
        ({"where": {"weekdays": [6]}}, 128),
        ({"where": {"weekdays": [7, 1]}}, 0),
        ({"where": {"from_day": "2026-11-28", "to_day": "2026-11-28"}}, 128),
        ({"where": {"to_day": "2026-11-27"}}, 0),
        ({"where": {"from_day": "2026-11-29"}}, 0),
        ({"where": {"stores": ["/pos/store-1"]}}, 128),
        ({"where": {"stores": ["/pos/store"]}}, 0),
        ({"where": {"channels": ["web"]}}, 0),
        ({"where": {"stages": ["new", "lost"]}}, 128),
        ({"where": {"stages": ["lost"]}}, 0),
    ],
)
def test_a_rule_is_of_what_it_names(rule, points):
    assert earned(rule) == points


@pytest.mark.parametrize(("rounding", "points"), [("down", 2), ("nearest", 3), ("up", 3)])
def test_an_order_is_rounded_once(rounding, points):
    half = {"points": 1, "per": 100}
    assert earned(half, half, of=order(12_500), rounding=rounding) == points  # 1.25 + 1.25


def test_multipliers_are_multiplied():
    twice = {"rule_id": "twice", "factor": 2}
    thrice = {"rule_id": "thrice", "factor": 1.5, "where": {"channels": ["store"]}}
    never = {"rule_id": "never", "factor": 9, "where": {"channels": ["web"]}}
    assert earned({"of": "order", "points": 10}, multipliers=[twice, thrice, never]) == 30


def test_nothing_paid_earns_nothing():
    assert earned({"of": "order", "points": 10}, of=order(0)) == 0


def test_what_was_returned_is_off_the_first_line_of_its_item():
    sold = (MILK, BREAD, MILK._replace(quantity=1, discount_minor=None))
    assert without_returned(sold, pieces_of([MILK._replace(quantity=2)])) == (
        MILK._replace(quantity=1.0, discount_minor=50),
        *sold[1:],
    )
    assert without_returned(sold, pieces_of([MILK])) == sold[1:]


@given(st.dates(date(1900, 1, 1), date(2400, 1, 1)))
def test_days_are_those_of_the_calendar(day):
    assert day_number(day.isoformat()) == (day - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("rule", "reads_lines"),
    [({}, False), ({"of": "order"}, False), ({"of": "piece"}, True), ({"where": {"categories": ["dairy"]}}, True)],
)
def test_lines_are_read_for_rules_of_what_was_bought_alone(rule, reads_lines):
    programme = Programme.model_validate({"earn": [{"rule_id": "base", **rule}]})
    assert programme.reads_lines is reads_lines
    assert (points_of(programme, order(), 2) != points_of(programme, order(lines=()), 2)) is reads_lines
