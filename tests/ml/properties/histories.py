"""Generated histories of single customers, and their states."""

from typing import NamedTuple

import numpy as np

from app.lifecycle import events as e
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import NUMERIC, RADIANS_PER_US, Merge, fold, numbers_of
from app.lifecycle.scorer import Scorecard
from app.lifecycle.value import ValueCurve

BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")
AMOUNT_MINOR, ITEMS = 5_000, 2


class Served(NamedTuple):
    """A model, and the time from which it serves."""

    card: Scorecard
    at_us: int
    value: ValueCurve

    @property
    def day(self):
        """That time in days since 1970."""
        return self.at_us / DAY_US

    def look(self, histories, later_days=0.0, amount_minor=AMOUNT_MINOR, returned=0):
        """Days of orders of each → features, as of so many days after the model was learnt."""
        states = [state_of_orders(days, amount_minor, returned) for days in histories]
        return self.look_at(states, later_days)

    def look_at(self, states, later_days=0.0):
        return features(np.array(states), self.at_us + later_days * DAY_US)

    def forecast(self, histories, later_days=0.0):
        return self.foretell(self.look(histories, later_days))

    def foretell(self, rows):
        """Of features: at the level of the first day, so that shapes alone are compared."""
        return self.card.forecast(rows, self.at_us)


def happening(type_, day, **facts):
    return BARE._replace(type=type_, occurred_us=round(day * DAY_US), **facts)


def order(day):
    return happening(e.ORDER_COMPLETED, day, amount_minor=AMOUNT_MINOR, items=ITEMS, channel="store")


def state_of(events):
    """As the core merges it."""
    return np.array(numbers_of(fold(events, NUMERIC)), np.float64)


def state_of_orders(days, amount_minor=AMOUNT_MINOR, returned=0):
    """The same of orders of an amount on these days, without merging a hundred times; the first `returned` of them are
    given back at once, which is an event of its own."""
    us = np.round(np.sort(np.asarray(days, np.float64)) * DAY_US)
    count, phase = len(us), us * RADIANS_PER_US
    plain = {
        **dict.fromkeys(("orders", "orders_store"), count),
        "events": count + returned,
        "order_days": len(np.unique(us // DAY_US)),
        "spend_minor": count * amount_minor,
        "refunds": returned,
        "refunded_minor": returned * amount_minor,
        "last_refund_us": us[returned - 1] if returned else np.nan,
        "items": count * ITEMS,
        "season_cos": np.cos(phase).sum(),
        "season_sin": np.sin(phase).sum(),
        **dict.fromkeys(("first_event_us", "first_order_us"), us[0]),
        **dict.fromkeys(("last_event_us", "last_order_us"), us[-1]),
        "second_last_order_us": us[-2] if count > 1 else np.nan,
    }
    an_order = {"orders": 1, "spend": amount_minor, "items": ITEMS}
    a_return = {"refunded": amount_minor}

    def value(measure):
        if measure.merge is Merge.DECAYED:
            left, kind = 2.0 ** ((us - us[-1]) / DAY_US / measure.half_life_days), measure.name.split("_")[0]
            return an_order.get(kind, 0) * left.sum() + a_return.get(kind, 0) * left[:returned].sum()
        return plain.get(measure.name, 0 if measure.merge is Merge.SUM else np.nan)

    return np.array([value(measure) for measure in NUMERIC])


def draw_histories(seed, count, until_day, most=25):
    """Days of orders of so many customers, 1 to `most` each, at gaps of 2 to 60 days, silent for up to half a year."""
    rng = np.random.default_rng(seed)
    histories = []
    for _ in range(count):
        gap, times = rng.uniform(2, 60), int(rng.integers(1, most + 1))
        gaps = rng.gamma(3, gap / 3, times)
        histories.append(until_day - rng.exponential(min(2 * gap, 60)) - np.cumsum(gaps) + gaps[0])
    return histories


def feature(rows, name):
    return rows[:, FEATURE_NAMES.index(name)]
