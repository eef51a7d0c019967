"""Numbers in texts: those that can mean one number alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.amounts import read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" 12.50 ", 12.5),
        (".50", 0.5),
        ("12.", 12),
        ("-3", -3),
        ("+3.5", 3.5),
        ("\u22123", -3),
        ("3.3000000000000003", 3.3000000000000003),
        ("1,299.00", 1299),
        ("12,345,678.9", 12345678.9),
        ("1,00,000.00", 100000),
        ("1,299,000", 1299000),
        ("1.299,00", 1299),
        ("1.299.000", 1299000),
        ("1 299.00", 1299),
        ("1 299,50", 1299.5),
        ("1\u202f299,5", 1299.5),
        ("1\u00a0299.00", 1299),
        ("1\u202f299\u202f000", 1299000),
        ("1'299.00", 1299),
        ("1’299", 1299),
        ("１２.５０", 12.5),
        ("1e3", 1000),
        ("3.3e-05", 0.000033),
    ],
)
def test_what_means_one_number(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            ".",
            "-",
            "1,299",
            "12,50",
            "1,2,3",
            "1.2.3",
            "$12",
            "12 €",
            "12 CNY",
            "1 2",
            "12 50",
            "0x10",
            "NaN",
            "inf",
        ),
        *("1e999", "1,299.00.00", "1.299,00,00", "--1", "(12)", "twelve", "1_000", "9" * 40),
    ],
)
def test_what_means_none_or_two(text):
    assert read_number(text) is None


@given(st.floats(-1e12, 1e12).filter(lambda number: number == 0 or abs(number) > 1e-3))
def test_a_number_that_a_program_printed_is_read_back(number):
    assert read_number(repr(number)) == number


@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_thousands_and_cents_are_told_apart_in_both_ways(whole, cents):
    written = f"{whole:,}.{cents:02}"
    expected = float(f"{whole}.{cents:02}")
    assert read_number(written) == expected
    if abs(whole) >= 1000:
        assert read_number(written.translate(str.maketrans(",.", ".,"))) == expected
