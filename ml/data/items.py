"""A retailer's file of items → items as `PUT /v1/items` takes them.

Read as files of orders are: any encoding, separator, sheet, sign of decimals and order of dates. JSON of the form of
the API is taken as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from app.foundation.errors import Problem
from app.foundation.times import iso
from app.http.strict_json import clean_texts, read_json
from app.items.schemas import ItemIn
from ml.data.columns import UnusableTransactions
from ml.data.item_columns import count_known_items, guess_item_columns
from ml.data.item_words import is_stocked, split_tags, tell_category_sign, tell_shown, yes_or_no
from ml.data.moments import moment_sql, tell_date_order
from ml.data.numbers import number_sql, tell_decimal_sign
from ml.data.reading import Source, load_raw, open_source
from ml.data.transactions import set_zone
from ml.data.unreadable import open_bytes

Say = Callable[[str], None]
_JSON: Final = (".json", ".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_NUMBERS: Final = ("price", "cost", "margin")
_TIMES: Final = ("valid_from", "valid_to")
_DAY_US: Final = 86_400_000_000
_CLOCK: Final = re.compile("[:：时点]")
_DIGITS_OF_DAY: Final = 8
"""More are seconds since 1970."""
_CHINESE: Final = re.compile("[\u3400-\u9fff]")
_OF_PRODUCT: Final = ("title", "title_en", "title_zh", "category", "category_2", "category_3", "brand", "tags")


@dataclass(frozen=True, slots=True)
class ItemReading:
    """How a file of items is read where it is told wrongly. `columns`: meaning → name."""

    encoding: str | None = None
    sheet: str | None = None
    decimal_sign: str | None = None
    date_order: str | None = None
    category_sign: str | None = None
    timezone: str = "UTC"
    columns: Mapping[str, str] = field(default_factory=dict)


def read_items(path: Path, reading: ItemReading, say: Say) -> list[Any]:
    """The items of a file, as they are put. Says what each column is taken for. Raises UnusableTransactions."""
    if path.name.lower().endswith(_JSON) and (written := _read_written(path, reading.encoding)) is not None:
        return written
    with (
        duckdb.connect() as connection,
        open_source(path, reading.encoding, reading.sheet, count_known_items) as source,
    ):
        try:
            names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()]
            found = guess_item_columns(names, reading.columns)
            for sentence in source.notes:
                say(sentence)
            say(f"Columns: {', '.join(f'{meaning} = {name!r}' for meaning, name in found.items())}.")
            types = load_raw(connection, source, found)
        except duckdb.Error as error:
            raise UnusableTransactions(source.explain(error)) from error
        rows = _read_rows(connection, source, found, types, reading, say)
    return _merge_stores(list(_make_items(rows, found, reading, say)))


def _read_written(path: Path, encoding: str | None) -> list[Any] | None:
    """Items that are written in the form of the API; None: they are not."""
    with open_bytes(path) as file:
        body = file.read()
    try:
        body = body.decode(encoding or "utf-8-sig").encode()
        if path.name.lower().endswith(".json"):
            value = read_json(body)
            value = value.get("items", [value]) if isinstance(value, dict) else value
        else:
            value = [read_json(line) for line in body.splitlines() if line.strip()]
    except (Problem, LookupError, UnicodeError):
        return None
    is_written = isinstance(value, list) and bool(value) and all(map(_is_written, value[:100]))
    return value if is_written else None


def _is_written(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "item_id" in value
        and value.keys() <= ItemIn.model_fields.keys()
        and isinstance(value.get("title", {}), dict)
    )


def _read_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    found: Mapping[str, str],
    types: Mapping[str, str],
    reading: ItemReading,
    say: Say,
) -> list[dict[str, Any]]:
    """Rows by meaning, as `_expression` has them; None where nothing is said."""
    texts = {meaning: found[meaning] for meaning in _NUMBERS if types.get(meaning) == "VARCHAR"}
    decimal, told = reading.decimal_sign or ".", list[str]()
    if texts and reading.decimal_sign is None:
        decimal, sentences = tell_decimal_sign(connection, texts, source.separator)
        told += sentences
    order = _tell_order(connection, found, types, reading, told)
    for sentence in told:
        say(sentence)
    set_zone(connection, reading.timezone)
    columns = [_expression(meaning, types[meaning], decimal, order) for meaning in found]
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM raw").fetchall()
    return [dict(zip(found, row, strict=True)) for row in rows]


def _tell_order(
    connection: duckdb.DuckDBPyConnection,
    found: Mapping[str, str],
    types: Mapping[str, str],
    reading: ItemReading,
    told: list[str],
) -> str | None:
    """The order of the parts of dates, told by both columns together."""
    texts = [meaning for meaning in _TIMES if types.get(meaning) == "VARCHAR"]
    if not texts:
        return None
    connection.execute("ALTER TABLE raw RENAME TO items_raw")
    both = " UNION ALL ".join(f"SELECT {meaning} AS timestamp FROM items_raw" for meaning in texts)
    connection.execute(f"CREATE TEMP TABLE raw AS {both}")
    order, sentences = tell_date_order(connection, found[texts[0]], reading.date_order)
    told += sentences
    connection.execute("DROP TABLE raw")
    connection.execute("ALTER TABLE items_raw RENAME TO raw")
    return order


def _expression(meaning: str, kind: str, decimal: str, order: str | None) -> str:
    """SQL of one column. A number or a time is a pair of texts: what it was read as, and what was written."""
    text = f"nullif(trim(CAST({meaning} AS VARCHAR)), '')"
    if meaning in _NUMBERS and kind == "VARCHAR":
        bare = f"replace(replace({text}, '%', ''), '％', '')"
        return f"[coalesce(CAST({number_sql(bare, decimal)} AS VARCHAR), {text}), {text}]"
    if meaning in _NUMBERS:
        return f"[CAST(CAST({meaning} AS DOUBLE) AS VARCHAR), {text}]"
    if meaning in _TIMES:
        return f"[CAST(epoch_us({moment_sql(meaning, kind, order)}) AS VARCHAR), {text}]"
    return text


def _make_items(
    rows: Sequence[dict[str, Any]], found: Mapping[str, str], reading: ItemReading, say: Say
) -> Iterator[dict[str, Any]]:
    """An item a row that has an id."""
    sign = reading.category_sign or tell_category_sign([row.get("category") for row in rows])
    if sign and "category" in found:
        say(f"The levels of column {found['category']!r} are parted at {sign!r}.")
    are_percent = _are_percent(rows)
    if are_percent:
        say(f"Column {found['margin']!r} has numbers beyond 1: they are percent.")
    before: dict[str, Any] = {}
    nameless = 0
    for row in rows:
        if row["item_id"] is None:
            nameless += 1
            continue
        filled = _fill_in(row, before)
        yield clean_texts(_make_item(filled, sign, 0.01 if are_percent else 1.0))
        before = filled
    if nameless:
        say(f"{nameless:,} line{' is' if nameless == 1 else 's are'} left out: without an item_id.")


def _fill_in(row: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A row of a product's further pack says no title of its own: it is the one above."""
    pack = row.get("pack_of")
    if (
        pack is None
        or pack != before.get("pack_of")
        or any(row.get(name) for name in ("title", "title_en", "title_zh"))
    ):
        return row
    return {**row, **{name: before[name] for name in _OF_PRODUCT if row.get(name) is None and before.get(name)}}


def _are_percent(rows: Sequence[dict[str, Any]]) -> bool:
    said = [row["margin"] for row in rows if row.get("margin") and row["margin"][0] is not None]
    numbers = [_number(each) for each in said if "%" not in each[1] and "％" not in each[1]]
    return any(isinstance(number, float) and abs(number) > 1 for number in numbers)


def _make_item(row: dict[str, Any], sign: str | None, margin_unit: float) -> dict[str, Any]:
    """Of a row. What cannot be read stays the text that it is, which is refused when the item is admitted."""
    item = {
        "item_id": row["item_id"],
        "title": _titles(row),
        "category": _category(row, sign),
        "brand": row.get("brand"),
        "price": _number(row.get("price")),
        "margin": _margin(row, margin_unit),
        "valid_from": _moment(row.get("valid_from"), is_end=False),
        "valid_to": _moment(row.get("valid_to"), is_end=True),
        "tags": split_tags(row.get("tags")),
        "hidden": _is_hidden(row),
        "substitute_of": row.get("substitute_of"),
        "pack_of": row.get("pack_of"),
    }
    said = {name: value for name, value in item.items() if value not in (None, [], {}, False)}
    if (word := row.get("in_stock")) is not None:
        known = is_stocked(word)
        in_stock = word if known is None else known
        said |= {"in_stock_by_store": {row["store"]: in_stock}} if row.get("store") else {"in_stock": in_stock}
    return said


def _titles(row: Mapping[str, Any]) -> dict[str, str]:
    title = row.get("title")
    either = {} if title is None else {"zh" if _CHINESE.search(title) else "en": title}
    own = {language: row.get(f"title_{language}") for language in ("en", "zh")}
    return {**either, **{language: text for language, text in own.items() if text}}


def _category(row: Mapping[str, Any], sign: str | None) -> list[str]:
    first = row.get("category")
    levels = [] if first is None else first.split(sign) if sign else [first]
    levels += [row[name] for name in ("category_2", "category_3") if row.get(name)]
    return [level.strip() for level in levels if level.strip()]


def _number(said: Any) -> float | str | None:
    """A number to six places; the text where it is none."""
    if said is None or said[0] is None:
        return None
    try:
        return round(float(said[0]), 6)
    except ValueError:
        return str(said[1])


def _margin(row: Mapping[str, Any], unit: float) -> float | str | None:
    """As it is said, else of price and cost."""
    margin, price, cost = (_number(row.get(name)) for name in ("margin", "price", "cost"))
    if isinstance(margin, float):
        text = row["margin"][1]
        return round(margin * (0.01 if "%" in text or "％" in text else unit), 6)
    if margin is None and isinstance(price, float) and isinstance(cost, float) and price > 0:
        return round(max(-1.0, (price - cost) / price), 6)
    return margin


def _moment(said: Any, *, is_end: bool) -> str | None:
    """A day alone, as the end, is meant with that day."""
    if said is None or said[1] is None:
        return None
    if said[0] is None:
        return str(said[1])
    is_day = not _CLOCK.search(said[1]) and sum(map(str.isdigit, said[1])) <= _DIGITS_OF_DAY
    return iso(int(said[0]) + (_DAY_US if is_end and is_day else 0))


def _is_hidden(row: Mapping[str, Any]) -> bool | str:
    hidden, shown = row.get("hidden"), row.get("shown")
    if hidden is not None:
        answer = yes_or_no(hidden)
        return str(hidden) if answer is None else answer
    if shown is None:
        return False
    answer = tell_shown(shown)
    return str(shown) if answer is None else not answer


def _merge_stores(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of one item that differ in the store alone are one item; others are left as they are."""
    merged: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    for item in items:
        first = last.get(item["item_id"])
        stock = item.get("in_stock_by_store")
        rest = {name: value for name, value in item.items() if name != "in_stock_by_store"}
        if stock and first and {name: first[name] for name in first if name != "in_stock_by_store"} == rest:
            first["in_stock_by_store"].update(stock)
            continue
        last[item["item_id"]] = item
        merged.append(item)
    return merged
