"""Files as retailers have them: names, encodings, numbers and dates as tills and spreadsheets write them."""

import duckdb
import openpyxl
import pytest

from ml.data.leavings import count_lost
from ml.data.transactions import Reading, UnusableTransactions, load_orders

US = 1_000_000
DAY = 86_400
CHINESE = "会员号,下单时间,订单号,实付金额\n甲,2026/10/1 10:00,1,30.00\n乙,2026年10月2日 10:00,2,45.50\n"


def read(path, **options):
    """(Events as (customer, day since 2026-10-01 UTC, amount), what was said, lines lost)."""
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, **options)
        rows = connection.execute("SELECT customer_id, occurred_us, amount_minor FROM events ORDER BY ALL").fetchall()
        lost = count_lost(connection)
    begin = 1_790_812_800  # 2026-10-01
    return [(customer, (us // US - begin) / DAY, minor / 100) for customer, us, minor in rows], " ".join(said), lost


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def amounts(path, **options):
    return [amount for *_, amount in read(path, **options)[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_chinese_files_are_read_in_their_encoding_and_told(tmp_path, encoding):
    events, said, lost = read(write(tmp_path / "a.csv", CHINESE, encoding))
    assert sorted(amount for *_, amount in events) == [30.0, 45.5]
    assert {customer for customer, *_ in events} == {"甲", "乙"}
    assert lost == 0
    assert "customer_id = '会员号', timestamp = '下单时间', order_id = '订单号', amount = '实付金额'" in said
    assert encoding == "utf-8" or encoding.upper() in said


def test_an_encoding_is_told_by_letters_where_no_name_is_known(tmp_path):
    text = "kunde;date;amount\n" + "".join(f"Müller-Lüdenscheidt {n};2026-10-01;5\n" for n in range(20))
    events, _, _ = read(write(tmp_path / "a.csv", text, "cp1252"), customer_id="kunde")
    assert all("Müller" in customer for customer, *_ in events)


def test_an_encoding_that_it_is_not_in_is_refused(tmp_path):
    with pytest.raises(UnusableTransactions, match="--encoding"):
        read(write(tmp_path / "a.csv", CHINESE, "gb18030"), reading=Reading(encoding="utf-8"))


@pytest.mark.parametrize(
    ("separator", "written", "read_as"),
    [
        (",", ["100.00", "1,234.50", "50"], [100, 1234.5, 50]),
        (";", ["100", "12,50", "1.234,50", "7"], [100, 12.5, 1234.5, 7]),
        ("\t", ["¥1,234.50", "￥ 20", "30元", "RMB 40", "CNY50.5"], [1234.5, 20, 30, 40, 50.5]),
        (",", ["1'234.50", "1 234.50", "1\u00a0234.5", "１２.５"], [1234.5, 1234.5, 1234.5, 12.5]),
        (",", [".50", "12.", "1e2"], [0.5, 12, 100]),
        (",", ["1,23,456.00", "1,234,567"], [123456, 1234567]),
        (",", ["1.2万", "¥3千", "0.5萬元", "1亿"], [12_000, 3000, 5000, 100_000_000]),
        (",", ["5.-", "5.00 CNY", "人民币5元", "12.50元整", "12.50 Dr"], [5, 5, 5, 12.5, 12.5]),
        (",", ["US$ 5.00", "$7"], [5, 7]),
        (",", ["HK$12.50"], [12.5]),
        (",", ['=""12.50""', "+3", "1.5E+03"], [12.5, 3, 1500]),
        (";", ["5,-", "5,–", "12,50 €"], [5, 5, 12.5]),
        (";", ["1 234,50 kr", "12:-", "Fr. 3,50", "SFr. 4,50"], [1234.5, 12, 3.5, 4.5]),
        (",", ["&#36;1,220.50", "&yen;5.00"], [1220.5, 5]),
        (",", ["١٠٠٫٥٠", "١٬٢٣٤٫٥٠"], [100.5, 1234.5]),
        (",", ["1.5k", "2 K", "¥3k", "4 tsd."], [1500, 2000, 3000, 4000]),
        (";", ["1.234,50 TL", "5 руб.", "7,5 Kč", "900원"], [1234.5, 5, 7.5, 900]),
        (",", ["70 kr", "50 PKR", "PKR 60", "100 DKK", "8 SEK"], [70, 50, 60, 100, 8]),
        (";", ["100,00 S", "7,50 s"], [100, 7.5]),
    ],
)
def test_amounts_as_they_are_written(tmp_path, separator, written, read_as):
    lines = [f'C{n}{separator}2026-10-01{separator}"{value}"\n' for n, value in enumerate(written)]
    path = write(tmp_path / "a.csv", separator.join(("customer", "date", "amount")) + "\n" + "".join(lines))
    assert amounts(path) == read_as


@pytest.mark.parametrize(
    "written",
    [
        "-12.50",
        "(12.50)",
        "12.50-",
        "−12.50",
        "(¥12.50)",
        "-¥12.50",
        "12.50 CR",
        "cr 12.50",
        "¥-12.50",
        "△12.50",
        "▲12.50",
        "12.50 H",
        "12.50H",
    ],
)
def test_negatives_of_accountants_are_refunds(tmp_path, written):
    path = write(tmp_path / "a.csv", f'customer,date,amount\nC,2026-10-01,"{written}"\n')
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        found = connection.execute("SELECT type, amount_minor FROM events").fetchall()
    assert found == [("order.refunded", 1250)]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ('customer,date,amount\nC,2026-10-01,"12,50"\nC,2026-10-02,12.50\n', "--decimal-sign"),
        ("customer;date;amount\nC;2026-10-01;1.234\n", "--decimal-sign"),
        ("customer,date,amount\nC,9/3/2026,5\nC,10/5/2026,6\n", "--date-order"),
        ("customer,date,amount\nC,03-09-26,5\n", "--date-order"),
        ("customer,date,amount\nC,13/10/2026,5\nC,10/13/2026,6\n", "--date-order"),
    ],
)
def test_what_may_be_read_two_ways_is_refused_with_the_option_that_settles_it(tmp_path, text, option):
    with pytest.raises(UnusableTransactions, match=option):
        read(write(tmp_path / "a.csv", text))


def test_options_settle_it(tmp_path):
    path = write(tmp_path / "a.csv", "customer;date;amount\nC;9/3/2026;1.234\n")
    ((_, day, amount),) = read(path, reading=Reading(decimal_sign=",", date_order="mdy"))[0]
    assert (day, amount) == (-28, 1234)
    with pytest.raises(UnusableTransactions, match="--date-order is dmy or mdy or ymd"):
        read(path, reading=Reading(date_order="dym"))


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026/10/2", 1),
        ("2026.10.2 12:00", 1.5),
        ("2026年10月2日 12时00分", 1.5),
        ("2026-10-02 12:00:00 +0800", 1 + 4 / 24),
        ("2026-10-02T12:00:00.5+08:00", 1 + 4 / 24),
        ("25/10/2026", 24),
        ("10/25/2026 6:00 PM", 24.75),
        ("25.10.2026", 24),
        ("2.10.2026", 1),
        ("2 Oct 2026", 1),
        ("Oct 2, 2026 12:00", 1.5),
        ("20261002", 1),
        ("46297", 1),
        ("46297.5", 1.5),
        ("1790899200", 1),
        ("1790899200000", 1),
        ("2026/10/2 下午 6:00", 1.75),
        ("2026年10月2日 下午6时00分", 1.75),
        ("２０２６年１０月２日　１２：００", 1.5),
        ("2026年10月2日 星期五 12:00", 1.5),
        ("2026-10-02(周五) 12:00", 1.5),
        ("2026-10-02 中午12:00", 1.5),
        ("2026-10-02 中午11:00", 1 + 11 / 24),
        ("2026-10-02 晚上6:00", 1.75),
        ("2026-10-02 下午18:00", 1.75),
        ("2026-10-02 凌晨12:00", 1),
        ("2026-10-02 6:00 p.m.", 1.75),
        ("02.10.2026 18:00 Uhr", 1.75),
        ("2026-10-02 18.00", 1.75),
        ("20261002 180000", 1.75),
        ("202610021800", 1.75),
        ("1790899200000000", 1),
        ("Oct 2 2026 12:00", 1.5),
        ("October 2nd, 2026 6:00 PM", 1.75),
        ("02-Oct-26", 1),
        ("2. Oktober 2026, 12:00 Uhr", 1.5),
        ("Freitag, 2. Okt. 2026 um 18:00", 1.75),
        ("5. März 2026", -210),
        ("Mar 05 2026", -210),
        ("2 octobre 2026 à 12:00", 1.5),
        ("ven. 2 oct. 2026", 1),
        ("1er juin 2026", -122),
        ("1 juil. 2026", -92),
        ("viernes, 2 de octubre de 2026", 1),
        ("Fri Oct 02 2026 12:00:00 GMT+0800 (中国标准时间)", 1 + 4 / 24),
        ("Fri, 02 Oct 2026 12:00:00 +0800", 1 + 4 / 24),
        ("Fri, 02 Oct 2026 12:00:00 GMT", 1.5),
        ("25/10/2026, 18:00:00", 24.75),
        ("10/25/2026, 6:00:00 PM", 24.75),
        ("10/25/2026, 6:00:00\u202fPM", 24.75),
        ("2026/10/2 PM 6:00", 1.75),
        ("2026-10-02 AM12:00:00", 1),
        ("25/10/2026 18h00", 24.75),
        ("20261002T180000Z", 1.75),
        ("20261002T180000+0800", 1 + 10 / 24),
        ("46297,5", 1.5),
        ("02-OCT-26 06.00.00.000000 PM", 1.75),
        ("2026년 10월 2일 오후 6:00", 1.75),
        ("2026 年 10 月 2 日 18:00", 1.75),
    ],
)
def test_dates_as_they_are_written(tmp_path, written, day):
    (event,) = read(write(tmp_path / "a.csv", f'customer,date,amount\nC,"{written}",5\n'))[0]
    assert event[1] == pytest.approx(day, abs=1e-5)


@pytest.mark.parametrize(
    "written",
    ["2026-10-02 12:00:00 CST", "2026-10-02 晚上12:00", "10月2日", "2026-10", "0000-00-00", "2 Foo 2026", "Oct 2026"],
)
def test_a_time_that_may_be_two_or_none_is_not_read(tmp_path, written):
    """CST is China's and Chicago's."""
    _, said, lost = read(write(tmp_path / "a.csv", f'customer,date,amount\nC,2026-10-01,5\nC,"{written}",5\n'))
    assert lost == 1
    assert "has no time that can be read" in said


@pytest.mark.parametrize(
    ("header", "values", "days"),
    [
        ("日期,时间", ["2026/10/2,12:00", "2026年10月2日,下午6时00分", "2026/10/2,"], [1, 1.5, 1.75]),
        ("date,time", ["2026-10-02 00:00:00,0.5", "2026-10-02 00:00:00,18:00:00"], [1.5, 1.75]),
        ("Datum,Uhrzeit", ["25.10.2026,12:00 Uhr"], [24.5]),
        ("date,time", ["10/25/2026,6:00 PM"], [24.75]),
        ("交易日期,交易时间", ["2026-10-02,2026-10-02 12:00"], [1.5]),
        ("order_date,time", ["2026-10-02 12:00,18:00"], [1.5]),
    ],
)
def test_day_and_time_in_columns_of_their_own(tmp_path, header, values, days):
    lines = [f"C{n},{value},5" for n, value in enumerate(values)]
    events, _, lost = read(write(tmp_path / "a.csv", "\n".join((f"customer,{header},amount", *lines)) + "\n"))
    assert sorted(day for _, day, _ in events) == days
    assert lost == 0


def test_a_date_of_another_form_among_others_is_no_loss(tmp_path):
    text = "customer,date,amount\nA,2026-10-01 00:00:00,1\nB,25/10/2026,2\nC,2026-10-03T00:00:00Z,3\n"
    events, said, lost = read(write(tmp_path / "a.csv", text))
    assert [day for _, day, _ in events] == [0, 24, 2]
    assert "day, month, year" in said
    assert lost == 0


def test_every_line_that_is_left_out_is_counted_named_and_sampled(tmp_path):
    text = (
        "customer,date,order_id,amount,discount\nA,2026-10-01,1,5,\n,2026-10-01,2,5,\nB,soon,3,5,\nB,2026-10-01,4,gratis,\n"
        "B,2026-10-01,5\nB,2026-10-01,6,9,half\n"
    )
    _, said, lost = read(write(tmp_path / "a.csv", text))
    assert lost == 4
    for sentence in (
        "1 line is left out: column 'customer' names no customer (row 2: empty).",
        "1 line is left out: column 'date' has no time that can be read (row 3: 'soon').",
        "1 line is left out: column 'amount' has no amount that can be read (row 4: 'gratis').",
        "1 line is left out: it cannot be split into the columns of the header (row 6: 'B,2026-10-01,5').",
        "1 line is changed: column 'discount' is no number that can be read",
    ):
        assert sentence in said


@pytest.mark.parametrize("written", ["2件", "2 pcs", "2Stk.", "2 瓶", "2.0"])
def test_pieces_with_a_word_for_them(tmp_path, written):
    events, _, lost = read(write(tmp_path / "a.csv", f"会员号,日期,单号,数量,单价\nA,2026-10-01,1,{written},5元\n"))
    assert ([amount for *_, amount in events], lost) == ([10], 0)


def test_of_pieces_that_cannot_be_read_their_column_is_at_fault(tmp_path):
    text = "customer,date,order_id,quantity,unit_price\nA,2026-10-01,1,2,5\nA,2026-10-02,2,some,5\n"
    _, said, lost = read(write(tmp_path / "a.csv", text))
    assert lost == 1
    assert "column 'quantity' has no amount that can be read (row 2: 'some')" in said


@pytest.mark.parametrize(
    "written", ["2026-10-02 08:00 GMT+8", "2026-10-02 08:00:00 UTC+08:00", "2026-10-02 08:00 UTC+0800"]
)
def test_zones_as_hours(tmp_path, written):
    assert read(write(tmp_path / "a.csv", f"customer,date,amount\nA,{written},5\n"))[0] == [("A", 1.0, 5.0)]


@pytest.mark.parametrize("foot", ["合计,2026-10-31,,5", "Total,2026-10-31,,5", "第1页/共2页,,,", "Page 1 of 2,,,"])
def test_a_sum_with_a_date_and_a_page_s_number_are_no_sale(tmp_path, foot):
    events, _, lost = read(write(tmp_path / "a.csv", f"会员号,日期,单号,金额\nA,2026-10-01,1,5\n{foot}\n"))
    assert ([customer for customer, *_ in events], lost) == (["A"], 0)


def test_a_header_that_stands_again_is_no_loss(tmp_path):
    header = "customer,date,order_id,amount\n"
    events, said, lost = read(write(tmp_path / "a.csv", f"{header}A,2026-10-01,1,5\n{header}B,2026-10-02,2,6\n"))
    assert (len(events), lost) == (2, 0)
    assert "column 'customer' is the header again (row 2: 'customer')" in said


def test_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["会员号", "日期", "金额"])
    sheet.append([17850, 46297, 12.5])
    sheet.append(["0042", "2026/10/3", "1,234.50"])
    book.save(tmp_path / "a.xlsx")
    events, said, _ = read(tmp_path / "a.xlsx")
    assert events == [("0042", 2, 1234.5), ("17850", 1, 12.5)]
    assert "sheet 'Sheet'" in said


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("订单编号,买家会员名,买家实际支付金额,订单状态,订单创建时间", '1,C,5,"卖家已发货，等待买家确认",2026-10-02'),
        ("订单号,下单时间,下单帐号,订购数量,应付金额,订单状态", "1,2026-10-02,C,1,5,完成"),
        ("订单号,下单时间,买家昵称,订单实付金额,订单状态,商品数量", "1,2026-10-02,C,5,交易完成,1"),
        ("Date,Transaction ID,Qty,Gross Sales,Net Sales,Event Type,Customer ID", "2026-10-02,1,1,6,$5.00,Payment,C"),
        ("id_order;reference;id_customer;total_paid;date_add", "1;XK;C;5.000000;2026-10-02"),
        ("Belegnr.;Belegdatum;Kundennr.;Menge;Zeilenbetrag", "1;02.10.2026;C;1;5,00"),
        ("N° client;Date commande;N° commande;Quantité;Montant TTC", "C;2026-10-02;1;1;5,00"),
    ],
)
def test_files_of_other_shops_and_tills(tmp_path, header, line):
    assert read(write(tmp_path / "a.csv", f"{header}\n{line}\n"))[0] == [("C", 1, 5)]


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        ("Dienstag, 05.03.2024", "Mittwoch, 13.03.2024", "day, month, year"),
        ("Tue 05/03/2024", "Wed 13/03/2024", "day, month, year"),
        ("Tue 03/05/2024", "Wed 03/13/2024", "month, day, year"),
        ("2024年3月5日 星期二", "2024年3月13日 星期三", None),
        ("星期二 2024年3月5日", "星期三 2024年3月13日", None),
    ],
)
def test_days_of_the_week_beside_dates_of_numbers(tmp_path, first, second, order):
    path = write(tmp_path / "a.csv", f'customer,date,amount\nC,"{first}",5\nC,"{second}",6\n')
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append)
        found = connection.execute(
            "SELECT strftime(to_timestamp(occurred_us / 1e6) AT TIME ZONE 'UTC', '%Y-%m-%d') FROM events ORDER BY 1"
        ).fetchall()
    assert [day for (day,) in found] == ["2024-03-05", "2024-03-13"]
    assert order is None or any(order in sentence for sentence in said)


def test_a_day_of_the_week_beside_a_date_of_two_readings_is_refused_as_without(tmp_path):
    with pytest.raises(UnusableTransactions, match="--date-order"):
        read(write(tmp_path / "a.csv", "customer,date,amount\nC,Tue 05/03/2024,5\n"))


@pytest.mark.parametrize(
    "foot",
    [
        "共2笔,,,30",
        "共 2 笔,,,",
        ",共2单,,30",
        ",,共2条记录,30",
        "#共2笔记录,,,",
        "笔数：2,,,30",
        "合计,,2笔,30",
        "2 rows,,,",
        "2 orders exported,,,30",
        "Row count: 2,,,30",
        "Anzahl Belege: 2,,,30",
        "导出时间：2026-10-31 10:00,,,",
        "------列表结束------,,,",
        "Exported on 2026-10-31,,,",
    ],
)
def test_a_line_below_the_sales_is_no_sale_and_no_loss(tmp_path, foot):
    text = f"会员号,下单时间,订单号,金额\n甲,2026-10-01,1,10\n乙,2026-10-02,2,20\n{foot}\n"
    events, said, lost = read(write(tmp_path / "a.csv", text))
    assert [amount for *_, amount in events] == [20, 10]
    assert (lost, "1 line is left out" in said) == (0, True)


@pytest.mark.parametrize("day", ["1970-01-01", "1900-01-01 00:00", "0001-01-01T00:00:00Z", "9999/12/31", "01.01.1900"])
@pytest.mark.parametrize("timezone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_a_date_that_stands_for_none_is_none(tmp_path, day, timezone):
    text = f"customer,date,amount\nA,2026-10-01,1\nB,13.10.2026,2\nC,{day},3\n"
    path = write(tmp_path / "a.csv", text if "." in day else text.replace("13.10.2026", "2026-10-13"))
    events, said, lost = read(path, timezone=timezone)
    assert ([amount for *_, amount in events], lost) == ([1, 2], 1)
    assert f"column 'date' says a date that stands for none (row 3: '{day}')" in said
