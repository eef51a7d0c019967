"""What a customer of the demo shop leaves behind: visits, orders and refunds, service cases, answers to surveys."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator

from ml.demo.baskets import Line
from ml.demo.catalogue import CATEGORY_TITLES, PRODUCTS
from ml.demo.remarks import COMPLAINT_CAUSES, QUESTION_CAUSES, REMARKS
from ml.demo.seasons import DAY_S, draw_clock_s, draw_later_s, draw_shop
from ml.demo.shoppers import WEB, Order, Shopper

CRM, SERVICE, SURVEY = "/demo/crm", "/demo/service", "/demo/survey"
CONTACT_CHANNELS: Final = ("email", "sms", "wechat", "phone", "push")


class Row(NamedTuple):
    """An event before it has its id; `at_s` counts seconds from the origin of the calendar."""

    at_s: int
    kind: str
    source: str
    data: dict[str, Any]


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


def look_around(rng: Generator, shopper: Shopper, at_s: int, channel: str, cart_chance: float = 0.2) -> Iterator[Row]:
    """A visit without an order: to a shop, or to the web with some pages looked at."""
    if channel == "store":
        shop = draw_shop(rng, shopper.home)
        yield Row(at_s, "store.visited", f"/demo/door/{shop}", {"channel": "store", "store": shop})
        return
    picks = rng.choice(len(PRODUCTS), int(rng.integers(1, 5)), p=shopper.taste.weights).tolist()
    lines = [Line(PRODUCTS[at], 1) for at in picks]
    if rng.random() < 0.4:
        sought = lines[0].product
        query = sought.name if rng.random() < 0.5 else CATEGORY_TITLES[sought.category]
        yield Row(at_s, "products.searched", WEB, {"query": query, "channel": "web"})
    for page, line in enumerate(lines, start=1):
        yield Row(at_s + 40 * page, "product.viewed", WEB, line.as_page())
        if rng.random() < cart_chance:
            yield Row(at_s + 40 * page + 15, "product.added", WEB, line.as_page())


def wander(rng: Generator, shopper: Shopper, since_day: float, visits: int, gap_days: float) -> Iterator[Row]:
    """`visits` without an order, after `since_day`, with exponential gaps."""
    for day in since_day + np.cumsum(rng.exponential(gap_days, visits)):
        channel = "web" if rng.random() < shopper.web_share else "store"
        yield from look_around(rng, shopper, int(day) * DAY_S + draw_clock_s(rng, channel), channel)


KEENNESS: Final = {"weekly": 2.0, "monthly": 1.3, "occasional": 0.7, "seasonal": 0.7, "once": 0.7}
"""By rhythm: who will come often is keener from the first."""


def make_up_mind(rng: Generator, shopper: Shopper, order_at_s: int) -> Iterator[Row]:
    """The visits of who thinks it over before the first order: the keener, the more of them come, the more of what is
    looked at goes into the cart, and the sooner the order follows."""
    keenness = KEENNESS[shopper.rhythm] * rng.lognormal(0, 0.5)
    days = min(2 + rng.exponential(70) / keenness, 200)
    visits = 1 + int(rng.poisson(0.08 * keenness * days))
    for before in (days, *rng.uniform(0.5, days, visits - 1)):
        channel = "web" if rng.random() < 0.8 else "store"
        at_s = order_at_s - int(before * DAY_S)
        yield from look_around(rng, shopper, at_s, channel, min(0.15 * keenness, 0.7))


def check_out(rng: Generator, order: Order, currency: str) -> Iterator[Row]:
    for place, line in enumerate(order.basket.lines[:3] if order.channel == "web" else ()):
        if rng.random() < 0.3:
            yield Row(order.at_s - 600 + 60 * place, "product.viewed", WEB, line.as_page())
            yield Row(order.at_s - 570 + 60 * place, "product.added", WEB, line.as_page())
    data = {"order_id": order.order_id, "currency": currency, "total": order.basket.total_minor / 100}
    data |= {"discount": order.basket.discount_minor / 100, "channel": order.channel}
    basket = order.basket
    data["products"] = [
        line.as_wire(discount_minor) for line, discount_minor in zip(basket.lines, basket.discounts_minor, strict=True)
    ]
    yield Row(order.at_s, "order.completed", order.source, data)


def give_back(rng: Generator, order: Order) -> Iterator[Row]:
    if rng.random() > (0.06 if order.channel == "web" else 0.025):
        return
    at_s = order.at_s
    for returned in order.basket.draw_returns(rng):
        at_s = draw_later_s(rng, at_s, 7)
        data = {"order_id": order.order_id, "total": returned.total_minor / 100}
        data["products"] = [line.as_wire() for line in returned.lines]
        yield Row(at_s, "order.refunded", order.source, data)


def handle_case(rng: Generator, order: Order, kind: str) -> list[Row]:
    """Opened, mostly answered, mostly resolved; questions more surely and sooner than complaints."""
    easy = kind == "question"
    causes = QUESTION_CAUSES if easy else COMPLAINT_CAUSES[order.channel]
    case = {"case_id": f"{order.order_id}-{kind[0].upper()}"}
    at_s = draw_later_s(rng, order.at_s, 3)
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
        data["text"] = str(rng.choice(REMARKS[tone, shopper.language]))
    yield Row(at_s, "feedback.submitted", SURVEY, data)
