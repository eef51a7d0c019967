"""Rankers of items and histories drawn by chance, for tests."""

import numpy as np

from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import ITEM, SIGNALS
from app.lifecycle.ranking.tables import PairTables


def draw_facts(width, near=20):
    draw = np.random.default_rng(1)

    def neighbours():
        weights = -np.sort(-draw.random((width, near)), axis=1)
        return Neighbours(draw.integers(width, size=(width, near)).astype(np.int32), weights.astype(np.float32))

    popular = draw.choice(width, 30, replace=False)
    factors = draw.normal(size=(width, 8)).astype(np.float32)
    signals = draw.random((len(ITEM), width))
    rising = np.sort(draw.choice(width, width * 3 // 4, replace=False))
    pulls = draw.normal(size=(len(rising), 8)).astype(np.float32)
    return Facts(signals, neighbours(), neighbours(), factors, popular, rising, pulls, 1 + 30 * signals[-1])


def draw_tables(seed):
    draw = np.random.default_rng(seed)
    edges = tuple(np.unique(draw.random(18) * 6) for _ in SIGNALS)
    pairs = np.array([[at, at + 9] for at in range(12)])
    return PairTables(-3.0, edges, draw.normal(size=(len(SIGNALS), 20)), pairs, draw.normal(size=(len(pairs), 20, 20)))


def draw_ranker(width=300):
    return ItemRanker(draw_facts(width), draw_tables(3), draw_tables(4))


def draw_history(sizes, width=300, seed=2):
    draw = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    items = [np.sort(draw.choice(width, size, replace=False)) for size in sizes]
    count = int(starts[-1])
    orders = draw.integers(1, 5, count).astype(float)
    last = draw.integers(1, 50, count).astype(float)
    first = np.where(orders > 1, last + 30, last)
    second = np.where(orders > 1, last + 9, np.nan)
    owned = Owned(starts, np.concatenate(items), orders, first, last, second, draw.random(count), draw.random(count))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    latest, earliest = np.full(len(sizes), np.inf), np.zeros(len(sizes))
    np.minimum.at(latest, rows, last)
    np.maximum.at(earliest, rows, first)
    return owned, Buyers(np.full(len(sizes), 9.0), earliest, latest, np.ones(len(sizes)), np.ones(len(sizes)) * 2)
