"""Whether buying on discount is a trait: the same customers' shares in one half-year and the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.pricing.sensitivity import fit_shop_share
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.transactions import Say, UnusableTransactions
from ml.evaluation.metrics import spearman

HALF_DAYS: Final = 182
LEAST_LINES: Final = (5, 20, 50)
_BUYERS: Final = 10
"""Customers who must have bought an item in a half-year for its usual price to be known."""

_COUNTED: Final = """
WITH sold AS (
  SELECT customer_id, order_id, item_id, min(occurred_us) FILTER (WHERE NOT is_return) AS occurred_us,
         sum(CASE WHEN is_return THEN -1 ELSE 1 END * coalesce(quantity, 1)) AS quantity,
         max(discount_minor) FILTER (WHERE NOT is_return) AS discount_minor,
         min(unit_price) FILTER (WHERE NOT is_return) AS unit_price
  FROM lines WHERE item_id IS NOT NULL AND customer_id IS NOT NULL GROUP BY customer_id, order_id, item_id
), halved AS (
  SELECT *, CAST((max(occurred_us) OVER () - occurred_us) // ? AS INTEGER) AS half
  FROM sold WHERE quantity > 0 AND occurred_us IS NOT NULL
), whole AS (
  SELECT * FROM halved
  QUALIFY half < (max(occurred_us) OVER () - min(occurred_us) OVER ()) // ?
), priced AS (
  SELECT *, median(unit_price) OVER item AS usual, count(DISTINCT customer_id) OVER item AS buyers
  FROM whole WINDOW item AS (PARTITION BY item_id, half)
)
SELECT customer_id, half, count(DISTINCT order_id) AS orders, count(*) AS lines,
       count(*) FILTER (WHERE {is_discounted}) AS discounted, max(max(occurred_us)) OVER () AS last_us
FROM priced WHERE {is_told} GROUP BY customer_id, half ORDER BY customer_id, half
"""


class Half(NamedTuple):
    """Customers' orders, lines and discounted lines in a half-year, (n,) each; none of who bought nothing in it."""

    orders: Floats
    lines: Floats
    discounted: Floats

    @property
    def shares(self) -> Floats:
        return self.discounted / np.maximum(self.lines, 1.0)


def evaluate_discounts(
    data: Path,
    below_usual: float | None = None,
    *,
    reading: FileReading = AS_IT_IS,
    currency: str = "CNY",
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The figures, as `perennial evaluate discounts --json` prints them.

    A line is on discount as the file says; with `below_usual` where its price is by that share below the median of its
    item in the half-year. Raises UnusableTransactions for a file that says too little.
    """
    with duckdb.connect() as connection:
        reading.load(connection, data, source="discounts", currency=currency, say=say)
        is_discounted = "discount_minor > 0" if below_usual is None else f"unit_price < usual * {1.0 - below_usual!r}"
        is_told = "true" if below_usual is None else f"buyers >= {_BUYERS} AND unit_price > 0"
        statement = _COUNTED.format(is_discounted=is_discounted, is_told=is_told)
        columns = connection.execute(statement, [HALF_DAYS * DAY_US] * 2).fetchnumpy()
    if not len(columns["half"]) or columns["half"].max() < 1:
        raise UnusableTransactions(f"{data.name} has no items of {2 * HALF_DAYS} days and more.")
    if not columns["discounted"].any():
        raise UnusableTransactions(f"{data.name} has no line on discount; --below-usual goes by prices instead.")
    return _judge(_halves(columns), int(columns["last_us"][0]), below_usual)


def _halves(columns: dict[str, Any]) -> list[Half]:
    """The latest last; customers in one order."""
    _, customer = np.unique(np.ma.getdata(columns["customer_id"]).astype(str), return_inverse=True)
    last, count = int(columns["half"].max()), int(customer.max()) + 1
    tables = np.zeros((3, last + 1, count))
    for place, name in enumerate(Half._fields):
        tables[place, columns["half"], customer] = columns[name]
    return [Half(*tables[:, half]) for half in range(last, -1, -1)]


def _judge(halves: list[Half], last_us: int, below_usual: float | None) -> dict[str, Any]:
    lines = sum(float(half.lines.sum()) for half in halves)
    told = "told on discount" if below_usual is None else f"at {below_usual:.0%} or more below the usual price"
    begins = [_date(last_us - (len(halves) - place) * HALF_DAYS * DAY_US) for place in range(len(halves))]
    return {
        "n": int(lines),
        "method": f"lines {told}, of customers in half-years of {HALF_DAYS} days",
        "share": sum(float(half.discounted.sum()) for half in halves) / lines,
        "pairs": [
            {"from": begins[place], "then": begins[place + 1], **compare(halves[place], halves[place + 1])}
            for place in range(len(halves) - 1)
        ],
    }


def _date(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).date().isoformat()


def compare(before: Half, after: Half) -> dict[str, Any]:
    """`stable`: rank correlation of shares by how many lines customers have in both; null of fewer than three.
    `squared_error` of the share of the second, weighted by its orders: by the own share of the first, by the shop's,
    and by the one shrunk to that as an offer has it, by `weight`."""
    stable = []
    for least in LEAST_LINES:
        both = (before.lines >= least) & (after.lines >= least)
        count = int(both.sum())
        ranked = spearman(before.shares[both], after.shares[both]) if count > 2 else np.nan
        told = None if np.isnan(ranked) else ranked
        stable.append({"least_lines": least, "customers": count, "rank_correlation": told})
    shop = fit_shop_share(before.orders[before.lines > 0], before.shares[before.lines > 0])
    both = (before.lines > 0) & (after.lines > 0)
    own, orders, came = before.shares[both], before.orders[both], after.shares[both]
    said = {
        "own": own,
        "shop": np.full(len(own), shop.share),
        "shrunk": (orders * own + shop.weight * shop.share) / (orders + shop.weight),
    }
    errors = {
        name: float(np.average((each - came) ** 2, weights=after.orders[both])) if both.any() else None
        for name, each in said.items()
    }
    return {"stable": stable, "weight": shop.weight, "squared_error": errors}
