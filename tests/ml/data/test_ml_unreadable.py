"""Files that cannot be read say which line, which column and what to do; those that can be mended are, and say so."""

import gzip
import random

import duckdb
import openpyxl
import pytest

from ml.data.leavings import count_lost
from ml.data.transactions import Reading, UnusableTransactions, load_orders

HEADER = "customer,date,amount\n"
LINES = HEADER + "A,2026-10-01,5\nB,2026-10-02,6\n"


def read(path, **reading):
    """({customer: amount}, what was said, lines lost)."""
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, reading=Reading(**reading))
        rows = connection.execute("SELECT customer_id, amount_minor / 100 FROM events").fetchall()
        return dict(rows), " ".join(said), count_lost(connection)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "a.csv is empty: export it again"),
        ("a.csv", b"\xef\xbb\xbf \r\n\r\n", "a.csv is empty"),
        ("a.csv", HEADER, "a.csv has no lines"),
        ("a.csv", random.Random(0).randbytes(4000), "a.csv is no text, but data of some program"),
        ("a.csv", b"%PDF-1.4\n1 0 obj\n", "a.csv is a PDF: export the table itself"),
        ("a.csv", b"PK\x03\x04" + bytes(200), "name it .xlsx"),
        ("a.csv", b"\xd0\xcf\x11\xe0" + bytes(200), "name it .xls"),
        ("a.csv", gzip.compress(LINES.encode(), mtime=0), "name it .csv.gz"),
        ("a.csv", "<html><table><tr><td>customer", "is a web page or XML"),
        ("a.csv", '[{"customer": "A"}]', "is JSON: name it .json"),
        ("a.csv.gz", LINES, "is not packed by gzip"),
        ("a.csv.gz", gzip.compress(LINES.encode() * 99, mtime=0)[:60], "was cut off"),
        ("a.xlsx", b"%PDF-1.4\n", "is a PDF that is named as a workbook"),
        ("a.xls", "<html><table>", "is a web page that is named as a workbook"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "is no workbook that can be read: save it as"),
        ("a.parquet", b"PAR1xx", "is no Parquet that can be read: export it again"),
        ("a.ndjson", '{"customer": "A", "date": "2026-10-01", "amount": 5}\n{bad\n', "a.ndjson, line 2: it is no JSON"),
        ("a.json", "[{bad", "a.json is no JSON that can be read"),
        ("a.csv", LINES + '"C,2026-10-03,7\nD,2026-10-04,8\n', "a.csv, line 4, column 1: a quotation mark is opened"),
        ("a.csv", LINES + 'C,"2026-10-03,7\nD,2026-10-04,8\n', "a.csv, line 4, column 2: a quotation mark is opened"),
        ("a.csv", LINES + "x" * 10_000_001 + ",2026-10-01,5\n", "a.csv, line 4: it is longer than 10 MB"),
        ("a.csv", "A,2026-10-01,5\nB,2026-10-02,6\n", "Its first line is data: put the names of the columns above it"),
        ("a.csv", "who,when,how_much\nA,2026-10-01,5\n", "Name it with --customer-id, --timestamp"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(tmp_path, name, content, sentence):
    with pytest.raises(UnusableTransactions) as refused:
        read(write(tmp_path / name, content))
    assert sentence in str(refused.value)
    assert "Error" not in str(refused.value), "a library's word"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LINES.replace("A,", "\ufeffA,"), ""),
        (LINES.replace("A,", "\0A\0,"), "Zero bytes (the first in line 2) are left out"),
        (LINES.replace("A,", '"A",').replace("5\n", "5\r"), "Line ends are mixed"),
        (LINES.replace("\n", "\r"), ""),
        (LINES.replace("\n", "\r\n"), ""),
        ("Sales of October\n\n" + LINES, "The first 2 lines are passed over: the header is line 3"),
        ("Report;;\nfrom 1 to 31;;\n" + LINES.replace(",", ";"), "The first 2 lines are passed over"),
        (LINES + "\n\n,,\n", "it is empty"),
        (LINES + "合计,,11\n", "it stands under others as their sum"),
        (LINES + "Total:,,11\n", "it stands under others as their sum"),
        (LINES.replace("\n", ",\n"), ""),
        (LINES.replace("amount\n", "amount,,\n").replace("5\n", "5,x,\n").replace("6\n", "6,,\n"), ""),
        (
            LINES.replace("amount\n", "amount,amount\n").replace("5\n", "5,7\n").replace("6\n", "6,8\n"),
            "Column 'amount' stands several times: the first is taken, 'amount_1' is the second",
        ),
    ],
)
def test_what_can_be_mended_is_read_whole_and_told(tmp_path, content, told):
    amounts, said, lost = read(write(tmp_path / "a.csv", content))
    assert amounts == {"A": 5, "B": 6}
    assert told in said
    assert lost == 0


def test_a_text_that_is_named_as_a_workbook_is_read_as_what_it_is(tmp_path):
    amounts, said, _ = read(write(tmp_path / "a.xls", LINES.replace(",", "\t").encode("utf-16")))
    assert amounts == {"A": 5, "B": 6}
    assert "a.xls is no workbook, but a text" in said


def test_json_of_one_array(tmp_path):
    rows = (
        '[{"customer": "A", "date": "2026-10-01", "amount": 5}, {"customer": "B", "date": "2026-10-02", "amount": 6}]'
    )
    assert read(write(tmp_path / "a.json", rows))[0] == {"A": 5, "B": 6}


SHEETS: dict[str, list[list[object]]] = {
    "Notes": [["Made by", "Ann"], ["on", "Monday"]],
    "Sales": [["Report", "October"], ["customer", "date", "amount"], ["A", "2026-10-01", 5]],
    "Other": [["customer", "date", "total"], ["B", "2026-10-01", 6]],
}


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in SHEETS.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_of_a_workbook_the_sheet_of_orders_is_read_below_what_stands_above_it(workbook):
    amounts, said, _ = read(workbook)
    assert amounts == {"A": 5}
    assert "Read from sheet 'Sales'; not read: 'Notes', 'Other' (--sheet names another)" in said


@pytest.mark.parametrize(
    ("second", "amounts"),
    [([["B", "2026-11-01", 6]], {"A": 5, "B": 6}), ([["B", "2026-11-01", 6], ["A", "2026-10-01", 5]], {"A": 5})],
)
def test_sheets_of_the_same_columns_are_read_together_but_for_copies(tmp_path, second, amounts):
    book = openpyxl.Workbook()
    header = ["customer", "date", "amount"]
    for name, rows in {"October": [["A", "2026-10-01", 5]], "November": second}.items():
        sheet = book.create_sheet(name)
        for row in (header, *rows):
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found, said, _ = read(tmp_path / "a.xlsx")
    assert found == amounts
    assert ("Read from sheets 'October', 'November'" in said) == (len(amounts) == 2)


def test_a_workbook_is_read_by_what_it_holds_not_by_its_name(workbook):
    assert read(workbook.rename(workbook.with_suffix(".xls")))[0] == {"A": 5}


def test_another_sheet_is_named(workbook):
    assert read(workbook, sheet="Other")[0] == {"B": 6}
    with pytest.raises(UnusableTransactions, match="has no sheet 'Nowhere'; it has 'Notes', 'Sales', 'Other'"):
        read(workbook, sheet="Nowhere")
