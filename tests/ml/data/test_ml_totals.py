"""An order's total that stands on each of its lines counts once, by the values; what they leave open is refused."""

import duckdb
import pytest

from ml.data.transactions import Reading, UnusableTransactions, load_orders

PRICED = "customer,date,order_id,sku,quantity,unit_price,"
PLAIN = "customer,date,order_id,sku,"


def read(tmp_path, header, *lines, **reading):
    """{order: total}."""
    path = tmp_path / "a.csv"
    path.write_text("\n".join((header, *(f"C,2026-10-01,{line}" for line in lines))) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", reading=Reading(**reading))
        return {n: minor / 100 for n, minor in connection.execute("SELECT number, amount_minor FROM events").fetchall()}


WITH_SHIPPING = ("A,X,1,20,70", "A,Y,2,15,70", "A,Z,1,10,70", "B,X,1,20,30")
ALIKE = ("A,X,10", "A,Y,10", "B,X,20", "B,Y,20", "D,X,30", "D,Y,30", "D,Z,30")


def test_a_total_with_shipping_on_lines_of_other_prices_counts_once(tmp_path):
    assert read(tmp_path, PRICED + "amount", *WITH_SHIPPING) == {"A": 70, "B": 30}


def test_lines_of_one_price_are_added_up(tmp_path):
    assert read(tmp_path, PRICED + "amount", "A,X,1,20,20", "A,Y,1,20,20") == {"A": 40}


@pytest.mark.parametrize("name", ["order_total", "Grand Total", "订单金额"])
def test_a_column_named_as_an_order_s_counts_once_without_prices(tmp_path, name):
    assert read(tmp_path, PLAIN + name, "A,X,60", "A,Y,60", "B,X,20") == {"A": 60, "B": 20}


def test_one_that_is_named_so_and_differs_within_an_order_is_the_line_s(tmp_path):
    assert read(tmp_path, PLAIN + "order_total", "A,X,60", "A,Y,40", "B,X,5", "B,X,5") == {"A": 100, "B": 10}


def test_two_lines_of_the_same_amount_are_no_sign(tmp_path):
    assert read(tmp_path, PLAIN + "amount", "A,X,10", "A,Y,10", "B,X,20") == {"A": 20, "B": 20}


def test_where_every_order_says_one_amount_on_each_line_it_is_asked(tmp_path):
    with pytest.raises(UnusableTransactions, match="--amount-is order"):
        read(tmp_path, PLAIN + "amount", *ALIKE)
    assert read(tmp_path, PLAIN + "amount", *ALIKE, amount_is="order") == {"A": 10, "B": 20, "D": 30}
    assert read(tmp_path, PLAIN + "amount", *ALIKE, amount_is="line") == {"A": 20, "B": 40, "D": 90}
    with pytest.raises(UnusableTransactions, match="--amount-is is order or line"):
        read(tmp_path, PLAIN + "amount", *ALIKE, amount_is="both")


def test_the_option_overrules_what_values_tell(tmp_path):
    assert read(tmp_path, PRICED + "amount", *WITH_SHIPPING, amount_is="line") == {"A": 210, "B": 30}
