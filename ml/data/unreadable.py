"""Why a file cannot be read: the line, the column and what to do, in sentences of our own."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import orjson

from ml.data.columns import UnusableTransactions

MOST_BYTES: Final = 10_000_000
"""Of one line."""
_MAGIC: Final = (
    (b"%PDF", "is a PDF: export the table itself as CSV or .xlsx"),
    (b"PK\x03\x04", "is a workbook or a ZIP archive: name it .xlsx, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "is a workbook of Excel: name it .xls"),
    (b"\x1f\x8b", "is packed by gzip: name it .csv.gz"),
    (b"PAR1", "is Parquet: name it .parquet"),
    (b"\x89PNG", "is a picture: export the table itself as CSV or .xlsx"),
    (b"\xff\xd8\xff", "is a picture: export the table itself as CSV or .xlsx"),
    (b"SQLite format 3", "is a database: export the table itself as CSV"),
)
_HTML: Final = re.compile(rb"^\s*<(!doctype|html|table|\?xml|head|body|meta|style)", re.IGNORECASE)
_JSON: Final = re.compile(rb'^\s*(\[\s*[{\[]|\{\s*")')
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_PART: Final = 1 << 16


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in .gz."""
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def read_start(path: Path, size: int) -> bytes:
    """The first bytes of a file. Raises UnusableTransactions where it cannot be read, or is empty."""
    try:
        with open_bytes(path) as file:
            start = file.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnusableTransactions(
            f"{path.name} is not packed by gzip, or was cut off: unpack it, and name it .csv"
        ) from error
    except OSError as error:
        raise UnusableTransactions(f"{path.name} cannot be read: {error.strerror or 'it is broken'}") from error
    if not start.strip(codecs.BOM_UTF8 + b" \t\r\n"):
        raise UnusableTransactions(f"{path.name} is empty: export it again")
    return start


def refuse_foreign(path: Path, start: bytes) -> None:
    """Raises UnusableTransactions for what is no text at all, by its first bytes."""
    found = next((sentence for magic, sentence in _MAGIC if start.startswith(magic)), None)
    if found is None and _HTML.match(start.removeprefix(codecs.BOM_UTF8)):
        found = "is a web page or XML: open it in a spreadsheet, and save it as .xlsx or CSV"
    if found is None and _JSON.match(start.removeprefix(codecs.BOM_UTF8)):
        found = "is JSON: name it .json, or .ndjson where each line is an object"
    if found:
        raise UnusableTransactions(f"{path.name} {found}")


def is_text(start: bytes) -> bool:
    """Whether a file that is named as a workbook may be a text all the same."""
    known = any(start.startswith(magic) for magic, _ in _MAGIC)
    is_utf_16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    is_parted = any(sign in start.partition(b"\n")[0] for sign in (b"\t", b",", b";"))
    return is_parted and not known and not _HTML.match(start) and (is_utf_16 or b"\0" not in start)


def explain_workbook(path: Path, start: bytes) -> str:
    """Why a workbook cannot be opened."""
    if start.startswith(b"\xd0\xcf\x11\xe0") and _holds(path, _ENCRYPTED):
        return f"{path.name} is protected by a password: save it without one"
    if _HTML.match(start):
        return f"{path.name} is a web page that is named as a workbook: open it in a spreadsheet, and save it as .xlsx"
    if start.startswith(b"%PDF"):
        return f"{path.name} is a PDF that is named as a workbook: export the table itself as .xlsx or CSV"
    return f"{path.name} is no workbook that can be read: save it as .xlsx or .csv"


def _holds(path: Path, sought: bytes) -> bool:
    return sought in path.read_bytes()[: 1 << 24]


def explain_text(path: Path, name: str, separator: str) -> str:
    """Why a text (of UTF-8) cannot be split into lines and columns, by looking through it."""
    for number, text in _lines(path):
        if len(text) >= MOST_BYTES:
            return (
                f"{name}, line {number:,}: it is longer than {MOST_BYTES // 1_000_000} MB: take it out, or close the "
                "quotation mark that is open before it"
            )
    opened = _find_open_quote(path, separator.encode())
    if opened:
        line, column = opened
        return (
            f"{name}, line {line:,}, column {column:,}: a quotation mark is opened there and never closed: close it, "
            "or double it where it belongs to the text"
        )
    return f"{name} cannot be split into lines and columns: save it as 'CSV UTF-8', or as .xlsx"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; of a long one no more than MOST_BYTES at once."""
    number = 0
    with open_bytes(path) as file:
        while line := file.readline(MOST_BYTES):
            number += 1
            yield number, line
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_BYTES)


def _find_open_quote(path: Path, separator: bytes) -> tuple[int, int] | None:
    """(Line, column) of the quotation mark that is open at the end."""
    where: tuple[int, int] | None = None
    for number, line in _lines(path):
        column, at, size = 1, 0, len(line)
        while at < size:
            if where is not None:
                at = line.find(b'"', at)
                if at < 0:
                    break
                if line[at + 1 : at + 2] == b'"':
                    at += 2
                    continue
                where, at = None, at + 1
            elif line[at : at + 1] == b'"' and (at == 0 or line[at - 1 : at] == separator):
                where, at = (number, column), at + 1
            else:
                column += line[at : at + 1] == separator
                at += 1
    return where


def explain_json(path: Path) -> str:
    """Why JSON cannot be read: of NDJSON the line."""
    remedy = "correct it or take it out, or export the file again"
    if ".json" in path.name.lower()[-8:] and not path.name.lower().endswith((".jsonl.gz", ".ndjson.gz", ".ndjson")):
        return f"{path.name} is no JSON that can be read: {remedy}"
    for number, line in _lines(path):
        try:
            orjson.loads(line) if line.strip() else None
        except orjson.JSONDecodeError:
            return f"{path.name}, line {number:,}: it is no JSON: {remedy}"
    return f"{path.name}: its lines are no objects of JSON: {remedy}"
