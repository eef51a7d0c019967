"""The unit that a column of money names is the one its numbers are read in."""

import duckdb
import pytest

from ml.data.transactions import load_orders
from ml.data.units import unit_of


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("金额(分)", 0.01), ("支付金额（分）", 0.01), ("amount_cents", 0.01), ("Total in pence", 0.01)),
        *(("amountCents", 0.01), ("Price (cents)", 0.01), ("金额（单位：角）", 0.1)),
        *(
            ("金额(万元)", 1e4),
            ("销售额【万】", 1e4),
            ("Umsatz (TEUR)", 1e3),
            ("Sales ($k)", 1e3),
            ("营业额(千元)", 1e3),
        ),
        *(("金额(百万元)", 1e6), ("Revenue (€m)", 1e6), ("销售额(亿元)", 1e8)),
        *(("金额(元)", 1), ("amount", 1), ("单价(元/千克)", 1), ("Betrag (EUR)", 1), ("discount per cent", 1)),
        *(("discount_percent", 1), ("Total (incl. tax)", 1), ("金额", 1), ("accent", 1)),
    ],
)
def test_units(name, unit):
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("name", "written", "minor"),
    [("金额(万元)", "1.2", 1_200_000), ("amount_cents", "1250", 1250), ("金额(元)", "1.2", 120)],
)
def test_money_counts_in_its_unit_and_it_is_told(tmp_path, name, written, minor):
    path, said = tmp_path / "a.csv", list[str]()
    path.write_text(f"customer_id,date,order_id,{name}\nA,2026-10-01,1,{written}\nA,2026-10-02,2,-{written}\n")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append)
        assert connection.execute("SELECT DISTINCT amount_minor FROM events").fetchall() == [(minor,)]
    assert any("By its name" in sentence for sentence in said) == (minor != 120)
