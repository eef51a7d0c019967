"""Lines of sums are no sales, and no loss; what may be a sale is."""

import duckdb
import pytest

from ml.data.leavings import count_left_out, count_lost
from ml.data.transactions import load_orders

HEADER = "会员号,交易时间,小票号,商品,金额"
LINES = ("M-1,2026-10-01 09:00,1,茶,10", "M-1,2026-10-02 09:00,2,茶,20")


def read(tmp_path, *lines, header=HEADER):
    """(What all orders come to, lines left out, lines lost)."""
    path = tmp_path / "a.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        ((total,),) = connection.execute("SELECT sum(amount_minor) / 100 FROM events").fetchall()
        return total, count_left_out(connection), count_lost(connection)


@pytest.mark.parametrize(
    "line",
    [
        *(",,,合计,30", ",合计：,,,30", "合  计,,,,30", "本页合计,,,,30", "总计(2笔),,,,30", ",,合 计,,30"),
        *("M-1 小计,,,,30", "Grand Total,,,,30", ",,,Total:,30", "Zwischensumme,,,,30", ",,,,30"),
        *(",2026-10-02 09:00,,合计,30", ",2026-10-03,,Total,30"),
    ],
)
def test_a_sum_at_the_foot_is_no_line_of_the_order_above(tmp_path, line):
    assert read(tmp_path, *LINES, line) == (30, 1, 0)


def test_a_sum_whose_word_stands_in_a_column_of_no_meaning_is_one(tmp_path):
    lines = [f"{place},{line}" for place, line in enumerate(LINES, 1)]
    assert read(tmp_path, *lines, "合计,,,,,30", header=f"序号,{HEADER}") == (30, 1, 0)


def test_an_amount_that_is_no_sum_is_lost_and_told(tmp_path):
    assert read(tmp_path, *LINES, ",,,,7") == (30, 1, 1)


def test_a_line_row_that_names_an_item_belongs_to_the_order_above(tmp_path):
    assert read(tmp_path, *LINES, ",,,饼,7") == (37, 0, 0)


def test_a_product_whose_name_says_total_is_a_sale(tmp_path):
    assert read(tmp_path, *LINES, "M-1,2026-10-03 09:00,3,Total Shampoo,5", "M-2,2026-10-03 09:00,4,合计,5")[0] == 40
