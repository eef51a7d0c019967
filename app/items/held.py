"""The catalogue as every worker holds it: compact, never changed once it is made, asked in microseconds.

Items are *places* in arrays. Place 0 is any item that the catalogue does not know: never hidden, always valid, in stock
everywhere, of no category. So what is known of events alone is served by its id. An item that was deleted keeps its
place, hidden.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

UNKNOWN: Final = 0
"""The place of an item that is not in the catalogue."""
NOTHING: Final = 0
"""The code of no brand, no tags, no category, no product, no item."""
NO_PRICE: Final = -1
_FIRST: Final = np.iinfo(np.int64).min
_LAST: Final = np.iinfo(np.int64).max
_LANGUAGES: Final = ("en", "zh")

_FIELDS: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("price_minor", np.int64, NO_PRICE),
    ("margin", np.float32, np.nan),
    ("valid_from_us", np.int64, _FIRST),
    ("valid_to_us", np.int64, _LAST),
    ("category", np.int32, NOTHING),
    ("brand", np.int32, NOTHING),
    ("tags", np.int32, NOTHING),
    ("pack", np.int32, NOTHING),
    ("substitute", np.int32, NOTHING),
    ("hidden", np.bool_, False),
    ("in_stock", np.bool_, True),
    ("known", np.bool_, False),
)
RECORD: Final = np.dtype([(name, kind) for name, kind, _ in _FIELDS])
_DEFAULT: Final = np.array([tuple(default for *_, default in _FIELDS)], RECORD)


class Codes:
    """Values by small numbers, 0 for `nothing`. It only grows, so that catalogues of several versions share it.

    `parts` are what values are looked for by, beside themselves: beginnings and levels of a path, the tags of a set.
    """

    def __init__(self, nothing: Any, parts: Callable[[Any], Iterable[Any]] = lambda _: ()) -> None:
        self.values: list[Any] = [nothing]
        self._codes: dict[Any, int] = {nothing: NOTHING}
        self._parts = parts
        self._having: dict[Any, list[int]] = {}

    def code(self, value: Any) -> int:
        """The code of a value, a new one for a new value."""
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = len(self.values)
            self.values.append(value)
            for part in self._parts(value):
                self._having.setdefault(part, []).append(code)
        return code

    def find(self, value: Any) -> int | None:
        """None: nothing has this value."""
        return self._codes.get(value)

    def have(self, part: Any) -> Mask:
        """By code: whether the value has this part."""
        having = np.zeros(len(self.values), np.bool_)
        having[self._having.get(part, [])] = True
        return having

    def __len__(self) -> int:
        return len(self.values)


def _parts_of_path(path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Its beginnings, and each level alone."""
    yield from (path[:depth] for depth in range(1, len(path) + 1))
    yield from ((level,) for level in path[1:])


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is held. Of one that is not known all but the id is empty, and it may be shown."""

    item_id: str
    is_known: bool
    title_en: str | None
    title_zh: str | None
    category: tuple[str, ...]
    brand: str | None
    price_minor: int | None
    margin: float | None
    tags: tuple[str, ...]
    hidden: bool
    substitute_of: str | None
    pack_of: str | None

    def title(self, language: str) -> str | None:
        """In this language, else in the other; None: it has none."""
        titles = (self.title_zh, self.title_en) if language == "zh" else (self.title_en, self.title_zh)
        return titles[0] or titles[1]


class _Words(NamedTuple):
    """The values that codes of a catalogue stand for."""

    categories: Codes
    brands: Codes
    tags: Codes
    packs: Codes
    substituted: Codes


def _no_words() -> _Words:
    return _Words(Codes((), _parts_of_path), Codes(None), Codes((), lambda tags: tags), Codes(None), Codes(None))


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All items at one version. `records[place]` is RECORD; `titles[place]` is UTF-8, English, NUL, Chinese.

    `exceptions` is by store: the places whose stock there is not as their `in_stock` says.
    """

    version: int = 0
    size: int = 0
    """Items that are known."""
    places: Mapping[str, int] = field(default_factory=dict)
    ids: Sequence[str] = ("",)
    records: npt.NDArray[Any] = field(default_factory=lambda: _DEFAULT)
    titles: Sequence[bytes] = (b"\0",)
    exceptions: Mapping[str, Places] = field(default_factory=dict)
    words: _Words = field(default_factory=_no_words)
    _members: dict[str, tuple[Places, Places]] = field(default_factory=dict, init=False, repr=False)
    """By the name of a field its codes, ascending, and the places that have them; made when it is first asked for."""

    def place(self, item_id: str) -> int:
        """UNKNOWN: the catalogue does not know it."""
        return self.places.get(item_id, UNKNOWN)

    def places_of(self, item_ids: Iterable[str]) -> Places:
        """The place of each, in their order."""
        find = self.places.get
        return np.array([find(item_id, UNKNOWN) for item_id in item_ids], np.int32)

    def item(self, item_id: str) -> Item:
        """What is held of an item, known or not."""
        place, words = self.place(item_id), self.words
        record = self.records[place]
        en, _, zh = self.titles[place].partition(b"\0")
        return Item(
            item_id,
            bool(record["known"]),
            en.decode() or None,
            zh.decode() or None,
            words.categories.values[record["category"]],
            words.brands.values[record["brand"]],
            None if record["price_minor"] == NO_PRICE else int(record["price_minor"]),
            None if np.isnan(record["margin"]) else round(float(record["margin"]), 6),
            words.tags.values[record["tags"]],
            bool(record["hidden"]),
            words.substituted.values[record["substitute"]],
            words.packs.values[record["pack"]],
        )

    def titles_at(self, place: int) -> tuple[str | None, str | None]:
        """(English, Chinese), each the other's where it has none; None: it has neither."""
        en, _, zh = self.titles[place].partition(b"\0")
        return (en or zh).decode() or None, (zh or en).decode() or None

    def category_at(self, place: int) -> tuple[str, ...]:
        """The path of its category; () of none."""
        path: tuple[str, ...] = self.words.categories.values[self.records["category"][place]]
        return path

    def may_be_shown(self, places: Places, at_us: int) -> Mask:
        """Which of them are not hidden, and valid at a time: `[valid_from, valid_to)`."""
        records = self.records
        is_valid = (records["valid_from_us"][places] <= at_us) & (at_us < records["valid_to_us"][places])
        shown: Mask = is_valid & ~records["hidden"][places]
        return shown

    def are_in_stock(self, places: Places, store: str | None = None) -> Mask:
        """Which of them are in stock, in a store or where none is asked for."""
        in_stock: Mask = self.records["in_stock"][places]
        exceptions = None if store is None else self.exceptions.get(store)
        return in_stock if exceptions is None else in_stock ^ _are_among(places, exceptions)

    def are_within(self, places: Places, path: Sequence[str]) -> Mask:
        """Which of them are of a category, or of one below it. `path` () is all of them; one level alone is that level
        wherever it is, as lines of orders name their category."""
        if not path:
            return np.ones(len(places), np.bool_)
        within: Mask = self.words.categories.have(tuple(path))[self.records["category"][places]]
        return within

    def knows_category(self, path: Sequence[str]) -> bool:
        """Whether items are, or were, of a category."""
        return bool(self.words.categories.have(tuple(path)).any())

    def have_tag(self, places: Places, tag: str) -> Mask:
        """Which of them have a tag."""
        tagged: Mask = self.words.tags.have(tag)[self.records["tags"][places]]
        return tagged

    def are_of_brand(self, places: Places, brand: str) -> Mask:
        """Which of them are of a brand."""
        code = self.words.brands.find(brand)
        of_brand: Mask = self.records["brand"][places] == (-1 if code is None else code)
        return of_brand

    def packs(self, places: Places) -> Places:
        """The product that each is a pack of, by a number; NOTHING: it stands alone."""
        found: Places = self.records["pack"][places]
        return found

    def product_of(self, item_id: str) -> str:
        """What items of one product in several packs have in common; for one alone, its id."""
        pack: str | None = self.words.packs.values[self.records["pack"][self.place(item_id)]]
        return item_id if pack is None else pack

    def substitutes_for(self, item_id: str) -> list[str]:
        """Items that may stand in for this one, in the order they came."""
        return self._whose("substitute", self.words.substituted.find(item_id))

    def alike(self, item_ids: Sequence[str]) -> set[str]:
        """What may stand in for one of these items, or one of these for it; and the packs of their products."""
        places, words = self.places_of(item_ids), self.words
        found: set[str] = set()
        for item_id, is_known in zip(item_ids, self.records["known"][places].tolist(), strict=True):
            if is_known:
                found.update(self.substitutes_for(item_id))
        for name, codes in (("substitute", words.substituted), ("pack", words.packs)):
            for code in set(self.records[name][places].tolist()) - {NOTHING}:
                found.update(self._whose(name, code))
                if codes is words.substituted:
                    found.add(codes.values[code])
        return found

    def _whose(self, name: str, code: int | None) -> list[str]:
        if not code:
            return []
        if name not in self._members:
            column = self.records[name]
            having = np.flatnonzero(column != NOTHING).astype(np.int32)
            order = column[having].argsort(kind="stable")
            self._members[name] = column[having][order], having[order]
        codes, places = self._members[name]
        begin, end = codes.searchsorted(np.array([code, code + 1], codes.dtype)).tolist()
        return [self.ids[place] for place in places[begin:end].tolist()]

    def with_changes(self, rows: Sequence[Any], version: int) -> "Catalogue":
        """This catalogue with rows of the table `items`, no id twice, as they are at `version`. It stays as it is."""
        if not rows:
            return replace(self, version=version)
        places, ids = self._place(rows)
        at = np.array([places[row.item_id] for row in rows], np.int32)
        grown = np.repeat(_DEFAULT, len(ids) - len(self.ids))
        records, titles = np.concatenate((self.records, grown)), [*self.titles, *[b"\0"] * len(grown)]
        records[at] = [_record(row, self.words) for row in rows]
        for place, row in zip(at, rows, strict=True):
            titles[place] = f"{row.title_en or ''}\0{row.title_zh or ''}".encode()
        exceptions = _without(self.exceptions, at, len(ids))
        _add(exceptions, at, rows)
        return Catalogue(version, int(records["known"].sum()), places, ids, records, titles, exceptions, self.words)

    def _place(self, rows: Sequence[Any]) -> tuple[Mapping[str, int], Sequence[str]]:
        """Places and ids with those of the rows."""
        new = [row.item_id for row in rows if row.item_id not in self.places]
        if not new:
            return self.places, self.ids
        first = len(self.ids)
        return {**self.places, **{item_id: first + n for n, item_id in enumerate(new)}}, [*self.ids, *new]

    @property
    def is_worn(self) -> bool:
        """Whether so many values are held for nothing that it should be read anew."""
        return max(map(len, self.words)) > 2 * len(self.ids) + 1000


def _record(row: Any, words: _Words) -> tuple[Any, ...]:
    """In the order of RECORD."""
    return (
        NO_PRICE if row.price_minor is None else row.price_minor,
        np.nan if row.margin is None else row.margin,
        _FIRST if row.valid_from_us is None else row.valid_from_us,
        _LAST if row.valid_to_us is None else row.valid_to_us,
        words.categories.code(tuple(row.category)),
        words.brands.code(row.brand),
        words.tags.code(tuple(row.tags)),
        words.packs.code(row.pack_of),
        words.substituted.code(row.substitute_of),
        row.hidden,
        row.in_stock,
        not row.is_deleted,
    )


def _are_among(places: Places, sorted_places: Places) -> Mask:
    found = np.searchsorted(sorted_places, places)
    found[found == len(sorted_places)] = 0
    among: Mask = sorted_places[found] == places
    return among


def _without(exceptions: Mapping[str, Places], at: Places, size: int) -> dict[str, Places]:
    """Exceptions without those of these places."""
    is_changed = np.zeros(size, np.bool_)
    is_changed[at] = True
    left = {store: places[~is_changed[places]] for store, places in exceptions.items()}
    return {store: places for store, places in left.items() if len(places)}


def _add(exceptions: dict[str, Places], at: Places, rows: Sequence[Any]) -> None:
    """Adds those of the rows, whose places are `at`."""
    found: dict[str, list[int]] = {}
    for place, row in zip(at.tolist(), rows, strict=True):
        for store, in_stock in row.in_stock_by_store.items():
            if in_stock != row.in_stock:
                found.setdefault(store, []).append(place)
    for store, places in found.items():
        before = exceptions.get(store, np.empty(0, np.int32))
        exceptions[store] = np.sort(np.concatenate((before, np.array(places, np.int32))))
