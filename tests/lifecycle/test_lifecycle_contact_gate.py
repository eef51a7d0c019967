"""Contact policy: caps over sliding windows, quiet hours, consent, and what waits while a customer is unhappy."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.foundation.zones import offset_us
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import Contact, ContactRules
from app.lifecycle.contact_policy import GROUPS, Cap, ContactPolicy, QuietHours
from app.lifecycle.events import DAY_US

NOW_US = int(datetime(2026, 11, 27, 4, 0, tzinfo=UTC).timestamp()) * 10**6
"""Noon in Shanghai, four in the morning in London."""


class Customer(NamedTuple):
    consents: dict[str, bool] = {"*": True}  # noqa: RUF012
    refuses_profiling: bool = False
    csat: float | None = None
    csat_us: int | None = None
    time_zone: str | None = None
    purposes: dict[str, dict[str, bool]] = {}  # noqa: RUF012


ANYBODY = Customer()


def make_action(action_id="offer", **changes: Any):
    told = {"title": {"en": "An offer", "zh": "优惠"}, "stages": ("growing",), "channels": ("store", "email")}
    return Action.model_validate(
        {"action_id": action_id, **told, "aim": "grow", "response_rate": 0.2, "effect": 0.1, **changes}
    )


OFFER, OTHER, SURVEY, SERVICE = (
    make_action("offer"),
    make_action("other"),
    make_action("survey", group="survey"),
    make_action("service", group="service"),
)


def rules_of(*caps, **changes):
    return ContactRules(
        ContactPolicy(caps=caps, **{"quiet_hours": (), **changes}), zone="Asia/Shanghai", offset_us=offset_us
    )


def told(*days_ago, action=OFFER, channel="email"):
    return [Contact(action.action_id, action.group, channel, NOW_US - round(days * DAY_US)) for days in days_ago]


def codes(rules, *actions, customer=ANYBODY, channel="email", at_us=NOW_US, contacts=(), spent=None):
    gate = rules.gate(customer, channel, at_us, contacts, spent or {})
    return [gate.code(action) for action in actions]


# Caps.


def test_a_cap_counts_the_contacts_of_its_window_alone():
    rules = rules_of(Cap(scope="all", most=2, window_days=7))
    assert codes(rules, OFFER, SURVEY, contacts=told(1, 6.9)) == ["cap_reached", "cap_reached"]
    assert codes(rules, OFFER, contacts=told(1, 7)) == [None], "a week ago is out of it"
    assert codes(rules, OFFER, contacts=told(1)) == [None]


def test_a_cap_of_a_channel_holds_back_what_is_on_it():
    each = rules_of(Cap(scope="channel", most=1, window_days=7))
    assert codes(each, OFFER, contacts=told(1, channel="sms")) == [None]
    assert codes(each, OFFER, channel="sms", contacts=told(1, channel="sms")) == ["cap_reached"]
    named = rules_of(Cap(scope="channel", name="sms", most=1, window_days=7))
    assert codes(named, OFFER, contacts=told(1)) == [None]
    assert codes(named, OFFER, channel="sms", contacts=told(1, channel="sms")) == ["cap_reached"]


def test_a_cap_that_names_a_channel_is_of_that_one_wherever_it_is():
    at_the_till = rules_of(Cap(scope="channel", name="store", most=1, window_days=7))
    assert codes(at_the_till, OFFER, channel="store", contacts=told(1, channel="store")) == ["cap_reached"]
    assert codes(at_the_till, OFFER, channel="store", contacts=told(1)) == [None]
    other_group = rules_of(Cap(scope="group", name="survey", groups=("offer",), most=1, window_days=7))
    assert codes(other_group, SURVEY, contacts=told(1, action=SURVEY)) == ["cap_reached"]


def test_what_is_to_come_counts_in_the_windows_that_it_shares():
    """One that is planned in five days is in a window of seven with one of now, one in seven days in none."""
    rules = rules_of(Cap(scope="all", most=1, window_days=7))
    assert codes(rules, OFFER, contacts=told(-5)) == ["cap_reached"]
    assert codes(rules, OFFER, contacts=told(-7)) == [None]
    assert codes(rules, OFFER, contacts=told(-9, 1)) == ["cap_reached"], "that of yesterday counts all the same"


def test_a_cap_of_groups_leaves_the_others():
    each = rules_of(Cap(scope="group", most=1, window_days=30))
    assert codes(each, OFFER, OTHER, SURVEY, contacts=told(3)) == ["cap_reached", "cap_reached", None]
    named = rules_of(Cap(scope="group", name="survey", most=1, window_days=30))
    assert codes(named, OFFER, SURVEY, contacts=told(1)) == [None, None]
    assert codes(named, OFFER, SURVEY, contacts=told(1, action=SURVEY)) == [None, "cap_reached"]


def test_a_cap_of_actions_leaves_the_others():
    each = rules_of(Cap(scope="action", most=1, window_days=30))
    assert codes(each, OFFER, OTHER, contacts=told(3)) == ["cap_reached", None]
    named = rules_of(Cap(scope="action", name="other", most=1, window_days=30))
    assert codes(named, OFFER, OTHER, contacts=[*told(3), *told(3, action=OTHER)]) == [None, "cap_reached"]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (Cap(scope="all", most=0, window_days=1), ["cap_reached", "cap_reached", "cap_reached"]),
        (Cap(scope="group", name="survey", most=0, window_days=1), [None, None, "cap_reached"]),
        (Cap(scope="action", name="other", most=0, window_days=1), [None, "cap_reached", None]),
        (Cap(scope="action", most=0, window_days=1), ["cap_reached", "cap_reached", "cap_reached"]),
    ],
)
def test_a_cap_of_none_lets_nothing_through(cap, expected):
    assert codes(rules_of(cap), OFFER, OTHER, SURVEY) == expected


def test_a_cap_counts_and_holds_back_its_channels_and_groups_alone():
    rules = rules_of(Cap(scope="all", most=1, window_days=7, channels=("email", "sms"), groups=("offer", "survey")))
    assert codes(rules, OFFER, SERVICE, contacts=told(1, channel="sms")) == ["cap_reached", None]
    assert codes(rules, OFFER, contacts=told(1, channel="store")) == [None]
    assert codes(rules, OFFER, contacts=told(1, action=SERVICE)) == [None]
    assert codes(rules, OFFER, channel="store", contacts=told(1)) == [None]
    unknown = [Contact("gone", None, None, NOW_US)]
    assert codes(rules, OFFER, contacts=unknown) == ["cap_reached"], "of what is not known the worst is taken"


def test_several_actions_of_one_decision_keep_the_caps_together():
    rules = rules_of(Cap(scope="all", most=2, window_days=7), Cap(scope="group", name="survey", most=1, window_days=30))
    gate = rules.gate(ANYBODY, "email", NOW_US)
    assert gate.take(SURVEY), "no more surveys"
    assert [gate.code(each) for each in (OFFER, SURVEY)] == [None, "cap_reached"]
    assert gate.take(OFFER), "nothing more"
    assert gate.code(OTHER) == "cap_reached"
    roomy = rules_of(Cap(scope="all", most=9, window_days=7)).gate(ANYBODY, "email", NOW_US)
    assert not roomy.take(OFFER)


@given(st.lists(st.sampled_from([OFFER, OTHER, SURVEY, SERVICE]), max_size=12), st.integers(1, 3))
def test_taking_one_by_one_is_reading_all_at_once(actions, most):
    rules = rules_of(*(Cap(scope=scope, most=most, window_days=7) for scope in ("all", "channel", "group", "action")))
    gate = rules.gate(ANYBODY, "email", NOW_US)
    for action in actions:
        gate.take(action)
    contacts = [Contact(each.action_id, each.group, "email", NOW_US) for each in actions]
    again = rules.gate(ANYBODY, "email", NOW_US, contacts)
    assert (gate.by_group, gate.by_action) == (again.by_group, again.by_action)
    opened = rules.reopen(ANYBODY, "email", NOW_US, gate.counts, {})
    assert (opened.by_group, opened.by_action) == (again.by_group, again.by_action), "as a receipt keeps it"


def test_what_is_spent_is_held_back_whoever_asks():
    assert codes(rules_of(), OFFER, OTHER, spent={"offer": "budget_spent"}) == ["budget_spent", None]


# When.


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_quiet_hours_go_over_midnight(clock, quiet):
    rules = rules_of(quiet_hours=(QuietHours(channels=("sms",), begins="21:00", ends="08:00"),))
    at_us = round(datetime.fromisoformat(f"2026-11-27T{clock}:00+08:00").timestamp() * 1e6)
    assert codes(rules, OFFER, SERVICE, channel="sms", at_us=at_us) == ["quiet_hours" if quiet else None] * 2
    assert codes(rules, OFFER, channel="email", at_us=at_us) == [None]


def test_quiet_hours_are_those_of_the_customers_zone_where_it_is_known():
    rules = rules_of(quiet_hours=(QuietHours(channels=("sms",), begins="21:00", ends="08:00"),))
    london = Customer(time_zone="Europe/London")
    assert codes(rules, OFFER, channel="sms") == [None]
    assert codes(rules, OFFER, channel="sms", customer=london) == ["quiet_hours"]
    until_us = rules.quiet_until_us("sms", NOW_US, "Europe/London")
    assert datetime.fromtimestamp(until_us / 1e6, UTC).isoformat() == "2026-11-27T08:00:00+00:00"
    assert rules.quiet_until_us("sms", NOW_US, None) is None
    own = ContactRules(
        rules.policy.model_copy(update={"time_zone": "Europe/London"}), zone="Asia/Shanghai", offset_us=offset_us
    )
    assert codes(own, OFFER, channel="sms") == ["quiet_hours"], "the policy's goes before the deployment's"


def test_quiet_hours_end_the_next_day():
    rules = rules_of(quiet_hours=(QuietHours(channels=("sms",), begins="21:00", ends="08:00"),))
    at_us = round(datetime.fromisoformat("2026-11-27T22:00:00+08:00").timestamp() * 1e6)
    until_us = rules.quiet_until_us("sms", at_us, None)
    assert datetime.fromtimestamp(until_us / 1e6, UTC).isoformat() == "2026-11-28T00:00:00+00:00"


def test_days_begin_in_the_deployments_zone():
    hours = [round(datetime(2026, 11, 27, hour, tzinfo=UTC).timestamp() * 1e6) for hour in (15, 16, 17)]
    assert [rules_of().day(hour) - NOW_US // DAY_US for hour in hours] == [0, 1, 1]


def test_quiet_hours_end_by_the_clock_though_it_is_set_that_night():
    rules = rules_of(quiet_hours=(QuietHours(channels=("sms",), begins="21:00", ends="08:00"),))
    at_us = round(datetime.fromisoformat("2026-10-24T23:00:00+02:00").timestamp() * 1e6)
    until_us = rules.quiet_until_us("sms", at_us, "Europe/Berlin")
    assert datetime.fromtimestamp(until_us / 1e6, UTC).isoformat() == "2026-10-25T07:00:00+00:00"


CLOCKS_SET = {
    "Europe/Berlin": ("2026-03-28", "2026-10-24"),
    "America/New_York": ("2026-03-07", "2026-10-31"),
    "Australia/Lord_Howe": ("2026-04-04", "2026-10-03"),
    "Africa/Cairo": ("2026-04-23", "2026-10-29"),
}


@pytest.mark.parametrize("zone", CLOCKS_SET)
@pytest.mark.parametrize("hours", ["21:00-08:00", "21:00-02:30", "21:00-01:30", "23:00-00:30", "01:45-02:15"])
def test_what_is_told_to_wait_until_then_may_go_then_though_clocks_are_set(zone, hours):
    """In the spring they leap over the end; in the autumn they come to it twice."""
    begins, ends = hours.split("-")
    rules = rules_of(quiet_hours=(QuietHours(channels=("sms",), begins=begins, ends=ends),))
    for day in CLOCKS_SET[zone]:
        midnight_us = round(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1e6)
        for at_us in range(midnight_us, midnight_us + 2 * DAY_US, 5 * 60 * 10**6):
            until_us = rules.quiet_until_us("sms", at_us, zone)
            assert until_us is None or until_us > at_us
            assert until_us is None or rules.quiet_until_us("sms", until_us, zone) is None


# With whose leave.


def test_marketing_needs_consent_to_its_channel_and_an_answer_does_not():
    customer = Customer(consents={"email": False, "*": True})
    assert codes(rules_of(), OFFER, SURVEY, SERVICE, customer=customer) == ["no_consent", "no_consent", None]
    assert codes(rules_of(), OFFER, channel="sms", customer=customer) == [None]
    strict = rules_of(marketing_groups=GROUPS)
    assert codes(strict, SERVICE, customer=customer) == ["no_consent"]


def test_who_refuses_a_profile_gets_nothing_chosen_by_it():
    customer = Customer(consents={"*": False}, refuses_profiling=True)
    assert codes(rules_of(), OFFER, SERVICE, customer=customer, channel="store") == ["profiling_opt_out", None]


@pytest.mark.parametrize(
    ("csat", "days_ago", "code"), [(2, 1, "bad_csat"), (1, 13.9, "bad_csat"), (3, 1, None), (2, 14, None)]
)
def test_after_a_bad_satisfaction_the_customer_is_left_in_peace(csat, days_ago, code):
    customer = Customer(csat=csat, csat_us=NOW_US - round(days_ago * DAY_US))
    care = make_action("care", group="care")
    assert codes(rules_of(), OFFER, SURVEY, SERVICE, care, customer=customer) == [code, code, None, None]


def test_the_first_reason_is_told():
    customer = Customer(consents={}, csat=1, csat_us=NOW_US, refuses_profiling=True)
    assert codes(rules_of(), OFFER, customer=customer) == ["profiling_opt_out"]


# What a policy may be.


@pytest.mark.parametrize(
    "told",
    [
        {"caps": [{"scope": "all", "name": "email", "most": 1, "window_days": 7}]},
        {"caps": [{"scope": "channel", "name": "pigeon", "most": 1, "window_days": 7}]},
        {"caps": [{"scope": "group", "name": "offers", "most": 1, "window_days": 7}]},
        {"caps": [{"scope": "all", "most": -1, "window_days": 7}]},
        {"caps": [{"scope": "all", "most": 1, "window_days": 0}]},
        {"quiet_hours": [{"channels": ["sms"], "begins": "24:00", "ends": "08:00"}]},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
        {"surprise": 1},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(told):
    with pytest.raises(ValidationError):
        ContactPolicy.model_validate(told)


def test_the_beginning_is_sensible():
    rules = ContactRules(zone="Asia/Shanghai", offset_us=offset_us)
    assert codes(rules, OFFER, SERVICE, channel="email", contacts=told(1, 2, 3)) == ["cap_reached", None]
    assert codes(rules, OFFER, channel="store", contacts=told(1, 2, 3)) == [None], "who has come is served"
    assert ContactPolicy.model_validate(rules.policy.model_dump(mode="json")) == rules.policy


@pytest.mark.parametrize("scope", [["channel"], {"channel": 1}, None, 1])
def test_a_scope_of_another_type_is_refused(scope):
    with pytest.raises(ValidationError):
        Cap.model_validate({"scope": scope, "name": "sms", "most": 1, "window_days": 7})
