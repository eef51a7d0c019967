"""The customers of the demo shop: a generative model of single lives, played into CloudEvents.

Nobody's data. Every `source` begins with `/demo/`; every customer, order, case and product id with
`DEMO-`; e-mail addresses are under example.com and telephone numbers under a prefix that is not
allocated, so that simulated customers can be told from real ones wherever they turn up.

*A customer* draws a rhythm (weekly, monthly, occasional, seasonal, one order only, or prospect) and
within it a rate of orders, gamma-distributed between the customers of a rhythm; a lifetime,
exponential, longer for the satisfied, after which they silently stay away; for some a slowing down
before the end, for a few a return after a long silence; a taste, staples bought again at their own
interval, price sensitivity, a home shop and a leaning towards the web.

*Orders*: the rate, times the shop's traffic or the customer's own season, times what slowing down
and lifetime leave of it, is an intensity per day. Gaps of mean 1, gamma-distributed and more even
than chance for regular shoppers, are laid along its running sum: a gamma renewal process in
operational time. An order may bring a refund, points, a tier, feedback or a complaint; a complaint
that stays unresolved often ends the relation, so a life is played order by order.

*Random numbers* come from two generators a customer, seeded by (seed, customer number, 0 or 1): a
customer does not change when the shop gets more of them. There is no clock; `until` is passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from datetime import date, timedelta
from math import exp, inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ml.demo import supermarket as catalogue
from ml.demo.supermarket import DAY_S, Basket, Calendar, Line, Taste

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from numpy.random import Generator

    from ml.demo.supermarket import Floats

YEAR_S: Final = 365 * DAY_S
REVIEW_S: Final = 180 * DAY_S
CRM, SERVICE, SURVEY, WEB = "/demo/crm", "/demo/service", "/demo/survey", "/demo/web"
CONTACT_CHANNELS: Final = ("email", "sms", "wechat", "phone", "push")
TIERS: Final = ("basic", "silver", "gold", "platinum")
TIER_FROM_MINOR: Final = (0, 1_000_00, 2_500_00, 5_000_00)  # spend between two reviews
REDEEMABLE_POINTS: Final = 500


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


class Row(NamedTuple):
    """An event before it has its id; `at_s` counts seconds from the origin of the calendar."""

    at_s: int
    kind: str
    source: str
    data: dict[str, Any]


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
        season=catalogue.draw_peak(rng) if name == "seasonal" else None,
        acquired_day=acquired_day,
        left_day=left_day,
        slowing_days=min(life_days / 2, 30 + 2.5 * rhythm.gap_days) if slows else 0.0,
        back_days=(back_day, back_day + rng.exponential(150)),
        satisfaction=satisfaction,
        price_sensitivity=rng.beta(1.3, 3),
        web_share=rng.beta(*rhythm.web),
        home=str(rng.choice(catalogue.SHOPS)),
        member=rng.random() < 0.85,
        language="zh" if rng.random() < 0.85 else "en",
        taste=catalogue.draw_taste(rng, rhythm.appeal, rhythm.staples_max),
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
    baskets = catalogue.fill_baskets(rng, shopper.taste, days, lines, shopper.price_sensitivity)
    for count, (day, basket) in enumerate(zip(days, baskets, strict=True), start=1):
        channel = "web" if rng.random() < shopper.web_share else "store"
        till = f"/demo/pos/{catalogue.draw_shop(rng, shopper.home)}/till-{rng.integers(1, 4)}"
        at_s = day * DAY_S + catalogue.draw_clock_s(rng, channel)
        order_id = f"{shopper.customer_id}-{count:04d}"
        orders.append(Order(order_id, at_s, channel, WEB if channel == "web" else till, basket))
    return orders


def join(rng: Generator, shopper: Shopper, at_s: int) -> Iterator[Row]:
    """Signing up to the loyalty programme, and what was then said about being contacted."""
    phone = {"kind": "phone", "value": f"+86100{shopper.number:08d}"}
    email = {"kind": "email", "value": f"demo{shopper.number:06d}@example.com"}
    data: dict[str, Any] = {"identifiers": [[phone], [email], [phone, email]][int(rng.integers(3))]}
    if rng.random() < 0.7:
        data["birthday"] = str(date(1948, 1, 1) + timedelta(days=int(rng.integers(57 * 365))))
    yield Row(at_s, "customer.identified", CRM, data)
    for channel in CONTACT_CHANNELS:
        if rng.random() < 0.55:
            yield from consent(channel, at_s + 30, granted=rng.random() < 0.7)
        if rng.random() < 0.03:
            yield from consent(channel, at_s + int(rng.exponential(200) * DAY_S) + 60, granted=False)


def consent(channel: str, at_s: int, *, granted: bool) -> Iterator[Row]:
    yield Row(at_s, "consent.changed", CRM, {"purpose": "marketing", "channel": channel, "granted": granted})


def look_around(rng: Generator, shopper: Shopper, at_s: int, channel: str) -> Iterator[Row]:
    """A visit without an order: to a shop, or to the web with some pages looked at."""
    if channel == "store":
        shop = catalogue.draw_shop(rng, shopper.home)
        yield Row(at_s, "store.visited", f"/demo/door/{shop}", {"channel": "store", "store": shop})
        return
    picks = rng.choice(len(catalogue.PRODUCTS), int(rng.integers(1, 5)), p=shopper.taste.weights).tolist()
    lines = [Line(catalogue.PRODUCTS[at], 1) for at in picks]
    if rng.random() < 0.4:
        sought = lines[0].product
        query = sought.name if rng.random() < 0.5 else catalogue.CATEGORY_TITLES[sought.category]
        yield Row(at_s, "products.searched", WEB, {"query": query, "channel": "web"})
    for page, line in enumerate(lines, start=1):
        yield Row(at_s + 40 * page, "product.viewed", WEB, line.as_page())
        if rng.random() < 0.2:
            yield Row(at_s + 40 * page + 15, "product.added", WEB, line.as_page())


def wander(rng: Generator, shopper: Shopper, since_day: float, visits: int, gap_days: float) -> Iterator[Row]:
    """`visits` without an order, after `since_day`, with exponential gaps."""
    for day in since_day + np.cumsum(rng.exponential(gap_days, visits)):
        channel = "web" if rng.random() < shopper.web_share else "store"
        yield from look_around(rng, shopper, int(day) * DAY_S + catalogue.draw_clock_s(rng, channel), channel)


def check_out(rng: Generator, order: Order, currency: str) -> Iterator[Row]:
    for place, line in enumerate(order.basket.lines[:3] if order.channel == "web" else ()):
        if rng.random() < 0.3:
            yield Row(order.at_s - 600 + 60 * place, "product.viewed", WEB, line.as_page())
            yield Row(order.at_s - 570 + 60 * place, "product.added", WEB, line.as_page())
    data = {"order_id": order.order_id, "currency": currency, "total": order.basket.total_minor / 100}
    data |= {"discount": order.basket.discount_minor / 100, "channel": order.channel}
    data["products"] = [line.as_wire() for line in order.basket.lines]
    yield Row(order.at_s, "order.completed", order.source, data)


def give_back(rng: Generator, order: Order) -> Iterator[Row]:
    if rng.random() > (0.06 if order.channel == "web" else 0.025):
        return
    at_s = order.at_s
    for returned in order.basket.draw_returns(rng):
        at_s = catalogue.draw_later_s(rng, at_s, 7)
        data = {"order_id": order.order_id, "total": returned.total_minor / 100}
        data["products"] = [line.as_wire() for line in returned.lines]
        yield Row(at_s, "order.refunded", order.source, data)


def handle_case(rng: Generator, order: Order, kind: str) -> list[Row]:
    """Opened, mostly answered, mostly resolved; questions more surely and sooner than complaints."""
    easy = kind == "question"
    causes = catalogue.QUESTION_CAUSES if easy else catalogue.COMPLAINT_CAUSES[order.channel]
    case = {"case_id": f"{order.order_id}-{kind[0].upper()}"}
    at_s = catalogue.draw_later_s(rng, order.at_s, 3)
    rows = [Row(at_s, "case.opened", SERVICE, case | {"kind": kind, "cause": str(rng.choice(causes))})]
    for step, chance in (("case.answered", 0.85), ("case.resolved", 0.72)):
        if rng.random() > (0.98 if easy else chance):
            break
        at_s += 300 + int(rng.exponential(0.2 if easy else 1.5) * DAY_S)
        rows.append(Row(at_s, step, SERVICE, case))
    return rows


def rate(rng: Generator, shopper: Shopper, at_s: int, grievance: float) -> Iterator[Row]:
    """One answer to a survey; `grievance` is what a complaint takes off, in points of CSAT."""
    mood = 0.6 * shopper.satisfaction - grievance + rng.normal(0, 0.6)
    if rng.random() < 0.65:
        metric, score = "csat", int(np.clip(round(4.1 + mood), 1, 5))
        tone = "negative" if score < 3 else "neutral" if score == 3 else "positive"
    else:
        metric, score = "nps", int(np.clip(round(8.0 + 2 * mood), 0, 10))
        tone = "negative" if score < 7 else "neutral" if score < 9 else "positive"
    data: dict[str, Any] = {"metric": metric, "score": score}
    if rng.random() < 0.6:
        data["text"] = str(rng.choice(catalogue.REMARKS[tone, shopper.language]))
    yield Row(at_s, "feedback.submitted", SURVEY, data)


def keep_points(rng: Generator, orders: list[Order], end_s: int) -> Iterator[Row]:
    """A point for each unit of currency, spent on gifts in hundreds, lost after a year without an order."""
    balance = 0
    for order, next_s in zip(orders, [*(order.at_s for order in orders[1:]), end_s], strict=True):
        earned = order.basket.total_minor // 100
        balance += earned
        if earned:
            yield Row(order.at_s + 5, "points.earned", CRM, {"points": earned, "order_id": order.order_id})
        if balance >= REDEEMABLE_POINTS and rng.random() < 0.25:
            spent = balance // 100 * 100
            balance -= spent
            yield Row(order.at_s + 90, "points.redeemed", CRM, {"points": spent, "order_id": order.order_id})
        if balance and next_s - order.at_s > YEAR_S:
            yield Row(order.at_s + YEAR_S, "points.expired", CRM, {"points": balance})
            balance = 0


def keep_tier(orders: list[Order], end_s: int) -> Iterator[Row]:
    """Up as soon as the spend of a review period reaches a tier; at its end down to what it earned."""
    tier, spent_minor, review_s = 0, 0, orders[0].at_s + REVIEW_S
    for at_s, paid_minor in [*((order.at_s, order.basket.total_minor) for order in orders), (end_s, 0)]:
        while review_s <= at_s:
            earned = bisect_right(TIER_FROM_MINOR, spent_minor) - 1
            if earned != tier:
                yield Row(review_s, "tier.changed", CRM, {"tier": TIERS[earned]})
            tier, spent_minor, review_s = earned, 0, review_s + REVIEW_S
        spent_minor += paid_minor
        reached = bisect_right(TIER_FROM_MINOR, spent_minor) - 1
        if reached > tier:
            tier = reached
            yield Row(at_s + 10, "tier.changed", CRM, {"tier": TIERS[tier]})


def play_order(rng: Generator, shopper: Shopper, order: Order, currency: str) -> tuple[list[Row], bool]:
    """The order with what follows from it, and whether the customer leaves over it."""
    rows = [*check_out(rng, order, currency), *give_back(rng, order)]
    rows += wander(rng, shopper, order.at_s / DAY_S, int(rng.poisson(0.18)), 6)
    if rng.random() < 0.012:
        rows += handle_case(rng, order, "question")
    grievance, leaves = 0.0, False
    if rng.random() < 0.02 * exp(-0.4 * shopper.satisfaction):
        case = handle_case(rng, order, "complaint")
        resolved = case[-1].kind == "case.resolved"
        grievance = 0.8 if resolved else 2.5
        leaves = rng.random() < (0.1 if resolved else 0.6)
        rows += case
    if rng.random() < (0.5 if grievance else 0.06):
        rows += rate(rng, shopper, catalogue.draw_later_s(rng, order.at_s, 8), grievance)
    if leaves and shopper.member and rng.random() < 0.4:
        rows += consent(str(rng.choice(CONTACT_CHANNELS)), order.at_s + 9 * DAY_S, granted=False)
    return rows, leaves


def play_life(seed: int, shopper: Shopper, calendar: Calendar, currency: str) -> Iterator[Row]:
    """Everything one customer does, in no order and not yet cut off at the ends of the calendar."""
    rng = np.random.default_rng([seed, shopper.number, 1])
    orders = plan_orders(rng, shopper, calendar)
    if not orders:
        yield from wander(rng, shopper, shopper.acquired_day, 1 + int(rng.poisson(4)), 20)
        if rng.random() < 0.7:
            yield from join(rng, shopper, shopper.acquired_day * DAY_S + catalogue.draw_clock_s(rng, "store"))
        return
    if rng.random() < 0.3:  # looked before they bought
        yield from wander(rng, shopper, orders[0].at_s / DAY_S - 30, int(rng.integers(1, 4)), 8)
    if shopper.member:
        yield from join(rng, shopper, orders[0].at_s - 120)
    for count, order in enumerate(orders, start=1):
        rows, leaves = play_order(rng, shopper, order, currency)
        yield from rows
        if leaves:
            orders = orders[:count]
            break
    if shopper.member:
        yield from keep_points(rng, orders, calendar.end_s)
        yield from keep_tier(orders, calendar.end_s)


def stamp(played: Iterable[tuple[str, Row]], calendar: Calendar) -> Iterator[dict[str, Any]]:
    """CloudEvents from the rows of the whole shop in time order, numbered within each source."""
    counts: Counter[str] = Counter()
    for subject, row in played:
        counts[row.source] += 1
        place = row.source.removeprefix("/demo/").replace("/", "-")
        yield {
            "specversion": "1.0",
            "id": f"{place}-{counts[row.source]:06d}",
            "source": row.source,
            "type": row.kind,
            "subject": subject,
            "time": (calendar.origin + timedelta(seconds=row.at_s)).isoformat(),
            "data": row.data,
        }


def simulate(
    seed: int, customers: int, until: datetime, days: int = 730, currency: str = "CNY"
) -> Iterator[dict[str, Any]]:
    """The events of a demo shop up to and including `until`, as CloudEvents in time order.

    They begin at the first midnight (UTC+8) at or after `until` − `days`, and are the same for the
    same arguments. `currency` names the money, it does not convert: prices are those of the catalogue.
    Raises ValueError when `until` has no zone or `days` is less than 2.
    """
    if until.tzinfo is None:
        raise ValueError("until needs a time zone")
    if days < 2:
        raise ValueError("days must be at least 2")
    calendar = catalogue.draw_calendar(until, days)
    played = [
        (shopper.customer_id, row)
        for shopper in (draw_shopper(seed, number, days) for number in range(1, customers + 1))
        for row in play_life(seed, shopper, calendar, currency)
        if 0 <= row.at_s <= calendar.end_s
    ]
    played.sort(key=lambda entry: entry[1].at_s)  # stable, so cause stays before effect within a second
    return stamp(played, calendar)
