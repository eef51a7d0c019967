"""Workbooks (.xlsx, .xls, .ods) → one sheet as CSV, with others of the same columns behind it: a sheet a month, say."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ml.data.columns import CountKnown, UnusableTransactions, known_names

_HEADER_WITHIN = 30


def write_sheet(path: Path, copy: Path, wanted: str | None, refusal: str, count_known: CountKnown = known_names) -> str:
    """Writes the sheet that has the most names of columns that are known, the first of these, as CSV; or `wanted`.

    Sheets of the very same columns come with it, unless they have a line of it too: then one is a copy.
    Returns a sentence that names what is read. Raises UnusableTransactions, with `refusal` where it is no workbook.
    """
    sheets = _read_sheets(path, refusal)
    filled = {name: rows for name, rows in sheets.items() if rows}
    if wanted is not None and wanted not in sheets:
        raise UnusableTransactions(f"{path.name} has no sheet {wanted!r}; it has {', '.join(map(repr, sheets))}")
    if not filled or (wanted is not None and wanted not in filled):
        raise UnusableTransactions(f"{path.name} has no lines.")
    name = wanted or max(filled, key=lambda each: _count_most(filled[each], count_known))
    tables = {each: _table(filled[each], count_known) for each in (filled if wanted is None else [name])}
    read = _alike(tables, name)
    with copy.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(tables[name][0])
        for each in read:
            csv.writer(file).writerows(tables[each][1:])
    others = [repr(each) for each in filled if each not in read]
    more = f"; not read: {', '.join(others)} (--sheet names another)" if others else ""
    return f"Read from sheet{'s' * (len(read) > 1)} {', '.join(map(repr, read))}{more}."


def _alike(tables: Mapping[str, list[list[str]]], name: str) -> list[str]:
    """The sheet and those of the same columns that have no line of what is read already, in their order."""
    lines = {name: set(map(tuple, tables[name][1:]))}
    for each, table in tables.items():
        found = set(map(tuple, table[1:]))
        if each != name and table[0] == tables[name][0] and all(found.isdisjoint(read) for read in lines.values()):
            lines[each] = found
    return [each for each in tables if each in lines]


def _table(rows: Sequence[Sequence[Any]], count_known: CountKnown) -> list[list[str]]:
    """The header and what is below it, as texts, without the columns at its end in which nothing stands."""
    table = [[_cell(cell) for cell in row] for row in rows[_find_header(rows, count_known) :]]
    width = max(place + 1 for row in table for place, cell in enumerate(row) if cell)
    return [row[:width] for row in table]


def _read_sheets(path: Path, refusal: str) -> Mapping[str, list[list[Any]]]:
    """Name → rows that have more than one cell."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with path.open("rb") as file:  # by what it holds: one may be named as another form
            workbook = CalamineWorkbook.from_filelike(file)
        sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names}
    except (CalamineError, OSError) as error:
        raise UnusableTransactions(refusal) from error
    return {name: [row for row in rows if sum(cell != "" for cell in row) > 1] for name, rows in sheets.items()}


def _count_most(rows: Sequence[Sequence[Any]], count_known: CountKnown) -> int:
    return max(count_known([_cell(cell) for cell in row]) for row in rows[:_HEADER_WITHIN])


def _find_header(rows: Sequence[Sequence[Any]], count_known: CountKnown) -> int:
    """The first row, unless it has no names that are known and one below it has."""
    known = [count_known([_cell(cell) for cell in row]) for row in rows[:_HEADER_WITHIN]]
    return known.index(max(known)) if max(known) > 1 and known[0] < 2 else 0


def _cell(value: Any) -> str:
    """A cell as text: a whole number without its `.0`, a time as ISO 8601."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)
