"""What a feature's value means, in a sentence for people, English or Chinese.

Numbers are those of the feature, rounded; money is in the deployment's currency. Languages are `en` and `zh`.
"""

from collections.abc import Callable, Sequence
from math import floor
from typing import Final, NamedTuple

from app.lifecycle.btyd import HORIZON_DAYS
from app.lifecycle.features import FEATURE_NAMES, FEATURES
from app.lifecycle.measures import DECAYED, HALF_LIVES_DAYS

CHINESE: Final = "zh"
MONTH_DAYS: Final = 30
MOST_MONTHLY: Final = 100
_SEASONAL: Final = 0.2
"""Mean cosine or sine of the calendar phase from which orders lean to a part of the year."""


class Money(NamedTuple):
    """How money is written: ISO 4217, and the decimal digits of its minor unit."""

    currency: str
    digits: int


Write = Callable[[float, Money, bool], str]
"""A value, the money, and whether in Chinese → the words that stand for it in a template."""


class Phrase(NamedTuple):
    """Templates with one place (`%s`) for what `write` makes of the value, and sentences for an unknown one."""

    en: str
    zh: str
    write: Write
    en_unknown: str = "Not known yet"
    zh_unknown: str = "尚不清楚"


def phrase(at: int, row: Sequence[float], money: Money, language: str) -> str:
    """Of the feature at that place in FEATURES, in a row of all of them."""
    value, is_chinese = row[at], language == CHINESE
    if at == _RECENCY and value == value:
        return _capitalise(_write_silence(value, row[_RHYTHM], money, is_chinese))
    before, after, write, unknown = (_CHINESE if is_chinese else _ENGLISH)[at]
    if value != value:  # NaN
        return unknown
    words = write(value, money, is_chinese)
    if is_chinese:
        return f"{before}{words}{after}".replace(" 不到", "不到")  # figures have space around them
    return f"{before}{words}{after}" if before else f"{_capitalise(words)}{after}"


def _capitalise(text: str) -> str:
    """A template may begin with its number, and a number with a word."""
    return text[0].upper() + text[1:]


def _write_number(value: float, _: Money, is_chinese: bool) -> str:
    """To a tenth, and no zero for what is more than nothing."""
    if 0.0 < value < 0.05:
        return "不到 0.1" if is_chinese else "under 0.1"
    return f"{value:,.1f}".removesuffix(".0")


def _write_count(singular: str, plural: str) -> Write:
    """A number and what is counted; Chinese has the word in its template."""

    def write(value: float, money: Money, is_chinese: bool) -> str:
        number = _write_number(value, money, is_chinese)
        return number if is_chinese else f"{number} {singular if number == '1' else plural}"

    return write


def _write_days(value: float, _: Money, is_chinese: bool) -> str:
    """Whole days, as they are counted: 1.9 days are one."""
    days = floor(value)
    if is_chinese:
        return f"{days:,} 天" if days else "不到 1 天"
    return "less than a day" if not days else "1 day" if days == 1 else f"{days:,} days"


def _write_pace(value: float, _: Money, is_chinese: bool) -> str:
    days = round(value)
    if days < 2:
        return "每天" if is_chinese else "every day"
    return f"每 {days:,} 天" if is_chinese else f"every {days:,} days"


def _write_share(value: float, _: Money, is_chinese: bool) -> str:
    """A share as a percentage; none and all are said of nothing else."""
    percent = round(100 * value)
    if percent == 0 and value > 0.0:
        return "不到 1%" if is_chinese else "under 1%"
    if percent == 100 and value < 1.0:
        return "99% 以上" if is_chinese else "over 99%"
    return f"{percent:,}%"


def _write_money(value: float, money: Money, is_chinese: bool) -> str:
    amount = f"{value / 10**money.digits:,.{money.digits}f}"
    if is_chinese:
        return f"{amount} 元" if money.currency == "CNY" else f"{amount} {money.currency}"
    return f"{money.currency} {amount}"


def _write_monthly(value: float, money: Money, is_chinese: bool) -> str:
    """Who first ordered a second ago has millions a month at that pace, which says nothing."""
    if value * MONTH_DAYS > MOST_MONTHLY:
        return f"{MOST_MONTHLY} 以上" if is_chinese else f"over {MOST_MONTHLY}"
    return _write_number(value * MONTH_DAYS, money, is_chinese)


def _write_open(value: float, _: Money, is_chinese: bool) -> str:
    cases = max(round(value), 0)
    if is_chinese:
        return f"有 {cases} 个服务请求未解决" if cases else "没有未解决的服务请求"
    return f"{cases or 'No'} service case{'' if cases == 1 else 's'} open"


def _write_season(toward: tuple[str, str], away: tuple[str, str], neither: tuple[str, str]) -> Write:
    """One of three sentences, by the sign; each in English and Chinese."""

    def write(value: float, _: Money, is_chinese: bool) -> str:
        said = toward if value >= _SEASONAL else away if value <= -_SEASONAL else neither
        return said[is_chinese]

    return write


def _write_silence(recency: float, rhythm: float, money: Money, is_chinese: bool) -> str:
    days, is_known = _write_days(recency, money, is_chinese), rhythm == rhythm
    pace = _write_pace(rhythm, money, is_chinese) if is_known else ""
    if is_chinese:
        since = f"已 {days}" if recency >= 1.0 else days
        return f"距上次下单{since}，通常{pace}下单一次" if is_known else f"距唯一一次下单{since}"
    return f"{days} since the last order; usually orders {pace}" if is_known else f"{days} since the only order"


_orders = _write_count("order", "orders")
_visits = _write_count("visit", "visits")
_pieces = _write_count("piece", "pieces")
_complaints = _write_count("complaint", "complaints")

_SPOKEN: Final[dict[str, Phrase]] = {
    "recency_days": Phrase("%s since the last order", "距上次下单 %s", _write_days, "No order yet", "尚未下单"),
    "tenure_days": Phrase("%s since the first order", "自首次下单起 %s", _write_days, "No order yet", "尚未下单"),
    "known_days": Phrase("%s since first seen", "自首次出现起 %s", _write_days),
    "orders": Phrase("%s so far", "迄今共 %s 笔订单", _orders),
    "net_spend": Phrase("%s spent so far, less refunds", "迄今消费 %s（已扣除退款）", _write_money),
    "average_order": Phrase(
        "%s an order on average, less refunds", "平均每单 %s（已扣除退款）", _write_money, "No order yet", "尚未下单"
    ),
    "gross_order": Phrase("%s an order on average", "平均每单 %s", _write_money, "No order yet", "尚未下单"),
    "items_per_order": Phrase("%s an order on average", "平均每单 %s 件", _pieces, "No order yet", "尚未下单"),
    "rhythm_days": Phrase(
        "Usually orders %s", "通常%s下单一次", _write_pace, "One order so far: no rhythm yet", "仅下过一次单，尚无规律"
    ),
    "silence_ratio": Phrase(
        "Silent for %s times the usual gap between orders",
        "沉默时长为通常下单间隔的 %s 倍",
        _write_number,
        "No usual gap yet to compare the silence with",
        "尚无通常下单间隔可供比较",
    ),
    "lapse_chance": Phrase(
        f"At this pace, a chance of %s of no order in {HORIZON_DAYS:g} days",
        f"按目前节奏，{HORIZON_DAYS:g} 天内不下单的可能性为 %s",
        _write_share,
        "No order yet",
        "尚未下单",
    ),
    "pace_orders": Phrase(
        f"At this pace, %s to expect in {HORIZON_DAYS:g} days",
        f"按目前节奏，{HORIZON_DAYS:g} 天内预计 %s 笔订单",
        _orders,
        "No order yet",
        "尚未下单",
    ),
    "recency_share": Phrase(
        "Silent for %s of the time since the first order",
        "自首次下单以来，未再下单的时间占 %s",
        _write_share,
        "First order only just placed",
        "刚刚首次下单",
    ),
    "orders_per_day": Phrase(
        f"Orders in {MONTH_DAYS} days, on average since the first one: %s",
        f"自首次下单以来平均每 {MONTH_DAYS} 天 %s 笔订单",
        _write_monthly,
        "First order only just placed",
        "刚刚首次下单",
    ),
    "last_gap_days": Phrase(
        "%s between the last two orders", "最近两次下单相隔 %s", _write_days, "One order so far", "仅下过一次单"
    ),
    "store_share": Phrase("%s of orders in the store", "%s 的订单在门店完成", _write_share, "No order yet", "尚未下单"),
    "discount_share": Phrase(
        "Discounts come to %s of spend", "优惠相当于消费的 %s", _write_share, "Nothing spent yet", "尚无消费"
    ),
    "refund_share": Phrase(
        "Refunds come to %s of spend", "退款相当于消费的 %s", _write_share, "Nothing spent yet", "尚无消费"
    ),
    "refund_recency_days": Phrase(
        "%s since the last refund", "距上次退款 %s", _write_days, "No refund so far", "从未退款"
    ),
    "visit_recency_days": Phrase(
        "%s since the last visit", "距上次到访 %s", _write_days, "No visit on record", "没有到访记录"
    ),
    "visits": Phrase("%s so far", "迄今到访 %s 次", _visits),
    "complaint_recency_days": Phrase(
        "%s since the last complaint", "距上次投诉 %s", _write_days, "No complaint so far", "从未投诉"
    ),
    "complaints": Phrase("%s so far", "迄今投诉 %s 次", _complaints),
    "open_cases": Phrase("%s", "%s", _write_open),
    "season_same": Phrase(
        "%s",
        "%s",
        _write_season(
            ("Usually orders at this time of the year", "通常在每年的这个时候下单"),
            ("Usually orders at the opposite time of the year", "通常在每年相反的时节下单"),
            ("Orders lean neither to this time of the year nor away from it", "下单与当前时节无明显关系"),
        ),
        "No order yet",
        "尚未下单",
    ),
    "season_ahead": Phrase(
        "%s",
        "%s",
        _write_season(
            ("Usually orders in the months to come", "通常在接下来的几个月下单"),
            ("Usually orders in the months just past", "通常在刚过去的几个月下单"),
            ("Orders lean neither to the months to come nor to those just past", "下单与前后几个月无明显关系"),
        ),
        "No order yet",
        "尚未下单",
    ),
}
_QUANTITIES: Final[dict[str, tuple[str, str, Write]]] = {
    "orders": ("Orders", "订单 %s 笔", _write_number),
    "spend": ("Spend", "消费 %s", _write_money),
    "items": ("Pieces", "购买 %s 件", _write_number),
    "discount": ("Discounts", "优惠 %s", _write_money),
    "refunded": ("Refunds", "退款 %s", _write_money),
    "visits": ("Visits", "到访 %s 次", _write_number),
}
_CHANGES: Final = {"orders": ("Orders", "订单"), "spend": ("Spend", "消费")}


def _speak_decayed(quantity: str, half_life_days: int) -> Phrase:
    en, zh, write = _QUANTITIES[quantity]
    return Phrase(
        f"{en} of late: %s (worth half after {half_life_days} days)",
        f"近期{zh}（每过 {half_life_days} 天折半计）",
        write,
    )


def _speak_change(quantity: str, short: int, long: int) -> Phrase:
    """Steady buyers keep the ratio of the half-lives, whatever their pace."""
    (en, zh), steady = _CHANGES[quantity], f"{100 * short / long:.0f}%%"
    return Phrase(
        f"{en} of the last {short} days: %s of the last {long} days'; {steady} at a steady pace",
        f"近 {short} 天{zh}为近 {long} 天的 %s（匀速时为 {steady}）",
        _write_share,
        f"No {quantity} in the last {long} days",
        f"近 {long} 天没有{zh}",
    )


def _compile() -> tuple[Phrase, ...]:
    """In the order of FEATURES. What has no sentence is told by its label."""
    quantities = {measure: measure.name.partition("_")[0] for measure in DECAYED}
    decayed = {m.name: _speak_decayed(of, m.half_life_days) for m, of in quantities.items() if of in _QUANTITIES}
    changes = {
        f"{quantity}_{short}d_per_{long}d": _speak_change(quantity, short, long)
        for quantity in _CHANGES
        for short in HALF_LIVES_DAYS
        for long in HALF_LIVES_DAYS
        if short < long
    }
    spoken = _SPOKEN | decayed | changes
    return tuple(
        spoken.get(feature.name) or Phrase(f"{feature.label}: %s", f"{feature.label}: %s", _write_number)
        for feature in FEATURES
    )


def _split(template: str) -> tuple[str, str]:
    before, after = template.split("%s")
    return before.replace("%%", "%"), after.replace("%%", "%")


_RECENCY, _RHYTHM = FEATURE_NAMES.index("recency_days"), FEATURE_NAMES.index("rhythm_days")
_PHRASES: Final = _compile()
_ENGLISH: Final = tuple((*_split(_capitalise(each.en)), each.write, each.en_unknown) for each in _PHRASES)
_CHINESE: Final = tuple((*_split(each.zh), each.write, each.zh_unknown) for each in _PHRASES)
"""Of each feature: what stands before and after its words, what writes them, and the sentence for an unknown one."""
