"""What reasons say: every feature in both languages, with its own number and unit."""

import re
from math import nan

import pytest

from app.lifecycle.features import FEATURE_NAMES, FEATURES
from app.lifecycle.phrases import Money, phrase

YUAN, EURO, YEN = Money("CNY", 2), Money("EUR", 2), Money("JPY", 0)
LANGUAGES = ("en", "zh")
HAN = re.compile("[\u4e00-\u9fff]")


def say(name, value, language="en", money=YUAN, **others):
    row = [nan] * len(FEATURES)
    for other, its in others.items():
        row[FEATURE_NAMES.index(other)] = its
    row[FEATURE_NAMES.index(name)] = value
    return phrase(FEATURE_NAMES.index(name), row, money, language)


BY_HAND = [
    ("recency_days", 23.4, {"rhythm_days": 9.2}, "23 days since the last order; usually orders every 9 days"),
    ("recency_days", 1.99, {"rhythm_days": 1.2}, "1 day since the last order; usually orders every day"),
    ("recency_days", 0.2, {}, "Less than a day since the only order"),
    ("recency_days", 0.2, {"rhythm_days": 9.2}, "Less than a day since the last order; usually orders every 9 days"),
    ("last_gap_days", 0.5, {}, "Less than a day between the last two orders"),
    ("items_per_order", 0.01, {}, "Under 0.1 pieces an order on average"),
    ("store_share", 0.999, {}, "Over 99% of orders in the store"),
    ("tenure_days", 1234.0, {}, "1,234 days since the first order"),
    ("known_days", 1.0, {}, "1 day since first seen"),
    ("orders", 24.0, {}, "24 orders so far"),
    ("orders", 1.0, {}, "1 order so far"),
    ("net_spend", 123456.0, {}, "CNY 1,234.56 spent so far, less refunds"),
    ("average_order", 12850.4, {}, "CNY 128.50 an order on average, less refunds"),
    ("items_per_order", 2.25, {}, "2.2 pieces an order on average"),
    ("rhythm_days", 9.2, {}, "Usually orders every 9 days"),
    ("rhythm_days", nan, {}, "One order so far: no rhythm yet"),
    ("silence_ratio", 2.54, {}, "Silent for 2.5 times the usual gap between orders"),
    ("lapse_chance", 0.831, {}, "At this pace, a chance of 83% of no order in 90 days"),
    ("lapse_chance", 0.999, {}, "At this pace, a chance of over 99% of no order in 90 days"),
    ("pace_orders", 1.0, {}, "At this pace, 1 order to expect in 90 days"),
    ("pace_orders", 0.01, {}, "At this pace, under 0.1 orders to expect in 90 days"),
    ("recency_share", 0.004, {}, "Silent for under 1% of the time since the first order"),
    ("orders_per_day", 0.1, {}, "Orders in 30 days, on average since the first one: 3"),
    ("orders_per_day", 87_669.5, {}, "Orders in 30 days, on average since the first one: over 100"),
    ("last_gap_days", 17.5, {}, "17 days between the last two orders"),
    ("store_share", 1.0, {}, "100% of orders in the store"),
    ("discount_share", 0.125, {}, "Discounts come to 12% of spend"),
    ("refund_share", 0.0, {}, "Refunds come to 0% of spend"),
    ("refund_recency_days", nan, {}, "No refund so far"),
    ("visit_recency_days", 3.0, {}, "3 days since the last visit"),
    ("visits", 2.0, {}, "2 visits so far"),
    ("complaint_recency_days", 5.0, {}, "5 days since the last complaint"),
    ("complaints", 1.0, {}, "1 complaint so far"),
    ("open_cases", 1.0, {}, "1 service case open"),
    ("open_cases", 2.0, {}, "2 service cases open"),
    ("open_cases", -1.0, {}, "No service cases open"),
    ("season_same", 0.9, {}, "Usually orders at this time of the year"),
    ("season_same", -0.9, {}, "Usually orders at the opposite time of the year"),
    ("season_ahead", 0.9, {}, "Usually orders in the months to come"),
    ("season_ahead", -0.9, {}, "Usually orders in the months just past"),
    ("orders_decayed_30d", 2.34, {}, "Orders of late: 2.3 (worth half after 30 days)"),
    ("spend_decayed_60d", 50_000.0, {}, "Spend of late: CNY 500.00 (worth half after 60 days)"),
    ("items_decayed_240d", 12.0, {}, "Pieces of late: 12 (worth half after 240 days)"),
    ("refunded_decayed_120d", 0.0, {}, "Refunds of late: CNY 0.00 (worth half after 120 days)"),
    ("orders_15d_per_60d", 0.4, {}, "Orders of the last 15 days: 40% of the last 60 days'; 25% at a steady pace"),
    ("spend_240d_per_480d", 0.4, {}, "Spend of the last 240 days: 40% of the last 480 days'; 50% at a steady pace"),
]


@pytest.mark.parametrize(("name", "value", "others", "text"), BY_HAND)
def test_in_english_by_hand(name, value, others, text):
    assert say(name, value, **others) == text


BY_HAND_CHINESE = [
    ("recency_days", 23.4, {"rhythm_days": 9.2}, "距上次下单已 23 天，通常每 9 天下单一次"),
    ("recency_days", 0.2, {}, "距唯一一次下单不到 1 天"),
    ("recency_days", 2.0, {"rhythm_days": 1.2}, "距上次下单已 2 天，通常每天下单一次"),
    ("rhythm_days", 9.2, {}, "通常每 9 天下单一次"),
    ("orders", 24.0, {}, "迄今共 24 笔订单"),
    ("average_order", 12850.4, {}, "平均每单 128.50 元（已扣除退款）"),
    ("lapse_chance", 0.831, {}, "按目前节奏，90 天内不下单的可能性为 83%"),
    ("refund_recency_days", nan, {}, "从未退款"),
    ("open_cases", 0.0, {}, "没有未解决的服务请求"),
    ("visits", 2.0, {}, "迄今到访 2 次"),
    ("orders_decayed_30d", 2.34, {}, "近期订单 2.3 笔（每过 30 天折半计）"),
    ("orders_15d_per_60d", 0.001, {}, "近 15 天订单为近 60 天的不到 1%（匀速时为 25%）"),
    ("spend_15d_per_60d", 0.4, {}, "近 15 天消费为近 60 天的 40%（匀速时为 25%）"),
]


@pytest.mark.parametrize(("name", "value", "others", "text"), BY_HAND_CHINESE)
def test_in_chinese_by_hand(name, value, others, text):
    assert say(name, value, "zh", **others) == text


@pytest.mark.parametrize(
    ("money", "en", "zh"),
    [
        (EURO, "EUR 1,234.50 an order on average, less refunds", "平均每单 1,234.50 EUR（已扣除退款）"),
        (YEN, "JPY 123,450 an order on average, less refunds", "平均每单 123,450 JPY（已扣除退款）"),
        (YUAN, "CNY 1,234.50 an order on average, less refunds", "平均每单 1,234.50 元（已扣除退款）"),
    ],
)
def test_money_is_in_the_currency_of_the_deployment(money, en, zh):
    assert say("average_order", 123_450.0, "en", money) == en
    assert say("average_order", 123_450.0, "zh", money) == zh


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_every_feature_speaks_both_languages(name):
    """Known or not; no label, no place left open, no Chinese in English and some in Chinese."""
    label = FEATURES[FEATURE_NAMES.index(name)].label
    for value in (0.0, 0.7, 3.0, nan):
        english, chinese = say(name, value), say(name, value, "zh")
        assert english
        assert not english.startswith(f"{label}:")
        assert not HAN.search(english)
        assert HAN.search(chinese)
        assert "%s" not in english + chinese
        assert "nan" not in english + chinese


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_every_phrase_begins_like_a_sentence(name):
    """Also where it begins with its number, and that is said in words."""
    for value in (0.0, 0.001, 0.4, 0.999, 1.0, 7.0, 123_456.0, -1.0, nan):
        for others in ({}, {"rhythm_days": 1.2}, {"rhythm_days": 30.0}):
            text = say(name, value, **({} if name == "rhythm_days" else others))
            assert text[0].isupper() or text[0] in "-0123456789", text


WORDLESS = ("season_same", "season_ahead")
"""Told by their direction, without a number."""
UNITS = {
    "days": ("day", "天"),
    "orders": ("order", "笔"),
    "pieces": ("piece", "件"),
    "minor": ("CNY", "元"),
    "probability": ("%", "%"),
    "orders/day": ("Orders in 30 days", "每 30 天"),
    "cases": ("service case", "服务请求"),
}


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if name not in WORDLESS])
def test_every_phrase_has_the_number_and_the_unit_of_its_value(name):
    feature = FEATURES[FEATURE_NAMES.index(name)]
    value, number = 7.0, "7"
    if feature.unit == "minor":
        value, number = 70_000.0, "700.00"
    elif feature.unit == "orders/day":
        value, number = 0.5, "15"
    elif feature.unit == "probability" or (feature.unit == "ratio" and name != "silence_ratio"):
        value, number = 0.37, "37%"
    english, chinese = say(name, value), say(name, value, "zh")
    assert re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d.,])", english), english
    assert re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d.,])", chinese), chinese
    if feature.unit in UNITS:
        in_english, in_chinese = UNITS[feature.unit]
        assert in_english.lower() in english.lower()
        assert in_chinese in chinese


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if "_per_" in name and name.endswith("d")])
def test_a_steady_buyer_is_told_the_steady_share(name):
    """Of someone who buys at one pace for ever, the sums of two half-lives are as the half-lives."""
    short, long = map(int, re.findall(r"(\d+)d", name))
    share = f"{100 * short / long:.0f}%"
    assert say(name, short / long).count(share) == 2


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if "_decayed_" in name])
def test_a_decayed_sum_names_its_half_life(name):
    found = re.search(r"(\d+)d$", name)
    assert found
    days = found[1]
    assert f"half after {days} days" in say(name, 1.0)
    assert f"每过 {days} 天折半" in say(name, 1.0, "zh")
