"""What was decided is looked at again before it is delivered, and counts from then."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.decisions.activating import give_back_all
from app.decisions.releasing import release_all_overdue
from tests.decisions.acting import (
    SMALL,
    action_of,
    ask_to_deliver,
    consent,
    decide,
    put_policy,
    suppressed,
    tell_delivered,
)


@pytest.mark.usefixtures("capped")
async def test_what_was_decided_may_be_delivered_and_counts_from_then(client, shop, sql):
    decision = await decide(client, "C-1")
    assert await ask_to_deliver(client, decision) == {
        "action_id": "coupon",
        "may_deliver": True,
        "code": None,
        "not_before": None,
    }
    assert await sql.value("SELECT reserved_until_us IS NULL FROM contacts") is False
    await tell_delivered(client, shop, decision)
    assert await sql.value("SELECT reserved_until_us IS NULL FROM contacts") is True
    assert await sql.value("SELECT at_us > decided_us - 1500000 FROM contacts") is True
    assert (await ask_to_deliver(client, decision))["code"] == "delivered", "not a second time"


@pytest.mark.usefixtures("capped")
async def test_a_word_without_the_decision_is_of_the_first_that_reserved_it(client, shop, sql):
    decision = await decide(client, "C-1")
    await tell_delivered(client, shop, decision, decision_id=None)
    assert await sql.rows("SELECT decision_id, reserved_until_us FROM contacts") == [
        {"decision_id": decision["decision_id"], "reserved_until_us": None}
    ]


async def test_words_without_decisions_are_of_one_each(client, shop, sql, catalogue):
    """Of two reservations and three words that come together, the third is of none."""
    await catalogue(action_of("coupon"))
    await put_policy(client, {"caps": [], "quiet_hours": []})
    await consent(client, shop, "C-1")
    decided = [(await decide(client, "C-1"))["decision_id"] for _ in range(2)]
    words = [shop.event("action.delivered", "C-1", data={"action_id": "coupon", "channel": "email"}) for _ in range(3)]
    assert (await client.post("/v1/events", json=words)).json()["accepted"] == 3
    noted = await sql.rows("SELECT decision_id FROM contacts WHERE reserved_until_us IS NULL ORDER BY decided_us DESC")
    ids = [row["decision_id"] for row in noted]
    assert (len(ids), ids[1::-1]) == (3, decided)


@pytest.mark.usefixtures("capped")
async def test_what_others_delivered_counts_too(client, shop):
    told = {"action_id": "campaign-of-another-tool", "channel": "sms"}
    await client.post("/v1/events", json=shop.event("action.delivered", "C-1", data=told))
    decision = await decide(client, "C-1")
    assert (decision["actions"], suppressed(decision)) == ([], {"coupon": "cap_reached"})


WITHDRAWN = {
    "no_consent": ("consent.changed", {"purpose": "marketing", "channel": "email", "granted": False}),
    "profiling_opt_out": ("consent.changed", {"purpose": "personalization", "granted": False}),
    "open_complaint": ("case.opened", {"case_id": "S-1", "kind": "complaint"}),
    "bad_csat": ("feedback.submitted", {"metric": "csat", "score": 1}),
}


@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("code", WITHDRAWN)
async def test_what_the_customer_said_meanwhile_counts_and_the_reservation_is_given_back(client, shop, sql, code):
    decision = await decide(client, "C-1")
    type_, data = WITHDRAWN[code]
    await client.post("/v1/events", json=shop.event(type_, "C-1", data=data))
    told = await ask_to_deliver(client, decision)
    assert (told["may_deliver"], told["code"]) == (False, code)
    assert await sql.rows("SELECT * FROM contacts") == []
    assert await sql.rows("SELECT * FROM offers") == [], "nothing cools down from it"
    counter = await sql.row("SELECT given, spent_minor, given_on_day FROM action_counters WHERE action_id = 'coupon'")
    assert counter == {"given": 0, "spent_minor": 0, "given_on_day": 0}
    assert (await ask_to_deliver(client, decision))["code"] == "not_reserved"


REFUND = ("order.refunded", {"order_id": "A-1", "total": 1, "currency": "CNY"})
OUT_OF_PLACE = {
    "just_refunded": ("offer", REFUND),
    "staff": ("offer", ("tier.changed", {"tier": "staff"})),
    "minor": (
        "offer",
        ("customer.identified", {"identifiers": [], "birthday": f"{datetime.now(UTC).year - 10}-01-01"}),
    ),
    "just_bought": ("survey", ("order.completed", {"order_id": "A-1", "total": 1, "currency": "CNY"})),
}


@pytest.mark.parametrize("code", OUT_OF_PLACE)
async def test_what_is_out_of_place_by_now_is_not_delivered(client, shop, sql, catalogue, code):
    group, (type_, data) = OUT_OF_PLACE[code]
    await catalogue(action_of("coupon", group=group))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")
    decision = await decide(client, "C-1")
    told = await client.post("/v1/events", json=shop.event(type_, "C-1", data=data))
    assert told.json()["accepted"] == 1, told.text
    assert (await ask_to_deliver(client, decision))["code"] == code
    assert await sql.rows("SELECT * FROM contacts") == [], "given back"


@pytest.mark.parametrize("most", [1, 2])
async def test_what_others_delivered_since_may_have_taken_its_place(client, shop, sql, catalogue, most):
    """They did not ask. Whoever does is told; of two that were decided together one has a place left."""
    await catalogue(action_of("a-0"), action_of("a-1"))
    await put_policy(client, {**SMALL, "caps": [{"scope": "all", "most": most, "window_days": 7}]})
    await consent(client, shop, "C-1")
    decision = await decide(client, "C-1", max_actions=2)
    assert len(decision["actions"]) == most
    other = {"action_id": "campaign-of-another-tool", "channel": "sms"}
    await client.post("/v1/events", json=shop.event("action.delivered", "C-1", data=other))
    answer = (await client.post(f"/v1/decisions/{decision['decision_id']}/deliver")).json()
    assert [each["code"] for each in answer["actions"]] == [None, "cap_reached"][2 - most :]
    assert await sql.value("SELECT count(*) FROM contacts WHERE reserved_until_us IS NOT NULL") == most - 1


async def test_who_becomes_another_person_between_decision_and_delivery(client, shop, sql, catalogue):
    await catalogue(action_of("coupon", total_cap=2), action_of("other", effect=0.1))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-2")
    decision = await decide(client, "C-2")
    await client.post("/v1/events", json=shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    assert {*suppressed(await decide(client, "C-1")).values()} == {"cap_reached"}
    assert (await ask_to_deliver(client, decision))["may_deliver"]
    (action,) = decision["actions"]
    told = {"action_id": action["action_id"], "decision_id": decision["decision_id"], "channel": "email"}
    await client.post("/v1/events", json=shop.event("action.delivered", "C-1", data=told))
    assert await sql.rows("SELECT customer_id, reserved_until_us FROM contacts") == [
        {"customer_id": "C-2", "reserved_until_us": None}
    ]
    assert (await ask_to_deliver(client, decision))["code"] == "delivered"
    assert {*suppressed(await decide(client, "C-1")).values()} == {"cap_reached"}


async def test_what_was_shown_at_the_till_holds_its_own_place(client, catalogue):
    await catalogue(action_of("coupon"))
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 7, "channels": ["store"]}]})
    decision = await decide(client, "C-1", channel="store")
    assert (await ask_to_deliver(client, decision))["may_deliver"]


@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("channel", ["email", "store"])
async def test_what_is_only_prepared_is_not_delivered(client, sql, service, channel):
    """Nor afterwards, where it was given back; what is activated is."""
    prepared = await decide(client, "C-1", channel=channel, activate=False)
    assert (await ask_to_deliver(client, prepared))["code"] == "not_activated"
    assert len(await sql.rows("SELECT * FROM contacts")) == 1, "it stays reserved"
    await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")
    assert (await ask_to_deliver(client, prepared))["may_deliver"]
    await sql.rows("DELETE FROM contacts")
    await sql.rows("DELETE FROM offers")
    late = await decide(client, "C-1", channel=channel, activate=False)
    for table in ("contacts", "decisions"):
        await sql.rows(f"UPDATE {table} SET reserved_until_us = 1 WHERE reserved_until_us IS NOT NULL")
    assert (await ask_to_deliver(client, late))["code"] == "not_reserved"
    await give_back_all(service.resources.engine, 2)
    await release_all_overdue(service.resources.engine, 2)
    assert (await ask_to_deliver(client, late))["code"] == "not_reserved"


@pytest.mark.usefixtures("capped")
async def test_quiet_hours_are_looked_at_again_and_what_waits_keeps_its_reservation(client, shop, sql):
    decision = await decide(client, "C-1")
    always = [{"channels": ["email"], "begins": "00:00", "ends": "00:00"}]
    await put_policy(client, {**SMALL, "quiet_hours": always, "time_zone": "UTC"})
    told = await ask_to_deliver(client, decision)
    assert (told["may_deliver"], told["code"]) == (False, "quiet_hours")
    assert told["not_before"].endswith("T00:00:00.000Z")
    assert len(await sql.rows("SELECT * FROM contacts")) == 1
    assert suppressed(await decide(client, "C-1"))["coupon"] == "quiet_hours"


async def test_it_is_planned_by_the_hour_of_its_delivery_in_the_customers_zone(client, shop, catalogue):
    await catalogue(action_of("coupon"))
    await consent(client, shop, "C-1")
    night = [{"channels": ["email"], "begins": "21:00", "ends": "08:00"}]
    await put_policy(client, {"caps": [], "quiet_hours": night, "time_zone": "Asia/Shanghai"})
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    noon = {"deliver_at": f"{tomorrow}T12:00:00+08:00"}
    assert len((await decide(client, "C-1", **noon))["actions"]) == 1
    late = await decide(client, "C-1", **noon, time_zone="America/New_York")
    assert suppressed(late) == {"coupon": "quiet_hours"}


async def test_checkouts_of_a_batch_have_each_the_zone_they_tell(client, shop, catalogue):
    await catalogue(action_of("coupon"))
    begins, ends = (f"{(datetime.now(UTC) + timedelta(hours=ahead)).hour:02d}:00" for ahead in (-2, 3))
    quiet = [{"channels": ["store"], "begins": begins, "ends": ends}]
    await put_policy(client, {"caps": [], "quiet_hours": quiet, "time_zone": "UTC"})
    zones = ["UTC", "Etc/GMT-8"] * 4
    checkouts = [{"event": shop.order("C-1"), "time_zone": zone} for zone in zones]
    answers = await asyncio.gather(*(client.post("/v1/checkouts", json=checkout) for checkout in checkouts))
    told = [suppressed(answer.json()["decision"]).get("coupon") for answer in answers]
    assert told == ["quiet_hours", None] * 4


@pytest.mark.usefixtures("capped")
async def test_a_withdrawn_action_is_not_delivered(client):
    decision = await decide(client, "C-1")
    await client.put("/v1/actions/coupon", json=action_of("coupon", total_cap=2, enabled=False))
    assert (await ask_to_deliver(client, decision))["code"] == "action_withdrawn"


async def test_a_decision_that_is_not_there_is_not_found(client):
    assert (await client.post("/v1/decisions/none/deliver")).status_code == 404


OUTSIDE = {"action_id": "campaign-of-another-tool", "channel": "sms"}


async def capped_at(client, catalogue, most, *actions):
    await catalogue(*actions)
    await put_policy(client, {**SMALL, "caps": [{"scope": "all", "most": most, "window_days": 7}]})


async def test_of_one_decision_no_more_may_be_delivered_than_others_have_left_room_for(client, shop, catalogue):
    """Whoever asks for each of its actions by itself, at the same time and in whatever order, is told of the same."""
    await capped_at(client, catalogue, 2, action_of("a-0"), action_of("a-1"))
    for number in range(6):
        customer_id = f"C-{number}"
        await consent(client, shop, customer_id)
        decision = await decide(client, customer_id, max_actions=2)
        ids = [action["action_id"] for action in decision["actions"]]
        assert len(ids) == 2
        await client.post("/v1/events", json=shop.event("action.delivered", customer_id, data=OUTSIDE))
        asked = [[ids[1]], [ids[0]], [ids[1]], [ids[0]]]
        told = await asyncio.gather(*(ask_to_deliver(client, decision, action_ids=each) for each in asked))
        may = {each["action_id"] for each in told if each["may_deliver"]}
        assert may == {ids[0]}, "the foremost, and nothing else"
        await tell_delivered(client, shop, {**decision, "actions": decision["actions"][:1]})
        assert not (await ask_to_deliver(client, decision, action_ids=[ids[1]]))["may_deliver"]


async def test_of_several_decisions_the_latest_goes_without_where_others_took_a_place(client, shop, sql, catalogue):
    await capped_at(client, catalogue, 2, action_of("a-0"))
    await consent(client, shop, "C-1")
    first, second = [await decide(client, "C-1") for _ in range(2)]
    await client.post("/v1/events", json=shop.event("action.delivered", "C-1", data=OUTSIDE))
    told = await asyncio.gather(*(ask_to_deliver(client, each) for each in (second, first, second, first)))
    assert [each["may_deliver"] for each in told] == [False, True, False, True]
    assert {each["code"] for each in (told[0], told[2])} <= {"cap_reached", "not_reserved"}
    assert await sql.rows("SELECT decision_id FROM contacts WHERE reserved_until_us IS NOT NULL") == [
        {"decision_id": first["decision_id"]}
    ]
