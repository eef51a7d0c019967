"""Who buys at the demo shop, how often, and what: the traits of single customers and the orders they lead to.

*A customer* draws a rhythm (weekly, monthly, occasional, seasonal, one order only, or prospect) and
within it a rate of orders, gamma-distributed between the customers of a rhythm; a lifetime,
exponential, longer for the satisfied, after which they silently stay away; for some a slowing down
before the end, for a few a return after a long silence; a taste, staples bought again at their own
interval, price sensitivity, a home shop and a leaning towards the web.

*Orders*: the rate, times the shop's traffic or the customer's own season, times what slowing down
and lifetime leave of it, is an intensity per day. Gaps of mean 1, gamma-distributed and more even
than chance for regular shoppers, are laid along its running sum: a gamma renewal process in
operational time.
"""

from math import exp, inf
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator

from app.lifecycle.features import Floats
from ml.demo.baskets import Basket, Taste, draw_taste, fill_baskets
from ml.demo.seasons import DAY_S, SHOPS, Calendar, draw_clock_s, draw_peak, draw_shop

WEB: Final = "/demo/web"
"""The source of orders on the web; those of a shop have its tills."""


class Rhythm(NamedTuple):
    """How often a kind of customer buys, and how much at a time."""

    share: float  # of all customers
    gap_days: float  # mean between orders; of the seasonal, within their season
    spread: float  # gamma shape of the rates between customers: small means unlike one another
    regularity: float  # gamma shape of one customer's gaps: 1 is pure chance
    life_days: float
    lines: float  # mean a basket, staples aside
    staples_max: int
    web: tuple[float, float]  # beta distribution of the share of orders placed on the web
    appeal: int  # column of `Category.appeal`
    orders_max: int | None = None


RHYTHMS: Final = {
    "weekly": Rhythm(0.20, 7.5, 9, 4, 420, 3.5, 4, (1, 4), 0),
    "monthly": Rhythm(0.22, 32, 4, 3, 550, 2.5, 3, (1.5, 1.5), 1),
    "occasional": Rhythm(0.24, 100, 4, 2.5, 3_000, 1.6, 0, (1.5, 1.5), 2),
    "seasonal": Rhythm(0.16, 7, 4, 1.5, 4_000, 2.5, 0, (1.2, 1.2), 3),
    "once": Rhythm(0.07, 60, 3, 1, 400, 1.8, 0, (1.5, 1), 2, orders_max=1),
    "prospect": Rhythm(0.11, 60, 3, 1, 400, 1, 0, (1.5, 1), 2, orders_max=0),
}


class Shopper(NamedTuple):
    """One customer's fixed traits. Days count from the origin of the calendar."""

    number: int
    rhythm: str
    orders_per_day: float
    season: str | None
    acquired_day: int
    left_day: float
    slowing_days: float  # before leaving; 0 for those who stop from one day to the next
    back_days: tuple[float, float]  # the second life of the reactivated, at infinity for the others
    satisfaction: float  # standard normal
    price_sensitivity: float
    web_share: float
    home: str
    member: bool
    language: str
    taste: Taste

    @property
    def customer_id(self) -> str:
        return f"DEMO-{self.number:06d}"


class Order(NamedTuple):
    order_id: str
    at_s: int
    channel: str
    source: str
    basket: Basket


def draw_shopper(seed: int, number: int, days: int) -> Shopper:
    """The traits of customer `number` in a simulation of `days` days, without playing their life."""
    rng = np.random.default_rng([seed, number, 0])
    name = str(rng.choice(list(RHYTHMS), p=[rhythm.share for rhythm in RHYTHMS.values()]))
    rhythm = RHYTHMS[name]
    satisfaction = rng.normal()
    acquired_day = 1 + int((days - 1) * rng.random() ** 1.4)  # a young shop grows fastest at first
    life_days = 1 + rng.exponential(rhythm.life_days) * exp(0.4 * satisfaction)
    left_day = acquired_day + life_days
    back_day = left_day + rng.uniform(100, 300) if rng.random() < 0.2 else inf
    slows = rng.random() < 0.45
    return Shopper(
        number=number,
        rhythm=name,
        orders_per_day=rng.gamma(rhythm.spread, 1 / (rhythm.spread * rhythm.gap_days)),
        season=draw_peak(rng) if name == "seasonal" else None,
        acquired_day=acquired_day,
        left_day=left_day,
        slowing_days=min(life_days / 2, 30 + 2.5 * rhythm.gap_days) if slows else 0.0,
        back_days=(back_day, back_day + rng.exponential(150)),
        satisfaction=satisfaction,
        price_sensitivity=rng.beta(1.3, 3),
        web_share=rng.beta(*rhythm.web),
        home=str(rng.choice(SHOPS)),
        member=rng.random() < 0.85,
        language="zh" if rng.random() < 0.85 else "en",
        taste=draw_taste(rng, rhythm.appeal, rhythm.staples_max),
    )


def trace_intensity(shopper: Shopper, calendar: Calendar) -> Floats:
    """Expected orders on each day, shape (days,)."""
    day = np.arange(len(calendar.busy))
    traffic = calendar.busy
    if shopper.season is not None:  # hardly ever outside their season
        traffic = traffic * (0.02 + calendar.peaks[shopper.season])
    first_life = (day >= shopper.acquired_day) & (day < shopper.left_day)
    pace = np.ones(len(day))
    if shopper.slowing_days:
        pace = np.clip((shopper.left_day - day) / shopper.slowing_days, 0.15, 1)
    second_life = (day >= shopper.back_days[0]) & (day < shopper.back_days[1])
    return shopper.orders_per_day * traffic * (first_life * pace + 0.7 * second_life)


def draw_order_days(rng: Generator, shopper: Shopper, calendar: Calendar) -> list[int]:
    """At most one order a day; the first on the day of acquisition, but for the seasonal in their season."""
    rhythm = RHYTHMS[shopper.rhythm]
    elapsed = np.cumsum(trace_intensity(shopper, calendar))
    gaps = rng.gamma(rhythm.regularity, 1 / rhythm.regularity, size=30 + 2 * int(elapsed[-1]))
    if shopper.season is None:
        gaps[0] = 0
    days = np.unique(np.searchsorted(elapsed, np.cumsum(gaps), side="right"))
    return [int(day) for day in days[days < len(elapsed)][: rhythm.orders_max]]


def plan_orders(rng: Generator, shopper: Shopper, calendar: Calendar) -> list[Order]:
    """The orders of a life that no complaint cuts short."""
    days = draw_order_days(rng, shopper, calendar)
    orders, lines = [], RHYTHMS[shopper.rhythm].lines
    baskets = fill_baskets(rng, shopper.taste, days, lines, shopper.price_sensitivity)
    for count, (day, basket) in enumerate(zip(days, baskets, strict=True), start=1):
        channel = "web" if rng.random() < shopper.web_share else "store"
        till = f"/demo/pos/{draw_shop(rng, shopper.home)}/till-{rng.integers(1, 4)}"
        at_s = day * DAY_S + draw_clock_s(rng, channel)
        order_id = f"{shopper.customer_id}-{count:04d}"
        orders.append(Order(order_id, at_s, channel, WEB if channel == "web" else till, basket))
    return orders
