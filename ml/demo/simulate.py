"""The demo shop's events: the lives of single customers, played into CloudEvents.

Nobody's data. Every `source` begins with `/demo/`; every customer, order, case and product id with
`DEMO-`; e-mail addresses are under example.com and telephone numbers under a prefix that is not
allocated, so that simulated customers can be told from real ones wherever they turn up.

An order may bring a refund, points, a tier, feedback or a complaint; a complaint that stays
unresolved often ends the relation, so a life is played order by order.

*Random numbers* come from two generators a customer, seeded by (seed, customer number, 0 or 1): a
customer does not change when the shop gets more of them. There is no clock; `until` is passed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from math import exp
from typing import Any

import numpy as np
from numpy.random import Generator

from ml.demo.loyalty import keep_points, keep_tier
from ml.demo.seasons import DAY_S, Calendar, draw_calendar, draw_clock_s, draw_later_s
from ml.demo.shoppers import Order, Shopper, draw_shopper, plan_orders
from ml.demo.touchpoints import (
    CONTACT_CHANNELS,
    Row,
    check_out,
    consent,
    give_back,
    handle_case,
    join,
    make_up_mind,
    rate,
    wander,
)


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
        rows += rate(rng, shopper, draw_later_s(rng, order.at_s, 8), grievance)
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
            yield from join(rng, shopper, shopper.acquired_day * DAY_S + draw_clock_s(rng, "store"))
        return
    if rng.random() < 0.3:  # looked before they bought
        yield from wander(rng, shopper, orders[0].at_s / DAY_S - 30, int(rng.integers(1, 4)), 8)
    thoughts = rng.spawn(1)[0]  # a stream of its own
    if thoughts.random() < 0.3:
        yield from make_up_mind(thoughts, shopper, orders[0].at_s)
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
    same arguments. `currency` names the money, it does not convert: prices are those of the
    Raises ValueError when `until` has no zone or `days` is less than 2.
    """
    if until.tzinfo is None:
        raise ValueError("until needs a time zone")
    if days < 2:
        raise ValueError("days must be at least 2")
    calendar = draw_calendar(until, days)
    played = [
        (shopper.customer_id, row)
        for shopper in (draw_shopper(seed, number, days) for number in range(1, customers + 1))
        for row in play_life(seed, shopper, calendar, currency)
        if 0 <= row.at_s <= calendar.end_s
    ]
    played.sort(key=lambda entry: entry[1].at_s)  # stable, so cause stays before effect within a second
    return stamp(played, calendar)
