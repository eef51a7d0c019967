"""Files of text in the encoding that they were saved in → UTF-8, which DuckDB reads."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from charset_normalizer import from_bytes

from ml.data.alphabets import fitting
from ml.data.columns import CountKnown, UnusableTransactions, known_names
from ml.data.unreadable import open_bytes, read_start, refuse_foreign

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
_OF_A_BYTE: Final = ("cp1252", "cp1251", "cp1250")
"""Those in which a name may be the same."""
_CONTROLS: Final = tuple(bytes([code]) for code in range(32) if code not in (0, 9, 10, 12, 13, 26, 27))
_ZERO_SHARE: Final = 0.1
_CONTROL_SHARE: Final = 0.02
"""Of a text in a legacy encoding; of random bytes a tenth are control characters."""
_ALONE: Final = re.compile(rb"\r(?!\n|$)")
_UTF_8: Final = ("utf-8", "utf-8-sig")


@contextmanager
def as_utf8(
    path: Path, encoding: str | None = None, count_known: CountKnown = known_names
) -> Iterator[tuple[Path, list[str]]]:
    """(A file with the same text in UTF-8, what was done to it): the file itself, if it is UTF-8 in good order.

    Raises UnusableTransactions for what is no text, one whose encoding cannot be told, or is not `encoding`.
    """
    start = read_start(path, _SAMPLE)
    refuse_foreign(path, start)
    found = _checked(path, encoding) if encoding else tell_encoding(path, start, count_known)
    notes = [] if found == "utf-8" else [f"Read as {found.upper()}."]
    if found in _UTF_8 and not (mending := _mend(start)):
        yield path, notes
        return
    mending = _mend(start) if found in _UTF_8 else []
    with TemporaryDirectory(prefix="perennial-") as directory:
        copy = Path(directory, path.name.removesuffix(".gz"))
        _transcode(path, found, copy, is_mended=bool(mending))
        yield copy, [*notes, *mending]


def _mend(start: bytes) -> list[str]:
    """What has to be mended of a text before it can be split into lines, in sentences."""
    found = []
    if b"\0" in start:
        line = start[: start.index(b"\0")].count(b"\n") + 1
        found.append(f"Zero bytes (the first in line {line:,}) are left out.")
    if b"\n" in start and _ALONE.search(start):
        found.append("Line ends are mixed, and are read as they are meant.")
    return found


def tell_encoding(path: Path, start: bytes, count_known: CountKnown = known_names) -> str:
    """By its mark, by being valid UTF-8, by the names of columns that it makes, else by its letters."""
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked and _decodes(path, marked):
        return marked
    zeros = start.count(b"\0")
    if zeros > _ZERO_SHARE * len(start):
        wide = "utf-16-le" if start[1::2].count(0) >= start[0::2].count(0) else "utf-16-be"
        if not _decodes(path, wide):
            raise _no_text(path)
        return wide
    if _decodes(path, "utf-8"):
        if sum(start.count(byte) for byte in _CONTROLS) > _ZERO_SHARE * len(start):
            raise _no_text(path)
        return "utf-8"
    if sum(start.count(byte) for byte in _CONTROLS) + zeros > _CONTROL_SHARE * len(start):
        raise _no_text(path)
    return _by_names(path, start, count_known) or _by_letters(path, start)


def _no_text(path: Path) -> UnusableTransactions:
    return UnusableTransactions(f"{path.name} is no text, but data of some program: export it as CSV or .xlsx")


def _by_names(path: Path, start: bytes, count_known: CountKnown) -> str | None:
    """The encoding in which the most names of columns are known, more than in ASCII alone.

    Of several that of one language's letters: `ó` is the same in all of them.
    """
    header = start.partition(b"\n")[0]
    counts = {encoding: count_known(_names(header.decode(encoding, "replace"))) for encoding in _UNMARKED}
    best = max(counts, key=lambda encoding: counts[encoding])
    plain = count_known(_names(header.decode("ascii", "ignore")))
    if counts[best] <= plain:
        return None
    alike = [
        encoding for encoding in fitting(start) if counts.get(encoding) == counts[best] and _decodes(path, encoding)
    ]
    if alike and best in _OF_A_BYTE:
        return alike[0]
    return best if _decodes(path, best) else None


def _by_letters(path: Path, start: bytes) -> str:
    """By the letters of Europe's languages; where none has them all, by how often they stand together."""
    whole = start[: start.rfind(b"\n") + 1] or start
    for encoding in fitting(whole):
        if _decodes(path, encoding):
            return encoding
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
    with open_bytes(path) as file:
        try:
            while part := file.read(_PART):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _transcode(path: Path, encoding: str, copy: Path, *, is_mended: bool) -> None:
    """Writes it as UTF-8; mended, without zero bytes and with one kind of line ends."""
    with open_bytes(path) as file, copy.open("w", encoding="utf-8", newline="") as written:
        reader = io.TextIOWrapper(file, encoding=encoding, newline=None if is_mended else "")
        while part := reader.read(_PART):
            written.write(part.replace("\0", "") if is_mended else part)
