"""Words that stand for nothing, as customers and as order numbers."""

import duckdb
import pytest

from ml.data.transactions import load_orders

HEADER = "customer_id,order_date,order_id,total\n"


def read(tmp_path, *lines):
    """(Orders and refunds as (customer, amount), what was said) of a file that is learnt from."""
    path = tmp_path / "file.csv"
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/f", say=said.append)
        rows = connection.execute("SELECT customer_id, amount_minor FROM events ORDER BY ALL").fetchall()
    return rows, " ".join(said)


@pytest.mark.parametrize("word", ["guest", "GAST", "#N/A", "0", "匿名客户", "(null)", "-"])
def test_nothing_is_learnt_of_a_customer_who_is_nobody(tmp_path, word):
    rows, said = read(tmp_path, f"{word},2026-10-01,1,5", f"{word},2026-10-02,2,5", "C,2026-10-01,3,7")
    assert rows == [("C", 700)]
    assert "names no customer" in said


def test_ids_that_only_look_like_one_stay(tmp_path):
    names = ["guest1", "0x7", "5", "Gaston", "no-1", "x@y.de"]
    rows, _ = read(tmp_path, *(f"{name},2026-10-01,{at + 1},5" for at, name in enumerate(names)))
    assert [name for name, _ in rows] == sorted(names)


@pytest.mark.parametrize("word", ["N/A", "null", "#REF!", "-"])
def test_an_order_number_that_is_none_joins_no_orders(tmp_path, word):
    rows, said = read(tmp_path, f"C,2026-10-01 10:00,{word},5", f"C,2026-10-01 11:00,{word},6", "C,2026-10-01,A-1,7")
    assert rows == [("C", 500), ("C", 600), ("C", 700)]
    assert f"'{word}'" in said
    assert "is no order's number" in said
