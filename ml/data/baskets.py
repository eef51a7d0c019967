"""Files of baskets: who bought which items together, in which order, and what came next."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from ml.data.columns import UnusableTransactions, compact
from ml.data.engines import DUCKDB, Engine
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.kept_lines import keep_lines, lay_out_file
from ml.data.reading import open_source, quoted

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Say = Callable[[str], None]

_NUMBERED: Final = ("customer_id", "basket_index", "item_id")
_PART: Final = "part"
_PARTS: Final = ("history", "target")


@dataclass(frozen=True, slots=True)
class Baskets:
    """What was bought, an item of a basket once: (lines,) each, by customer, basket and item.

    `customers` and `items` are places in `customer_ids` and `item_ids`; `baskets` count from 0 for each customer,
    without gaps. `days` since 1970 UTC, of the basket; NaN where the file has no times.
    """

    customer_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    customers: Ints
    baskets: Ints
    items: Ints
    days: Floats

    @classmethod
    def of_lines(
        cls, customer_ids: NDArray[np.str_], item_ids: NDArray[np.str_], customers: Ints, items: Ints, days: Floats
    ) -> "Baskets":
        """Of lines by customer and item, (n,) each, an item of a customer and a moment once. A moment is a basket."""
        order = np.lexsort((days, customers))  # stable: items of a basket stay ascending
        customers, items, days = customers[order], items[order], days[order]
        is_new = np.append(True, (np.diff(customers) != 0) | (np.diff(days) != 0))[: len(days)]
        return cls(customer_ids, item_ids, customers, _number_baskets(customers, np.cumsum(is_new)), items, days)

    @property
    def is_timed(self) -> bool:
        """Whether baskets have times."""
        return bool(len(self.days)) and not bool(np.isnan(self.days[0]))

    def keep(self, wanted: NDArray[np.bool_]) -> "Baskets":
        """Of the lines those that are wanted, whole baskets; baskets are numbered anew."""
        customers, items, days = self.customers[wanted], self.items[wanted], self.days[wanted]
        numbers = _number_baskets(customers, self.baskets[wanted])
        return Baskets(self.customer_ids, self.item_ids, customers, numbers, items, days)

    def last_baskets(self) -> Ints:
        """(customers,): the number of the last basket; −1: none."""
        last = np.full(len(self.customer_ids), -1)
        np.maximum.at(last, self.customers, self.baskets)
        return last


class Targets(NamedTuple):
    """What customers bought next: `customers` (k,) ascending, of each the items between `starts` (k + 1,)."""

    customers: Ints
    starts: Ints
    items: Ints

    @classmethod
    def of(cls, customers: Ints, items: Ints) -> "Targets":
        """Of (customer, item) pairs, each once, by customer."""
        owners, starts = np.unique(customers, return_index=True)
        return cls(owners, np.append(starts, len(items)), items)

    def of_customers(self, wanted: NDArray[np.bool_]) -> "Targets":
        """Those of some: `wanted` is (k,)."""
        sizes = np.diff(self.starts)
        of_item = np.repeat(wanted, sizes)
        return Targets.of(np.repeat(self.customers, sizes)[of_item], self.items[of_item])


class Split(NamedTuple):
    """A history, and what came after it."""

    history: Baskets
    targets: Targets


def _number_baskets(customers: Ints, baskets: Ints) -> Ints:
    """Baskets of each customer from 0 on, without gaps; both are sorted."""
    if not len(customers):
        return baskets
    is_other = np.append(True, np.diff(customers) != 0)
    is_new = is_other | np.append(True, np.diff(baskets) != 0)
    count = np.cumsum(is_new)
    return np.asarray(count - np.maximum.accumulate(np.where(is_other, count, 0)))


def next_after(baskets: Baskets, day: float, until: float) -> Split:
    """What was bought before `day`, and the first basket of each known customer in `[day, until)`."""
    before = baskets.days < day
    known = np.zeros(len(baskets.customer_ids), bool)
    known[baskets.customers[before]] = True
    after = ~before & (baskets.days < until) & known[baskets.customers]
    first = np.full(len(baskets.customer_ids), np.iinfo(np.int64).max)
    np.minimum.at(first, baskets.customers[after], baskets.baskets[after])
    is_target = after & (baskets.baskets == first[baskets.customers])
    return Split(baskets.keep(before), Targets.of(baskets.customers[is_target], baskets.items[is_target]))


def last_left_out(baskets: Baskets) -> Split:
    """All but the last basket of whoever has several, and that one: what may be learned from where there is no time."""
    last = baskets.last_baskets()
    is_target = (baskets.baskets == last[baskets.customers]) & (last[baskets.customers] > 0)
    return Split(baskets.keep(~is_target), Targets.of(baskets.customers[is_target], baskets.items[is_target]))


def read_baskets(
    path: Path, targets: Path | None, say: Say, reading: FileReading = AS_IT_IS, currency: str = "CNY"
) -> tuple[Baskets, Targets, Targets]:
    """(history, targets in the file itself, those of the file `targets`).

    A file with the columns customer_id, basket_index, item_id, and perhaps part (`history`, `target`), is read as it
    is; any other as transactions are, orders less what was brought back, and has no targets but those after a cut-off.
    Raises UnusableTransactions.
    """
    with duckdb.connect() as connection:
        if not load_baskets(connection, path, say, reading, currency):
            connection.execute(_BOUGHT_SQL)
            if targets is not None:
                raise UnusableTransactions(f"{path.name}: targets need the columns {', '.join(_NUMBERED)}")
        if targets is None:
            connection.execute("CREATE TABLE wanted AS SELECT * FROM bought WHERE false")
        elif not _read_numbered(connection, targets, "wanted"):
            raise UnusableTransactions(f"{targets.name} lacks one of the columns {', '.join(_NUMBERED)}")
        return _collect(connection)


def load_baskets(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    say: Say,
    reading: FileReading = AS_IT_IS,
    currency: str = "CNY",
    engine: Engine = DUCKDB,
) -> bool:
    """Makes the table `bought` of a file of numbered baskets, or the table `kept` (`ml.data.kept_lines`) of any other;
    whether it is one of numbered baskets. Raises UnusableTransactions."""
    if _read_numbered(connection, path, "bought"):
        return True
    reading.load(connection, path, source="baskets", currency=currency, say=say)
    lay_out_file(connection)
    keep_lines(connection, engine)
    return False


def collect_baskets(connection: duckdb.DuckDBPyConnection) -> Baskets:
    """The history in the table `bought`. Raises UnusableTransactions where there is none."""
    connection.execute("CREATE TABLE wanted AS SELECT * FROM bought WHERE false")
    return _collect(connection)[0]


_BOUGHT_SQL: Final = """
CREATE TABLE bought AS
SELECT customer AS customer_id, occurred_us AS basket, item AS item_id, 'history' AS part, occurred_us FROM kept
"""
"""Orders of one moment are one basket."""


def _read_numbered(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> bool:
    """Makes a table of a file of numbered baskets; whether it is one."""
    with open_source(path) as source:
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()
            names = {compact(name): name for name, *_ in described}
            columns = {wanted: names.get(compact(wanted)) for wanted in (*_NUMBERED, _PART)}
            if any(columns[wanted] is None for wanted in _NUMBERED):
                return False
            customer, basket, item = (f"CAST({quoted(columns[name] or '')} AS VARCHAR)" for name in _NUMBERED)
            part = f"CAST({quoted(columns[_PART])} AS VARCHAR)" if columns[_PART] else "'history'"
            connection.execute(
                f"CREATE TABLE {table} AS SELECT {customer} AS customer_id, TRY_CAST({basket} AS BIGINT) AS basket,"
                f" {item} AS item_id, {part} AS part, CAST(NULL AS BIGINT) AS occurred_us FROM {source.sql}"
            )
        except duckdb.Error as error:
            raise UnusableTransactions(f"{path.name} cannot be read: {str(error).partition(chr(10))[0]}") from error
    odd = f"customer_id IS NULL OR item_id IS NULL OR basket IS NULL OR part NOT IN {_PARTS}"
    ((count,),) = connection.execute(f"SELECT count(*) FROM {table} WHERE {odd}").fetchall()
    if count:
        raise UnusableTransactions(
            f"{path.name}: {count:,} lines lack a customer, an item or a whole number as basket_index, "
            f"or their part is neither {' nor '.join(_PARTS)}"
        )
    return True


_CODES_SQL: Final = "".join(
    f"CREATE TABLE {kind}_codes AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS code FROM ("
    f"SELECT {kind}_id AS id FROM bought UNION SELECT {kind}_id FROM wanted);"
    for kind in ("customer", "item")
)
_CODED_SQL: Final = """
SELECT DISTINCT c.code AS customer, basket, i.code AS item, part = 'target' AS is_target, occurred_us
FROM {table} JOIN customer_codes c ON c.id = customer_id JOIN item_codes i ON i.id = item_id
ORDER BY customer, basket, item, is_target, occurred_us
"""
"""Numbers are sorted and handed over many times as fast as texts."""


def _collect(connection: duckdb.DuckDBPyConnection) -> tuple[Baskets, Targets, Targets]:
    """Codes for ids: customers and items of both tables."""
    connection.execute(_CODES_SQL)
    lines = {table: connection.execute(_CODED_SQL.format(table=table)).fetchnumpy() for table in ("bought", "wanted")}
    customer_ids, item_ids = (
        np.ma.getdata(connection.execute(f"SELECT id FROM {kind}_codes ORDER BY code").fetchnumpy()["id"]).astype(str)
        for kind in ("customer", "item")
    )
    customers, items = (
        [np.asarray(np.ma.getdata(lines[table][name]), np.int64) for table in lines] for name in ("customer", "item")
    )
    is_target = np.asarray(lines["bought"]["is_target"], bool)
    kept = ~is_target
    if not kept.any():
        raise UnusableTransactions("The file has no history.")
    days = np.ma.filled(np.ma.asarray(lines["bought"]["occurred_us"], np.float64), np.nan)[kept] / DAY_US
    baskets = np.asarray(np.ma.getdata(lines["bought"]["basket"]), np.int64)[kept]
    of_history = customers[0][kept]
    numbers = _number_baskets(of_history, baskets)
    history = Baskets(customer_ids, item_ids, of_history, numbers, items[0][kept], days)
    return (
        history,
        _targets(customers[0][is_target], items[0][is_target]),
        _targets(customers[1], items[1]),
    )


def _targets(customers: Ints, items: Ints) -> Targets:
    pairs = np.unique(np.column_stack([customers, items]), axis=0).reshape(-1, 2)
    return Targets.of(pairs[:, 0], pairs[:, 1])
