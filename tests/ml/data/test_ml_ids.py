"""Ids that spreadsheets and forms have changed: exponents, e-mail addresses in several forms, phones."""

import duckdb
import pytest

from ml.data.transactions import Reading, load_orders


def customers(tmp_path, column, *ids):
    """(Customers of orders in the order of the ids given, what was said)."""
    path = tmp_path / "a.csv"
    lines = [f'"{one}",2026-10-{day:02d} 10:00,{day},5' for day, one in enumerate(ids, 1)]
    path.write_text("\n".join((f"{column},日期,小票号,金额", *lines)) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, reading=Reading(keeps_nobody=True))
        rows = connection.execute("SELECT customer_id FROM events ORDER BY occurred_us").fetchall()
    return [row[0] for row in rows], " ".join(said)


def test_an_id_whose_digits_an_exponent_lost_is_nobodys_and_told(tmp_path):
    found, said = customers(tmp_path, "会员卡号", "6.92E+12", "6.92E+12", "M-1")
    assert found == ["", "", "M-1"]
    assert "2 lines are changed: column '会员卡号' is a number whose last digits a spreadsheet has lost" in said


@pytest.mark.parametrize("written", ["6.9212345678E+10", "6,9212345678e+10", "6.92123456780E+10", "'6.9212345678E+10"])
def test_an_id_whose_digits_are_all_there_is_repaired(tmp_path, written):
    assert customers(tmp_path, "会员卡号", written, "69212345678")[0] == ["69212345678"] * 2


@pytest.mark.parametrize("written", ['=""00123""', "'00123", "\t00123", "00123\u00a0", "\u200b00123\ufeff"])
def test_what_keeps_a_spreadsheet_from_taking_an_id_for_a_number_is_none_of_it(tmp_path, written):
    assert customers(tmp_path, "会员卡号", written, "00123")[0] == ["00123"] * 2


def test_an_apostrophe_of_a_name_stays(tmp_path):
    assert customers(tmp_path, "客户", "'t Hart")[0] == ["'t Hart"]


def test_order_numbers_in_exponents_are_none_so_that_orders_stay_several(tmp_path):
    path = tmp_path / "a.csv"
    lines = ["M-1,2026-10-01 10:00,2.0261E+17,5", "M-1,2026-10-01 11:00,2.0261E+17,6"]
    path.write_text("\n".join(("会员号,日期,订单号,金额", *lines)) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        assert connection.execute("SELECT amount_minor FROM events ORDER BY 1").fetchall() == [(500,), (600,)]


def test_forms_of_an_address_are_one_customer(tmp_path):
    written = ("Li@Ex.com", "li@ex.com ", "Wei Li <li@EX.com>", "li@ex.com.", "mailto:li@ex.com", "li@ex.com")
    found, said = customers(tmp_path, "Email", *written)
    assert found == ["li@ex.com"] * len(written)
    assert "5 that are written otherwise" in said
    assert customers(tmp_path, "Email", "wei@münchen.de", "WEI@xn--mnchen-3ya.de")[0] == ["wei@xn--mnchen-3ya.de"] * 2


def test_an_id_that_is_no_address_stays_as_it_is(tmp_path):
    assert customers(tmp_path, "会员号", "A@1", "a@1", "Shop @ Home", "12E5")[0] == [
        "A@1",
        "a@1",
        "Shop @ Home",
        "12E5",
    ]


def test_signs_between_the_digits_of_phones_make_no_other_customer(tmp_path):
    found, _ = customers(tmp_path, "手机号", "139-1234-5678", "139 1234 5678", "13912345678.0", "+86 139 1234 5678")
    assert found == ["13912345678"] * 3 + ["+8613912345678"]
    assert customers(tmp_path, "会员号", "139-1234")[0] == ["139-1234"]


@pytest.mark.parametrize(
    ("column", "masked", "known"),
    [
        ("手机号", "138****8000", "13900001234"),
        ("手机号", "138••••8001", "13900001234"),
        ("手机号", "138＊＊＊＊8001", "13900001234"),
        ("买家会员名", "t***1", "abc1"),
        ("会员", "张●●1", "张三丰1"),
        ("Email", "a***b@qq.com", "c@qq.com"),
    ],
)
def test_what_a_platform_has_masked_joins_nobody(tmp_path, column, masked, known):
    found, said = customers(tmp_path, column, masked, masked, known)
    assert found == ["", "", known]
    assert "2 lines are changed" in said
