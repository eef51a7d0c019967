"""Generated histories of single customers, and their states."""

from typing import NamedTuple

import numpy as np

from app.lifecycle import events as e
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import NUMERIC, RADIANS_PER_US, Merge, fold
from app.lifecycle.scorer import Scorecard

BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")
AMOUNT_MINOR, ITEMS = 5_000, 2


class Served(NamedTuple):
    """A model, and the time from which it serves."""

    card: Scorecard
    at_us: int

    @property
    def day(self):
        """That time in days since 1970."""
        return self.at_us / DAY_US

    def look(self, histories, later_days=0.0):
        """Days of orders of each → features, so many days after the model was learnt."""
        return self.look_at([state_of_orders(days) for days in histories], later_days)

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
    state = fold(events, NUMERIC)
    return np.array([state[measure.name] for measure in NUMERIC], np.float64)


def state_of_orders(days):
    """The same of such orders on these days, without merging a hundred times."""
    us = np.round(np.sort(np.asarray(days, np.float64)) * DAY_US)
    count, phase = len(us), us * RADIANS_PER_US
    plain = {
        **dict.fromkeys(("events", "orders", "orders_store"), count),
        "spend_minor": count * AMOUNT_MINOR,
        "items": count * ITEMS,
        "season_cos": np.cos(phase).sum(),
        "season_sin": np.sin(phase).sum(),
        **dict.fromkeys(("first_event_us", "first_order_us"), us[0]),
        **dict.fromkeys(("last_event_us", "last_order_us"), us[-1]),
        "second_last_order_us": us[-2] if count > 1 else np.nan,
    }
    an_order = {"orders": 1, "spend": AMOUNT_MINOR, "items": ITEMS}

    def value(measure):
        if measure.merge is Merge.DECAYED:
            left = 2.0 ** ((us - us[-1]) / DAY_US / measure.half_life_days)
            return an_order.get(measure.name.split("_")[0], 0) * left.sum()
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
