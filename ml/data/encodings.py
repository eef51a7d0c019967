"""Files of text in the encoding that they were saved in → UTF-8, which DuckDB reads."""

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from charset_normalizer import from_bytes

from ml.data.columns import UnusableTransactions, known_names

_PART: Final = 1 << 20
_SAMPLE: Final = 1 << 18
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED: Final = ("gb18030", "big5", "cp932", "cp949", "cp1252", "cp1251", "cp1250")
"""What spreadsheets save without a mark, the likeliest first."""
_UTF_8: Final = ("utf-8", "utf-8-sig")


@contextmanager
def as_utf8(path: Path, encoding: str | None = None) -> Iterator[tuple[Path, str]]:
    """(A file with the same text in UTF-8, the encoding it was in): the file itself, if it is UTF-8.

    Raises UnusableTransactions for one whose encoding cannot be told, or is not `encoding`.
    """
    try:
        found = _checked(path, encoding) if encoding else tell_encoding(path)
        if found in _UTF_8:
            yield path, found
            return
        with TemporaryDirectory(prefix="perennial-") as directory:
            copy = Path(directory, path.name.removesuffix(".gz"))
            _transcode(path, found, copy)
            yield copy, found
    except OSError as error:
        raise UnusableTransactions(f"{path.name} cannot be read: {error.strerror or error}") from error


def tell_encoding(path: Path) -> str:
    """By its mark, by being valid UTF-8, by the names of columns that it makes, else by its letters."""
    with _open(path) as file:
        start = file.read(_SAMPLE)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked and _decodes(path, marked):
        return marked
    if b"\0" in start[:200]:
        return "utf-16-le" if start[1:200:2].count(0) >= start[0:200:2].count(0) else "utf-16-be"
    if _decodes(path, "utf-8"):
        return "utf-8"
    return _by_names(path, start) or _by_letters(path, start)


def _by_names(path: Path, start: bytes) -> str | None:
    """The encoding in which the most names of columns are known, more than in ASCII alone."""
    header = start.partition(b"\n")[0]
    counts = {encoding: known_names(_names(header.decode(encoding, "replace"))) for encoding in _UNMARKED}
    best = max(counts, key=lambda encoding: counts[encoding])
    plain = known_names(_names(header.decode("ascii", "ignore")))
    return best if counts[best] > plain and _decodes(path, best) else None


def _by_letters(path: Path, start: bytes) -> str:
    whole = start[: start.rfind(b"\n") + 1] or start
    match = from_bytes(whole, cp_isolation=list(_UNMARKED)).best()
    if match is None or not _decodes(path, match.encoding):
        raise UnusableTransactions(
            f"{path.name} is not UTF-8, and its encoding cannot be told: name it with --encoding (GB18030, cp1252 …), "
            "or save the file as 'CSV UTF-8'"
        )
    return match.encoding


def _names(header: str) -> list[str]:
    separator = max(",;\t|", key=header.count)
    return next(csv.reader([header.strip()], delimiter=separator), [])


def _checked(path: Path, encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UnusableTransactions(f"there is no encoding {encoding!r}; GB18030, UTF-16, cp1252 are some") from None
    if not _decodes(path, name):
        raise UnusableTransactions(f"{path.name} is not in {encoding}: leave --encoding out to have it told")
    return name


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with _open(path) as file:
        try:
            while part := file.read(_PART):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _transcode(path: Path, encoding: str, copy: Path) -> None:
    with _open(path) as file, copy.open("w", encoding="utf-8", newline="") as written:
        reader = io.TextIOWrapper(file, encoding=encoding, newline="")
        while part := reader.read(_PART):
            written.write(part)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]
