"""What breaks an event's contract and may be mended: an optional detail never costs the sale.

Data that are as they should be are never looked at here. Of the others each error is mended where its place allows:
a value in another form is written in the right one, a text too long is cut, a detail that means nothing is dropped.
What money, identity or time hang on is refused as before: a member that its type requires is put into another form,
but never cut, dropped or guessed.
"""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from app.lifecycle.amounts import read_number
from app.lifecycle.events import CONSENT_CHANGED, CUSTOMER_IDENTIFIED
from app.lifecycle.money_texts import read_money
from app.lifecycle.wrappings import LINE_NAMES, NOTHING, as_identifiers, as_lines, read_object

Path = tuple[int | str, ...]

MENDED: Final = "mended"
CUT: Final = "cut"
DROPPED: Final = "dropped"
NOBODY: Final = "nobody"
CLOCK: Final = "clock"
CODES: Final = (MENDED, CUT, DROPPED, NOBODY, CLOCK)
"""What warnings may say was done."""

_SENTENCES: Final = {
    MENDED: "It was not in the form that it should have, and was read all the same.",
    CUT: "It was too long, and was cut.",
    DROPPED: "It could not be read, and was left out.",
}
_TOO_LONG: Final = ("string_too_long", "too_long")
_TEXT_ERRORS: Final = frozenset(("string_type", "string_too_long", "string_too_short", "string_pattern_mismatch"))
_CONTROLS: Final = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_CONTROL: Final = re.compile(f"[{re.escape(_CONTROLS)}]+")
_EXACT: Final = 1e15
_AMOUNTS: Final = ("amount", "value")
_CURRENCIES: Final = ("currency", "currency_code", "currencyCode")
"""Members of an amount that is an object."""
_ORDER_NAMES: Final = ("order_id", "id", "number", "name")
"""The same of an order."""


class Warned(NamedTuple):
    """A detail that was mended, cut or dropped: where it was, what was done (a stable code), and a sentence."""

    path: Path
    code: str
    detail: str


class Mending:
    """The data of one event on their way to its contract, and what was done to them. What was sent stays as it was."""

    def __init__(self, data: Mapping[str, Any], type_: str, model: type[BaseModel]) -> None:
        self.data: dict[str, Any] = _copy(data)
        self.warnings: list[Warned] = []
        self._required = {name for name, field in model.model_fields.items() if field.is_required()}
        self._required |= {"currency", "total"}
        if type_ == CUSTOMER_IDENTIFIED:
            self._required.add("identifiers")  # they are what it is about
        elif type_ == CONSENT_CHANGED:
            self._required.add("purpose")  # without one it is of every purpose
        self._void: set[Path] = set()

    def name_lines(self) -> None:
        """Gives lines without a `product_id` one that they are known by."""
        lines = self.data.get("products")
        for place, line in enumerate(lines if isinstance(lines, list) else ()):
            if _name_line(line):
                self._warn(("products", place, "product_id"), MENDED)

    def mend(self, errors: Sequence[Any]) -> bool:
        """Mends what pydantic found. False: something is wrong that money, identity or time hang on."""
        self._void = set()
        places: dict[Path, Any] = {}
        for error in errors:
            places.setdefault(tuple(error["loc"]), error)
        is_mended = all(self._mend_one(path, error) for path, error in places.items())
        for path in sorted(self._void, reverse=True):
            self._remove(path)
        return is_mended

    def _warn(self, path: Path, code: str) -> None:
        self.warnings.append(Warned(path, code, _SENTENCES[code]))

    def _mend_one(self, path: Path, error: Any) -> bool:
        if not path:
            return False
        if path == ("total",) and self._mend_total():
            return True
        found = self._find(path[:-1])
        if error["type"] != "missing":
            value = self._without_currency(path, found[path[-1]])
            mended = _mend_value(str(path[-1]), value, error, is_exact=path[0] in self._required)
            if mended is not NOTHING:
                found[path[-1]] = mended
                self._warn(path, CUT if error["type"] in _TOO_LONG else MENDED)
                return True
        return self._drop(path)

    def _mend_total(self) -> bool:
        """A total that names its currency says which one it is in; one that is an object, its amount."""
        is_unwrapped = self._unwrap_total()
        total, currency = self.data.get("total"), self.data.get("currency")
        if is_unwrapped and _number_of(total) is not None:
            self.data["total"] = _number_of(total)
            self._warn(("total",), MENDED)
            return True
        said = currency.strip() if isinstance(currency, str) else currency
        money = read_money(total, said) if isinstance(total, str) and isinstance(said, str | None) else None
        if money is None:
            return False
        self.data["total"], self.data["currency"] = money
        self._warn(("total",), MENDED)
        return True

    def _unwrap_total(self) -> bool:
        """Of `{"amount": "12.50", "currency": "CNY"}` the amount, where the currency is none or the one beside it."""
        total, currency = self.data.get("total"), self.data.get("currency")
        told = total if isinstance(total, dict) else {}
        held = next((told[each] for each in _AMOUNTS if each in told), None)
        said = next((told[each] for each in _CURRENCIES if each in told), None) or currency
        if held is None or isinstance(held, dict) or currency not in (None, "", said):
            return False
        self.data |= {"total": held} | ({} if said is None else {"currency": said})
        return True

    def _without_currency(self, path: Path, value: Any) -> Any:
        """A price or a discount without the currency that it names, where that is the order's; else as it is."""
        said = self.data.get("currency")
        if path[-1] not in ("price", "discount") or not (isinstance(value, str) and isinstance(said, str)):
            return value
        money = read_money(value, said)
        return value if money is None else str(money[0])

    def _find(self, path: Path) -> Any:
        place: Any = self.data
        for step in path:
            place = place[step]
        return place

    def _drop(self, path: Path) -> bool:
        """The member; of a list the item, where it cannot be without the member."""
        if path[0] in self._required and not self._is_blank(path) and not self._is_one_of_several(path):
            return False
        if len(path) > 2 and (path[-1] in ("product_id", "kind", "value") or self._is_no_piece(path)):
            path = path[:2]
        if path not in self._void and path[:2] not in self._void:
            self._void.add(path)
            self._warn(path, DROPPED)
        return True

    def _is_blank(self, path: Path) -> bool:
        """Whether a currency or the value of an identifier was left empty: then there is none."""
        value = self._find(path[:-1]).get(path[-1], MENDED) if path[-1] in ("currency", "value") else MENDED
        return value is None or (isinstance(value, str) and not value.strip())

    def _is_one_of_several(self, path: Path) -> bool:
        """Whether it is an identifier beside which another one can be read."""
        given = self.data["identifiers"] if path[0] == "identifiers" and len(path) > 1 else ()
        return any(
            isinstance(item, dict) and _is_told(item.get("kind")) and _is_told(item.get("value"))
            for place, item in enumerate(given)
            if place != path[1]
        )

    def _is_no_piece(self, path: Path) -> bool:
        """Whether it is a number of pieces that no line can have."""
        value = self._find(path[:-1]).get(path[-1]) if path[-1] == "quantity" else None
        return isinstance(value, int | float) and not isinstance(value, bool)

    def _remove(self, path: Path) -> None:
        try:
            del self._find(path[:-1])[path[-1]]
        except (KeyError, IndexError):  # its line has gone already
            return


def _mend_value(name: str, value: Any, error: Any, *, is_exact: bool) -> Any:
    """The value in another form; `NOTHING` where there is none. `is_exact`: nothing of it may be lost."""
    kind = error["type"]
    if kind in _TOO_LONG and is_exact:
        return NOTHING
    if kind in _TEXT_ERRORS:
        return _mend_text(name, value, error, is_exact=is_exact)
    if kind == "too_long":
        return value[: error["ctx"]["max_length"]]
    if kind == "list_type":
        return as_lines(value) if name == "products" else as_identifiers(value)
    if kind in ("dict_type", "model_type"):
        return read_object(value)
    return _mend_number(name, value, error)


def _mend_text(name: str, value: Any, error: Any, *, is_exact: bool) -> Any:
    told, value = value, _unwrapped(name, value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and isfinite(value) and name == "order_id":
        return repr(value)
    if not isinstance(value, str):
        return NOTHING
    if error["type"] == "string_too_long":
        is_reference = name in ("kind", "value") or (name.endswith("_id") and name != "product_id")
        return NOTHING if is_reference else value[: error["ctx"]["max_length"]]
    cleaned = _name_currency(value) if name == "currency" else _clean(value, is_exact=is_exact)
    return cleaned if cleaned and cleaned != told else NOTHING


def _unwrapped(name: str, value: Any) -> Any:
    """The number of an order that came in a list of its own, or as an object that has an id; others as they are."""
    if name != "order_id":
        return value
    if isinstance(value, list) and len(value) == 1:
        return _unwrapped(name, value[0])
    known = (value[each] for each in _ORDER_NAMES if each in value) if isinstance(value, dict) else ()
    return next(iter(known), value)


def _name_currency(text: str) -> str:
    word = text.strip().upper()
    return "CNY" if word in ("人民币", "人民币元") else word


def _clean(text: str, *, is_exact: bool) -> str:
    """Without control characters; where it must be exact, of those at its ends alone."""
    trimmed = text.strip(_CONTROLS + " ")
    return trimmed if is_exact else _CONTROL.sub(" ", trimmed)


def _number_of(value: Any) -> int | float | None:
    """None: it is no finite number."""
    number = read_number(value) if isinstance(value, str) else value
    return number if isinstance(number, int | float) and not isinstance(number, bool) and isfinite(number) else None


def _mend_number(name: str, value: Any, error: Any) -> Any:
    number = _number_of(value)
    if number is None:
        return NOTHING
    if error["type"].startswith("int"):
        is_other = isinstance(value, str | float) and number == int(number)
        return int(number) if is_other else NOTHING
    if name == "discount" and number < 0:
        return -number
    return number if isinstance(value, str) else NOTHING


def _is_told(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _name_line(line: Any) -> bool:
    """Puts what else a line is known by for the `product_id` that it lacks; whether there was something."""
    if not isinstance(line, dict) or line.get("product_id") not in (None, ""):
        return False
    known = next((line[name] for name in LINE_NAMES if line.get(name) not in (None, "")), None)
    if known is not None:
        line["product_id"] = known
    return known is not None


def _copy(value: Any) -> Any:
    """Objects and lists anew, so that what was sent stays as it was sent."""
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in value.items()}
    return [_copy(member) for member in value] if isinstance(value, list) else value
