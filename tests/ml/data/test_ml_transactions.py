"""Files of order lines → orders and refunds."""

import json

import duckdb
import pytest

from ml.data.transactions import UnusableTransactions, guess_columns, load_orders

LINES = [
    # customer, time, order, quantity, unit price, item
    ("17850", "2026-01-05 08:26:00", "536365", 6, 2.55, "85123A"),
    ("17850", "2026-01-05 08:26:00", "536365", 2, 3.39, "71053"),
    ("17850", "2026-01-07 09:00:00", "C536379", -1, 2.55, "85123A"),
    ("顾客一", "2026-01-06 10:00:00", "订单-1", 1, 100.005, "牛奶"),
    ("", "2026-01-06 11:00:00", "536370", 1, 1.0, "22728"),
    ("0042", "2026-01-06 12:00:00", "536371", 3, 0.0, "22728"),
    ("0042", "2026-01-08 12:00:00", "536372", 3, 1.25, "22728"),
    ("0042", "2026-01-08 12:00:00", "536372", -2, 1.25, "22728"),
]
NAMES = ("Customer ID", "InvoiceDate", "Invoice", "Quantity", "Price", "StockCode")


def write_lines(path, lines=LINES, names=NAMES):
    """The lines in the format that the ending of the path asks for."""
    if path.suffix == ".ndjson":
        path.write_text("".join(json.dumps(dict(zip(names, line, strict=True))) + "\n" for line in lines))
        return path
    rows = [names, *lines]
    text = path.with_suffix(".csv")
    text.write_text("".join(",".join(str(cell) for cell in row) + "\n" for row in rows), encoding="utf-8")
    if path.suffix == ".parquet":
        duckdb.connect().execute(
            f"COPY (SELECT * FROM read_csv('{text}', types={{'Customer ID': 'VARCHAR'}})) TO '{path}'"
        )
    return path


def read(path, **options):
    """(lines left out, events by id, lines) of a file."""
    connection = duckdb.connect()
    left_out = load_orders(connection, path, source="/import/test", **options)
    cursor = connection.execute("SELECT * FROM events ORDER BY occurred_us, id")
    names = [column[0] for column in cursor.description]
    events = {row[names.index("id")]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    return left_out, events, connection.execute("SELECT * FROM lines ORDER BY ALL").fetchall()


def test_what_came_back_in_two_goes_is_two_refunds(tmp_path):
    """Else a cut-off between them would see what was not yet known."""
    lines = [
        ("1", "2026-01-05 08:00:00", "A", 3, 1.0, "x"),
        ("1", "2026-01-09 08:00:00", "A", -1, 1.0, "x"),
        ("1", "2026-01-07 08:00:00", "A", -1, 1.0, "x"),
        ("1", "2026-01-09 08:00:00", "A", -1, 1.5, "y"),
    ]
    _, events, _ = read(write_lines(tmp_path / "shop.csv", lines))
    ordered_us = events["A/2026-01-05/1"]["occurred_us"]
    days = {id_: (event["occurred_us"] - ordered_us) / 86_400e6 for id_, event in events.items()}
    assert days == {
        "A/2026-01-05/1": 0,
        "A/2026-01-05/1/return/20260107T080000": 2,
        "A/2026-01-05/1/return/20260109T080000": 4,
    }
    assert [event["amount_minor"] for event in events.values()] == [300, 100, 250]


@pytest.mark.parametrize("ending", [".csv", ".ndjson", ".parquet"])
def test_lines_become_orders_and_refunds(tmp_path, ending):
    left_out, events, lines = read(write_lines(tmp_path / f"shop{ending}"))
    assert left_out == 2, "one line without customer, one that costs nothing"
    assert len(lines) == 6
    figures = {
        id_: (event["type"], event["customer_id"], event["number"], event["amount_minor"], event["items"])
        for id_, event in events.items()
        if not id_.startswith("sha256:")
    }
    assert figures == {
        "536365/2026-01-05/17850": ("order.completed", "17850", "536365", 1530 + 678, 8),
        "C536379/2026-01-07/17850/return/20260107T090000": ("order.refunded", "17850", "C536379", 255, 1),
        "536372/2026-01-08/0042": ("order.completed", "0042", "536372", 375, 3),
        "536372/2026-01-08/0042/return/20260108T120000": ("order.refunded", "0042", "536372", 250, 2),
    }
    assert {event["source"] for event in events.values()} == {"/import/test"}


def test_ids_of_any_script_are_kept_and_named_in_ascii(tmp_path):
    """An event's id is printable ASCII for ever; the customer's and the order's stay as they are."""
    _, events, _ = read(write_lines(tmp_path / "shop.csv"))
    (chinese,) = [event for event in events.values() if event["customer_id"] == "顾客一"]
    assert (chinese["number"], chinese["amount_minor"]) == ("订单-1", 10_001)
    assert chinese["id"].isascii()
    assert len(chinese["id"]) <= 128
    long = [("C" * 200, "2026-01-05", f"O-{number}", 1, 1.0, "i") for number in range(2)]
    _, events, _ = read(write_lines(tmp_path / "long.csv", long))
    assert len(events) == 2
    assert all(len(id_) <= 128 for id_ in events)


def test_reading_again_gives_the_same(tmp_path):
    """And in another order of the lines, from another format."""
    first = read(write_lines(tmp_path / "shop.csv"))
    assert read(tmp_path / "shop.csv") == first
    assert read(write_lines(tmp_path / "turned.csv", LINES[::-1])) == first
    assert read(write_lines(tmp_path / "shop.parquet"))[1] == first[1]


def test_channels_that_differ_within_an_order_are_settled(tmp_path):
    names = ("customer_id", "timestamp", "order_id", "amount", "channel")
    lines = [("C", "2026-01-05", "O", 1, channel) for channel in ("web", "store", "app")]
    for turn in range(3):
        path = write_lines(tmp_path / f"{turn}.csv", lines[turn:] + lines[:turn], names)
        assert read(path)[1]["O/2026-01-05/C"]["channel"] == "app"


def test_amounts_of_whole_orders(tmp_path):
    """One line an order: amount instead of quantity and price, discounts, a flag for returns, no order id."""
    names = ("member_id", "date", "total", "discount", "is_return", "channel")
    lines = [
        ("M1", "2026-03-01", 19.99, 2.5, "false", "store"),
        ("M1", "2026-03-02", 5, "", "true", "web"),
        ("M2", "2026-03-02", -7.25, 0, "false", ""),
        ("M3", "2026-03-02", "n/a", 0, "false", "web"),
        ("M3", "2026-03-02", "inf", 0, "false", "web"),
        ("M3", "2026-03-02", "1e300", 0, "false", "web"),
    ]
    left_out, events, _ = read(write_lines(tmp_path / "orders.csv", lines, names))
    assert left_out == 3
    assert {
        id_: (event["type"], event["amount_minor"], event["discount_minor"], event["items"], event["channel"])
        for id_, event in events.items()
    } == {
        "20260301T000000/M1": ("order.completed", 1999, 250, 1, "store"),
        "20260302T000000/M1/return/20260302T000000": ("order.refunded", 500, 0, 1, "web"),
        "20260302T000000/M2/return/20260302T000000": ("order.refunded", 725, 0, 1, None),
    }


def test_minor_units_follow_the_currency(tmp_path):
    path = write_lines(tmp_path / "a.csv", [("C", "2026-01-01", 1234)], ("customer", "date", "amount"))
    amounts = {
        currency: next(iter(read(path, currency=currency)[1].values()))["amount_minor"]
        for currency in ("CNY", "JPY", "KWD")
    }
    assert amounts == {"CNY": 123_400, "JPY": 1234, "KWD": 1_234_000}


@pytest.mark.parametrize(
    ("written", "timezone", "hour_utc"),
    [
        ("2026-01-05 10:00:00", "UTC", 10),
        ("2026-01-05 10:00:00", "Asia/Shanghai", 2),
        ("2026-01-05T10:00:00+08:00", "UTC", 2),
        ("2026-01-05T10:00:00Z", "Asia/Shanghai", 10),
    ],
)
def test_times_without_a_zone_are_local(tmp_path, written, timezone, hour_utc):
    names = ("customer_id", "timestamp", "amount")
    for ending in (".csv", ".ndjson"):
        path = write_lines(tmp_path / f"a{ending}", [("C", written, 1)], names)
        (event,) = read(path, timezone=timezone)[1].values()
        assert event["occurred_us"] == 1_767_571_200_000_000 + hour_utc * 3_600_000_000


def test_ids_that_were_stored_as_floats(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.connect().execute(
        f"""COPY (SELECT 17850.0::DOUBLE AS customer_id, TIMESTAMP '2026-01-01' AS timestamp, 5 AS amount,
        '7.0' AS order_id) TO '{path}'"""
    )
    assert list(read(path)[1]) == ["7/2026-01-01/17850"]


def test_chosen_columns_overrule_guesses(tmp_path):
    names = ("customer_id", "card", "timestamp", "amount", "net")
    path = write_lines(tmp_path / "a.csv", [("C", "K", "2026-01-01", 5, 4)], names)
    (event,) = read(path, customer_id="card", amount="net")[1].values()
    assert (event["customer_id"], event["amount_minor"]) == ("K", 400)


@pytest.mark.parametrize(
    ("names", "chosen", "sentence"),
    [
        (["a", "b"], {}, "no column for amount, or quantity and unit_price; customer_id; timestamp"),
        (["customer_id", "date", "quantity"], {}, "no column for amount, or quantity and unit_price;"),
        (["date", "amount"], {}, "no column for customer_id; the file has date, amount"),
        (["customer_id", "date", "amount"], {"amount": "x"}, "there is no column 'x'"),
    ],
)
def test_missing_columns_are_named(names, chosen, sentence):
    with pytest.raises(UnusableTransactions, match=sentence):
        guess_columns(names, **chosen)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.docx", "x", "the ending is none of"),
        ("a.xlsx", "x", "a.xlsx is no workbook that can be read: save it as"),
        ("a.parquet", "PAR1 this is not parquet", "a.parquet is no Parquet that can be read"),
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "customer_id,date,amount\n", "a.csv has no lines"),
        ("a.csv", "customer_id,date,amount\nC,soon,5\nC,later,6\n", "column 'date' has no time like"),
        ("a.csv", "customer_id,date,amount\n,2026-01-01,5\n,2026-01-02,6\n", "names no customer"),
        ("a.csv", "customer_id,date,amount\nC,2026-01-01,gratis\n", "an amount that can be used"),
        ("a.csv", "customer_id,date,quantity,price\nC,2026-01-01,2,0\n", "an amount that can be used"),
    ],
)
def test_files_that_cannot_be_used_say_why(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UnusableTransactions, match=sentence):
        read(path)


def test_an_order_of_nothing_is_a_purchase(tmp_path):
    """All of it paid by vouchers; a line without a price is a give-away, and none."""
    receipts, lines = tmp_path / "receipts.csv", tmp_path / "lines.csv"
    receipts.write_text("customer_id,date,order_id,amount\nC,2026-01-01,1,0\nC,2026-01-02,2,5\n")
    lines.write_text("customer_id,date,order_id,quantity,price\nC,2026-01-01,1,1,0\nC,2026-01-02,2,1,5\n")
    assert [event["amount_minor"] for event in read(receipts)[1].values()] == [0, 500]
    assert [event["amount_minor"] for event in read(lines)[1].values()] == [500]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UnusableTransactions, match=r"nowhere\.csv cannot be read"):
        read(tmp_path / "nowhere.csv")


def test_a_zone_that_does_not_exist(tmp_path):
    with pytest.raises(UnusableTransactions, match="Mars/Base"):
        read(write_lines(tmp_path / "shop.csv"), timezone="Mars/Base")
