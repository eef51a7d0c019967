"""Situations of shop life, and what a good shop manager would do: docs/explanation/situations.md, row by row."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.lifecycle.default_actions import DEFAULT_ACTIONS
from tests.decisions.test_http import MARKETING, codes, decide, offered, send

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "situations.md"
GROUP = {action.action_id: action.group for action in DEFAULT_ACTIONS}
COMPLAINT = {"case_id": "S-1", "kind": "complaint"}
SELLING = {"offer", "loyalty", "survey"}


def born(*, years, days=0):
    """The birthday of who is so many years old, and has been for so many days, by the date here and now."""
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date() - timedelta(days=days)
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return today.replace(year=today.year - years, day=day).isoformat()


def groups(decision):
    return {GROUP[action_id] for action_id in offered(decision)}


@pytest.fixture
def valued(client, shop):
    """Somebody who has bought every fortnight for a year."""

    async def come(customer_id="C-1", *, until_days=3, total=300.0):
        orders = [shop.order(customer_id, total=total, at=shop.ago(days=until_days + 14 * n)) for n in range(26)]
        await send(client, *orders)

    return come


@pytest.fixture
def ask(client):
    async def ask(customer_id="C-1", **wanted):
        return await decide(client, customer_id, **{"max_actions": 10, **wanted})

    return ask


async def test_1_a_valued_customer_with_an_open_complaint(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("case.opened", data=COMPLAINT))
    decision = await ask()
    assert offered(decision)[0] == "service-recovery"
    assert groups(decision) == {"service"}


async def test_2_a_complaint_that_was_resolved_last_week(client, shop, valued, ask):
    await valued()
    await send(
        client,
        shop.event("case.opened", data=COMPLAINT, at=shop.ago(days=9)),
        shop.event("case.resolved", data=COMPLAINT, at=shop.ago(days=7)),
    )
    assert offered(await ask())[0] == "complaint-follow-up"


async def test_3_a_complaint_of_somebody_who_spends_little(client, shop, ask):
    await send(client, shop.order(total=4.0, at=shop.ago(days=3)), shop.event("case.opened", data=COMPLAINT))
    assert offered(await ask()) == ["complaint-apology"]


async def test_4_a_refund_was_just_given(client, shop, valued, ask):
    """Of what else they bought they are not asked either, for two weeks; tomorrow they may be sold to again."""
    await valued()
    await send(client, shop.event("order.refunded", data={"order_id": "elsewhere", "total": 300.0}))
    decision = await ask()
    assert not groups(decision) & {"offer", "survey"}
    assert codes(decision)["cross-sell"] == "just_refunded"
    assert {code for action, code in codes(decision).items() if GROUP[action] == "survey"} == {"just_refunded"}
    await valued("C-2")
    refunded = shop.event("order.refunded", "C-2", data={"order_id": "e", "total": 9.0}, at=shop.ago(days=2))
    await send(client, refunded)
    later = await ask("C-2")
    assert codes(later)["cross-sell"] == "no_items", "nobody recommends here, or it would be offered"
    assert "survey" not in groups(later)


async def test_5_the_item_was_bought_minutes_ago(client, shop, valued, ask):
    await valued()
    await send(client, shop.order(total=30.0, at=shop.ago(minutes=5)))
    assert codes(await ask())["satisfaction-question"] == "just_bought"
    await valued("C-2", until_days=2)
    assert "satisfaction-question" in offered(await ask("C-2"))


async def test_6_it_is_their_birthday(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("customer.identified", data={"birthday": born(years=40)}))
    assert offered(await ask())[0] == "happy-birthday"


async def test_7_it_was_their_birthday_last_week_or_nobody_knows_it(client, shop, valued, ask):
    await valued()
    assert codes(await ask())["happy-birthday"] == "condition_unknown"
    await send(client, shop.event("customer.identified", data={"birthday": born(years=40, days=7)}))
    decision = await ask()
    assert codes(decision)["happy-birthday"] == "condition_failed"
    told = {item["action_id"]: item.get("condition") for item in decision["suppressed"]}
    assert told["happy-birthday"] == "It is the customer's birthday"


async def test_8_lost_for_two_years_and_back_in_the_shop(valued, ask):
    await valued(until_days=730)
    decision = await ask()
    assert offered(decision)[0] == "win-back-offer"
    assert not {"satisfaction-question", "cross-sell", "tier-up-nudge"} & {*offered(decision), *codes(decision)}


async def test_9_lost_for_two_years_and_never_said_yes(valued, ask):
    await valued(until_days=730)
    for channel in ("email", "sms", "phone", "wechat"):
        assert offered(await ask(channel=channel)) == []


async def test_10_a_first_order_at_the_till(client, shop):
    response = await client.post("/v1/checkouts", json={"event": shop.order(total=800.0), "max_actions": 10})
    decision = response.json()["decision"]
    assert {"welcome-pack", "second-order-coupon"} <= {*offered(decision)}
    assert "survey" not in groups(decision)
    assert "win-back-offer" not in offered(decision)


async def test_11_the_control_group(serve, sql, shop):
    async with serve(control_share=0.999999) as service:
        await send(service.client, shop.order(total=80.0))
        decision = await decide(service.client, max_actions=10)
        assert (offered(decision), decision["in_control_group"]) == ([], True)
        assert "control_group" in codes(decision).values()


async def test_12_a_complaint_of_somebody_in_the_control_group(serve, sql, shop):
    """No experiment leaves a complaint unanswered."""
    async with serve(control_share=0.999999) as service:
        await send(service.client, shop.order(total=800.0), shop.event("case.opened", data=COMPLAINT))
        decision = await decide(service.client, max_actions=10)
        assert offered(decision)[0] == "service-recovery"
        assert groups(decision) == {"service"}


async def test_13_consent_was_withdrawn_a_minute_ago(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("consent.changed", data=MARKETING, at=shop.ago(days=30)))
    assert offered(await ask(channel="email", max_actions=1))
    await send(client, shop.event("consent.changed", data={**MARKETING, "granted": False, "channel": "email"}))
    assert offered(await ask(channel="email")) == []


async def test_14_the_profile_of_a_minor(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("customer.identified", data={"birthday": born(years=17)}))
    decision = await ask()
    assert not groups(decision) & SELLING
    assert "minor" in codes(decision).values()
    assert "happy-birthday" in offered(decision)
    await send(client, shop.event("case.opened", data=COMPLAINT))
    assert offered(await ask())[0] == "service-recovery"
    await valued("C-2")
    await send(client, shop.event("customer.identified", "C-2", data={"birthday": born(years=18)}))
    assert groups(await ask("C-2")) & SELLING, "of age since today"


async def test_15_a_staff_card(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("tier.changed", data={"tier": "Staff"}))
    decision = await ask()
    assert not groups(decision) & SELLING
    assert "staff" in codes(decision).values()


async def test_16_a_customer_at_a_till_that_a_staff_card_was_shown_at(valued, ask):
    await valued()
    assert groups(await ask()) & SELLING
    await valued("C-2")
    decision = await ask("C-2", context={"staff_card": True})
    assert not groups(decision) & SELLING


async def test_17_offered_the_same_yesterday(valued, ask):
    await valued()
    first = offered(await ask(max_actions=1))
    assert codes(await ask(max_actions=1))[first[0]] == "cooling_down"


async def test_18_whoever_refuses_to_be_profiled(client, shop, valued, ask):
    await valued()
    refused = {"purpose": "personalization", "granted": False}
    await send(client, shop.event("consent.changed", data=refused))
    assert not groups(await ask()) & SELLING


async def test_19_a_stranger_in_the_shop(ask):
    decision = await ask("nobody")
    assert {*offered(decision)} <= {"first-order-coupon", "personal-suggestions", "store-invitation"}


async def test_20_everything_was_given_back(client, shop, ask):
    """They are strangers again, and no regulars who are thanked."""
    await send(client, shop.order(total=80.0, at=shop.ago(days=3), order_id="A-1"))
    await send(client, shop.event("order.refunded", data={"order_id": "A-1", "total": 80.0}))
    decision = await ask()
    assert not groups(decision) & {"offer", "survey", "loyalty"}
    assert not {"vip-service", "early-access", "referral-invitation"} & {*offered(decision)}


async def deliver(client, decision):
    answer = await client.post(f"/v1/decisions/{decision['decision_id']}/deliver", json={})
    assert answer.status_code == 200, answer.text
    return {action["action_id"]: (action["may_deliver"], action["code"]) for action in answer.json()["actions"]}


async def test_21_consent_was_withdrawn_between_decision_and_delivery(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("consent.changed", data=MARKETING, at=shop.ago(days=30)))
    decision = await ask(channel="email", max_actions=1)
    (chosen,) = offered(decision)
    assert await deliver(client, decision) == {chosen: (True, None)}
    await send(client, shop.event("consent.changed", data={**MARKETING, "granted": False, "channel": "email"}))
    assert await deliver(client, decision) == {chosen: (False, "no_consent")}


async def test_22_a_text_message_would_come_in_the_night(client, shop, valued, ask):
    """By the clock where the customer is: ten in the morning in Shanghai is late in the evening in New York."""
    await valued()
    await send(client, shop.event("consent.changed", data=MARKETING, at=shop.ago(days=30)))
    tomorrow = datetime.now(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=1)
    night, morning = (f"{tomorrow.isoformat()}T{hour}:00:00+08:00" for hour in (23, 10))
    for wanted in ({"deliver_at": night}, {"deliver_at": morning, "time_zone": "America/New_York"}):
        decision = await ask(channel="sms", **wanted)
        assert offered(decision) == []
        assert "quiet_hours" in codes(decision).values()
    assert offered(await ask(channel="sms", deliver_at=morning))


async def test_23_they_were_not_satisfied_yesterday(client, shop, valued, ask):
    await valued()
    assert groups(await ask()) & SELLING
    await valued("C-2")
    told = {"metric": "csat", "score": 1}
    await send(client, shop.event("feedback.submitted", "C-2", data=told, at=shop.ago(days=1)))
    decision = await ask("C-2")
    assert not groups(decision) & SELLING
    assert "bad_csat" in codes(decision).values()
    await valued("C-3")
    await send(client, shop.event("feedback.submitted", "C-3", data=told, at=shop.ago(days=20)))
    assert groups(await ask("C-3")) & SELLING, "it is long ago"


async def test_24_they_were_written_to_three_times_this_week(client, shop, valued, ask):
    await valued()
    await send(client, shop.event("consent.changed", data=MARKETING, at=shop.ago(days=30)))
    for _ in range(3):
        assert len(offered(await ask(channel="email", max_actions=1))) == 1
    decision = await ask(channel="email")
    assert offered(decision) == []
    assert "cap_reached" in codes(decision).values()
    assert offered(await ask(channel="store")), "who comes in is served"


async def test_25_they_want_no_more_surveys(client, shop, valued, ask):
    for customer_id in ("C-1", "C-2"):
        await valued(customer_id)
        await send(client, shop.event("consent.changed", customer_id, data=MARKETING, at=shop.ago(days=30)))
    refused = {"purpose": "research", "granted": False}
    await send(client, shop.event("consent.changed", "C-2", data=refused))
    asked, unasked = [await ask(customer_id, channel="email") for customer_id in ("C-1", "C-2")]
    surveys = {each["action_id"] for each in asked["actions"] if each["group"] == "survey"}
    assert surveys
    assert {codes(unasked)[action_id] for action_id in surveys} == {"no_consent"}
    assert offered(unasked)


def rows():
    return [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)]


def test_every_row_of_the_page_has_its_test():
    tested = sorted(int(found[1]) for name in globals() if (found := re.match(r"test_(\d+)_", name)))
    assert rows() == tested
    assert len(tested) >= 20
