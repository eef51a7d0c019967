"""What customers of the demo shop leave behind beside their orders."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import product

from ml.demo.shoppers import draw_shopper
from ml.demo.simulate import simulate
from tests.ml.demo.shop import DAYS, UNTIL, find_order_times, of_type


def test_identifiers_are_fictitious(events):
    given = [
        (one["kind"], one["value"])
        for event in of_type(events, "customer.identified")
        for one in event["data"]["identifiers"]
    ]
    assert {kind for kind, _ in given} == {"phone", "email"}
    assert all(value.startswith("+86100") for kind, value in given if kind == "phone")
    assert all(value.endswith("@example.com") for kind, value in given if kind == "email")
    assert len(set(given)) == len(given)


def test_consent_is_given_and_withdrawn_by_channel(events):
    given = {(e["data"]["channel"], e["data"]["granted"]) for e in of_type(events, "consent.changed")}
    assert given == set(product(("email", "sms", "wechat", "phone", "push"), (True, False)))


def test_cases_are_opened_then_answered_then_resolved_and_some_complaints_never(events):
    steps, kinds = defaultdict(list), dict[str, str]()
    for event in of_type(events, "case.opened", "case.answered", "case.resolved"):
        steps[event["data"]["case_id"]].append(event["type"])
        kinds.setdefault(event["data"]["case_id"], event["data"].get("kind"))
    full = ["case.opened", "case.answered", "case.resolved"]
    assert all(taken == full[: len(taken)] for taken in steps.values())
    assert set(kinds.values()) == {"complaint", "question"}
    resolved = [steps[case] == full for case, kind in kinds.items() if kind == "complaint"]
    assert 0.4 < sum(resolved) / len(resolved) < 0.85


def test_an_unresolved_complaint_ends_more_relations_than_a_resolved_one():
    stayed = defaultdict(list)
    events = list(simulate(11, 1_500, UNTIL))
    order_times = find_order_times(events)
    resolved = {event["data"]["case_id"] for event in of_type(events, "case.resolved")}
    regular = {
        s.customer_id
        for s in (draw_shopper(11, number, DAYS) for number in range(1, 1_501))
        if s.rhythm in {"weekly", "monthly"}
    }
    for event in of_type(events, "case.opened"):
        at = datetime.fromisoformat(event["time"])
        if event["data"]["kind"] == "complaint" and event["subject"] in regular and at < UNTIL - timedelta(days=90):
            came_back = any(at < time < at + timedelta(days=90) for time in order_times[event["subject"]])
            stayed[event["data"]["case_id"] in resolved].append(came_back)
    share = {known: sum(came) / len(came) for known, came in stayed.items()}
    assert share[True] > share[False] + 0.25


def test_feedback_is_on_its_scale_and_its_words_fit_the_score(events):
    scales = {"csat": range(1, 6), "nps": range(11)}
    words = defaultdict(set)
    for data in (event["data"] for event in of_type(events, "feedback.submitted")):
        assert data["score"] in scales[data["metric"]]
        low, high = {"csat": (2, 4), "nps": (6, 9)}[data["metric"]]
        tone = "negative" if data["score"] <= low else "positive" if data["score"] >= high else "neutral"
        words[tone].add(data.get("text"))
    told = {tone: texts - {None} for tone, texts in words.items()}
    assert all(told[tone] for tone in ("negative", "neutral", "positive"))
    assert not told["negative"] & told["positive"]
    assert not told["neutral"] & (told["positive"] | told["negative"])
    assert {text.isascii() for texts in told.values() for text in texts} == {True, False}
