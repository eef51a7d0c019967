"""A small grocer's year up to now, and a model learned of it: what follows from it is known."""

import time
from datetime import UTC, datetime

import numpy as np

from app.lifecycle.events import DAY_US
from app.lifecycle.ranking.ranker import ItemRanker
from app.models.item_artefact import ItemModel
from ml.data.baskets import Baskets, next_after
from ml.data.purchases import collect_purchases
from ml.learning.clocks import fit_clock
from ml.learning.digest import digest
from ml.learning.ranking import fit_on_splits

CUSTOMERS = 150
DAYS = 364
STAPLES = (
    *("apples", "bread", "butter", "cheese", "coffee", "eggs"),
    *("milk-1l", "milk-2l", "oats", "rice", "tea", "yoghurt"),
)
PAIRS = (("pasta", "sauce"), ("torch", "batteries"), ("chips", "dip"))
ONCE = ("lamp", "pan", "umbrella", "vase")


def draw_rows():
    """(customer, item, days ago): four staples each, every one to four weeks; pairs; and one thing once."""
    draw, rows = np.random.default_rng(11), set()
    for customer in range(CUSTOMERS):
        first = int(draw.integers(7))
        visits = np.arange(first, DAYS, 7)
        for item in draw.choice(STAPLES, 4, replace=False):
            every = 1 + STAPLES.index(item) % 4
            rows |= {(customer, item, int(day)) for day in visits[int(draw.integers(every)) :: every]}
        for one, other in PAIRS:
            for day in visits[draw.random(len(visits)) < 0.06]:
                rows.add((customer, one, int(day)))
                if draw.random() < 0.8:
                    rows.add((customer, other, int(day)))
        rows.add((customer, str(draw.choice(ONCE)), int(draw.choice(visits))))
    return sorted(rows)


def make_baskets(rows, until):
    """As files of baskets are read."""
    bought_by, items, ago = zip(*rows, strict=True)
    item_ids, codes = np.unique(items, return_inverse=True)
    days = until - 1.0 - np.array(ago, float)
    customers = np.array(bought_by)
    order = np.lexsort((codes, days, customers))
    customers, codes, days = customers[order], codes[order], days[order]
    is_other = np.append(True, np.diff(customers) != 0)
    is_new = is_other | np.append(True, np.diff(days) != 0)
    count = np.cumsum(is_new)
    numbers = count - np.maximum.accumulate(np.where(is_other, count, 0))
    names = np.array([f"G{customer:03d}" for customer in range(CUSTOMERS)])
    return Baskets(names, item_ids, customers, numbers, codes, days)


def make_clocks(rows, until):
    customers, items, ago = zip(*rows, strict=True)
    none = np.full(len(rows), "")
    moments = (until - 1.0 - np.array(ago, float)) * DAY_US
    names = np.array([f"G{customer:03d}" for customer in customers])
    return fit_clock(collect_purchases(names, np.array(items), moments, np.ones(len(rows)), none, none), until)


def train(now_us=None):
    """The model, as if it was trained this midnight."""
    until = float((now_us or time.time_ns() // 1000) // DAY_US)
    rows = draw_rows()
    baskets = make_baskets(rows, until)
    splits = [(next_after(baskets, day, day + 14), day) for day in (until - 14, until - 28)]
    learned = fit_on_splits(splits)
    known = digest(baskets, until)
    ids = tuple(baskets.item_ids.tolist())
    made_at = datetime.fromtimestamp(until * DAY_US / 1e6, UTC)
    return ItemModel(
        version="recommend-grocer",
        ranker=ItemRanker(known.facts, learned.of_all.tables, learned.of_new.tables),
        item_ids=ids,
        places={item_id: place for place, item_id in enumerate(ids)},
        trained_at=made_at,
        data_until=made_at,
        simulated=True,
        manifest={"population": {"baskets": int(known.buyers.orders.sum())}},
        clocks=make_clocks(rows, until),
        popular={"store-9": np.array([ids.index("lamp"), ids.index("tea")])},
    )
