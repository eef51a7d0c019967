"""Amounts in texts that name their currency."""

import pytest

from app.lifecycle.money_texts import read_money


@pytest.mark.parametrize(
    ("text", "currency", "money"),
    [
        ("¥1,299.00", None, (1299, "CNY")),
        ("¥500", "JPY", (500, "JPY")),
        ("£ .50", None, (0.5, "GBP")),
        ("CN¥12.50", None, (12.5, "CNY")),
        ("HK$1,299.00", "HKD", (1299, "HKD")),
        ("US$5", "HKD", None),
        ("-5 EUR", "EUR", (-5, "EUR")),
        ("1.299,00 zł", "", (1299, "PLN")),
        ("12.50", None, None),
        ("$12.50", None, None),
        ("$12.50", "USD", None),
        ("12,50 €", None, None),
        ("€5", "USD", None),
        ("EUR 5 EUR", None, None),
        ("five EUR", None, None),
        ("EUR", None, None),
        ("", None, None),
    ],
)
def test_a_text_with_one_number_and_one_currency(text, currency, money):
    assert read_money(text, currency) == money
