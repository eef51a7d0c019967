"""Caps and budgets are exact, whoever else decides; what is not delivered is given back."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.database.engine import Driver, transaction
from app.decisions.activating import give_back_all
from app.decisions.contact_book import ContactBook
from app.decisions.contact_queries import TAKE
from app.decisions.held import Decisions
from app.decisions.releasing import release_all_overdue
from app.decisions.service import Decision
from app.decisions.settling import Draft, settle
from app.foundation.settings import Settings
from app.foundation.times import to_us
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.contact_policy import ContactPolicy
from tests.decisions.acting import action_of, consent, decide, put_policy, suppressed

SMALL = {"caps": [{"scope": "all", "most": 1, "window_days": 7}], "quiet_hours": []}


@pytest.fixture
async def catalogue(service):
    """Puts actions into the catalogue instead of those of the beginning, which come back afterwards."""
    kept = (await service.client.get("/v1/actions")).json()["actions"]

    async def fill(*actions):
        for action in kept:
            await service.client.put(f"/v1/actions/{action['action_id']}", json={**action, "enabled": False})
        for action in actions:
            put = await service.client.put(f"/v1/actions/{action['action_id']}", json=action)
            assert put.status_code == 200, put.text
            made.append(action["action_id"])

    made: list[str] = []
    yield fill
    for action_id in made:
        await service.client.delete(f"/v1/actions/{action_id}")
    for action in kept:
        await service.client.put(f"/v1/actions/{action['action_id']}", json=action)


async def test_of_many_decisions_at_once_on_one_customer_a_cap_of_one_lets_one_through(client, shop, sql, catalogue):
    await catalogue(*(action_of(f"a-{number}") for number in range(3)))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")
    answers = await asyncio.gather(*(decide(client, "C-1") for _ in range(60)))
    given = Counter(action["action_id"] for answer in answers for action in answer["actions"])
    assert given.total() == 1
    refused = [answer for answer in answers if not answer["actions"]]
    assert {code for answer in refused for code in suppressed(answer).values()} == {"cap_reached"}
    (contact,) = await sql.rows("SELECT * FROM contacts")
    (receipt,) = await sql.rows("SELECT receipt FROM decisions WHERE decision_id = :id", id=contact["decision_id"])
    assert receipt["receipt"]["contact"]["counts"] == [{}]
    others = await sql.rows("SELECT receipt FROM decisions WHERE decision_id <> :id", id=contact["decision_id"])
    assert all(each["receipt"]["contact"]["counts"] == [{"": 1}] for each in others)


async def test_a_budget_is_spent_to_the_last_and_the_next_best_is_taken(client, shop, sql, catalogue):
    await catalogue(
        action_of("coupon", effect=1, cost=2.5, budget=27.25),
        action_of("capped", effect=0.4, total_cap=7),
        action_of("plain"),
    )
    await put_policy(client, {"caps": [], "quiet_hours": []})
    answers = await asyncio.gather(*(decide(client, f"C-{number}", channel="store") for number in range(40)))
    given = Counter(action["action_id"] for answer in answers for action in answer["actions"])
    assert given == {"coupon": 10, "capped": 7, "plain": 23}, "the eleventh would cost more than is left"
    codes = Counter(suppressed(answer).get("coupon") for answer in answers)
    assert codes == {None: 10, "budget_spent": 30}
    counted = {row["action_id"]: dict(row) for row in await sql.rows("SELECT * FROM action_counters")}
    assert (counted["coupon"]["given"], counted["coupon"]["spent_minor"]) == (10, 2500)
    assert counted["capped"]["given"] == counted["capped"]["given_on_day"] == 7


async def test_the_till_keeps_to_a_budget_and_to_a_cap_too(client, shop, sql, catalogue):
    await catalogue(action_of("coupon", effect=0.5, daily_cap=3), action_of("plain"))
    await put_policy(
        client, {"caps": [{"scope": "action", "name": "plain", "most": 1, "window_days": 7, "channels": ["store"]}]}
    )
    checkouts = [{"event": shop.order(f"C-{number % 5}"), "max_actions": 1} for number in range(20)]
    answers = await asyncio.gather(*(client.post("/v1/checkouts", json=checkout) for checkout in checkouts))
    given = Counter(
        (action["action_id"], answer.json()["score"]["customer_id"])
        for answer in answers
        for action in answer.json()["decision"]["actions"]
    )
    by_action = Counter(action_id for action_id, _ in given.elements())
    assert by_action["coupon"] == 3
    assert [count for (action_id, _), count in given.items() if action_id == "plain"] == [1] * by_action["plain"]
    assert by_action["plain"] == 5


@pytest.mark.parametrize("path", ["decisions", "checkouts"])
async def test_what_changes_while_decisions_are_settled_is_for_those_after(
    client, shop, sql, service, catalogue, monkeypatch, path
):
    """The catalogue loses an action that was just taken from its counter."""
    await catalogue(action_of("coupon", cost=2, total_cap=5, effect=1))
    await put_policy(client, {"caps": [], "quiet_hours": []})
    book, fetch, emptied = service.resources.of(Decisions).book, Driver.fetch, []

    async def fetch_and_change(driver, statement, **parameters):
        rows = await fetch(driver, statement, **parameters)
        if statement is TAKE:
            async with transaction(service.resources.engine) as connection:
                await book.refresh(connection, (), 0)
            emptied.append(book.page.limits)
        return rows

    monkeypatch.setattr(Driver, "fetch", fetch_and_change)
    asked = {"customer_id": "C-1", "channel": "store"} if path == "decisions" else {"event": shop.order("C-1")}
    answer = await client.post(f"/v1/{path}", json=asked)
    assert answer.status_code in (200, 202), answer.text
    assert emptied == [{}]
    counter = await sql.row("SELECT given, spent_minor, day FROM action_counters WHERE action_id = 'coupon'")
    contact = await sql.row("SELECT counted_day, cost_minor FROM contacts WHERE action_id = 'coupon'")
    assert (counter["given"], counter["spent_minor"]) == (1, 200)
    assert contact == {"counted_day": counter["day"], "cost_minor": 200}


async def test_a_day_that_is_not_over_everywhere_has_one_cap(client, sql, service, catalogue):
    """Who waited since before midnight, or whose clock is behind, counts on the day that is in force."""
    await catalogue(action_of("coupon", daily_cap=3, effect=1))
    await put_policy(client, {"caps": [], "quiet_hours": []})
    ahead = "UPDATE action_counters SET day = :day, given_on_day = 2 WHERE action_id = 'coupon' RETURNING day"
    tomorrow = await sql.value(ahead, day=int(time.time() // 86_400) + 2)
    answers = [await decide(client, f"C-{number}", channel="store") for number in range(4)]
    assert [len(answer["actions"]) for answer in answers] == [1, 0, 0, 0]
    assert suppressed(answers[-1]) == {"coupon": "action_cap_reached"}
    assert await sql.row("SELECT day, given_on_day FROM action_counters") == {"day": tomorrow, "given_on_day": 3}
    assert await sql.value("SELECT max(counted_day) FROM contacts") == tomorrow, "so that it is given back to that day"
    await service.resources.refresh()
    assert service.resources.of(Decisions).book.page.spent == {"coupon": "action_cap_reached"}


async def test_who_holds_one_counter_does_not_wait_for_another(client, sql, engine, catalogue):
    """Nor says that what somebody else is about to give was given as often as it may be."""
    await catalogue(
        action_of("coupon", effect=1, total_cap=1), action_of("second", total_cap=9), action_of("third", effect=0.1)
    )
    await put_policy(client, {"caps": [], "quiet_hours": []})
    await sql.rows("UPDATE action_counters SET given = 1 WHERE action_id = 'coupon'")
    async with engine.begin() as other:
        await other.execute(text("SELECT 1 FROM action_counters WHERE action_id = 'second' FOR UPDATE"))
        decision = await decide(client, "C-1", channel="store")
    assert [action["action_id"] for action in decision["actions"]] == ["third"]
    assert suppressed(decision) == {"coupon": "action_cap_reached", "second": "counter_busy"}


async def test_several_actions_of_one_decision_take_several_places(client, shop, catalogue):
    await catalogue(*(action_of(f"a-{number}") for number in range(4)))
    await put_policy(client, {**SMALL, "caps": [{"scope": "all", "most": 3, "window_days": 7}]})
    await consent(client, shop, "C-1")
    first, second = [await decide(client, "C-1", max_actions=2) for _ in range(2)]
    assert [len(first["actions"]), len(second["actions"])] == [2, 1]


async def test_ids_of_one_person_share_their_caps(client, shop, catalogue):
    await catalogue(*(action_of(f"a-{number}") for number in range(3)))
    await put_policy(client, SMALL)
    for customer_id in ("C-1", "C-2"):
        await consent(client, shop, customer_id)
    await client.post("/v1/events", json=shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    answers = await asyncio.gather(*(decide(client, f"C-{number % 2 + 1}") for number in range(20)))
    assert sum(len(answer["actions"]) for answer in answers) == 1


# Delivery.


async def ask(client, decision, **wanted):
    answer = await client.post(f"/v1/decisions/{decision['decision_id']}/deliver", json=wanted)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["actions"]
    return told


async def deliver(client, shop, decision, **changes):
    (action,) = decision["actions"]
    told = {"action_id": action["action_id"], "decision_id": decision["decision_id"], "channel": "email", **changes}
    return await client.post("/v1/events", json=shop.event("action.delivered", decision["customer_id"], data=told))


@pytest.fixture
async def capped(client, shop, catalogue):
    """An action of one contact a week, and of two in all, that C-1 has consented to."""
    await catalogue(action_of("coupon", cost=2, total_cap=2, cool_down_days=30, effect=1))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")


@pytest.mark.usefixtures("capped")
async def test_what_was_decided_may_be_delivered_and_counts_from_then(client, shop, sql):
    decision = await decide(client, "C-1")
    assert await ask(client, decision) == {
        "action_id": "coupon",
        "may_deliver": True,
        "code": None,
        "not_before": None,
    }
    assert await sql.value("SELECT reserved_until_us IS NULL FROM contacts") is False
    await deliver(client, shop, decision)
    assert await sql.value("SELECT reserved_until_us IS NULL FROM contacts") is True
    assert await sql.value("SELECT at_us > decided_us - 1500000 FROM contacts") is True
    assert (await ask(client, decision))["code"] == "delivered", "not a second time"


@pytest.mark.usefixtures("capped")
async def test_a_word_without_the_decision_is_of_the_first_that_reserved_it(client, shop, sql):
    decision = await decide(client, "C-1")
    await deliver(client, shop, decision, decision_id=None)
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
async def test_a_word_without_the_decision_is_of_none_whose_reservation_was_over(client, shop, sql):
    decision = await decide(client, "C-1")
    await sql.rows("UPDATE contacts SET reserved_until_us = decided_us - 60000000")
    await deliver(client, shop, decision, decision_id=None)
    (noted,) = await sql.rows("SELECT decision_id FROM contacts WHERE reserved_until_us IS NULL")
    assert noted["decision_id"] != decision["decision_id"]


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
    told = await ask(client, decision)
    assert (told["may_deliver"], told["code"]) == (False, code)
    assert await sql.rows("SELECT * FROM contacts") == []
    assert await sql.rows("SELECT * FROM offers") == [], "nothing cools down from it"
    counter = await sql.row("SELECT given, spent_minor, given_on_day FROM action_counters WHERE action_id = 'coupon'")
    assert counter == {"given": 0, "spent_minor": 0, "given_on_day": 0}
    assert (await ask(client, decision))["code"] == "not_reserved"


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
    assert (await ask(client, decision))["code"] == code
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
    assert (await ask(client, decision))["may_deliver"]
    (action,) = decision["actions"]
    told = {"action_id": action["action_id"], "decision_id": decision["decision_id"], "channel": "email"}
    await client.post("/v1/events", json=shop.event("action.delivered", "C-1", data=told))
    assert await sql.rows("SELECT customer_id, reserved_until_us FROM contacts") == [
        {"customer_id": "C-2", "reserved_until_us": None}
    ]
    assert (await ask(client, decision))["code"] == "delivered"
    assert {*suppressed(await decide(client, "C-1")).values()} == {"cap_reached"}


async def test_what_was_shown_at_the_till_holds_its_own_place(client, catalogue):
    await catalogue(action_of("coupon"))
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 7, "channels": ["store"]}]})
    decision = await decide(client, "C-1", channel="store")
    assert (await ask(client, decision))["may_deliver"]


@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("channel", ["email", "store"])
async def test_what_is_only_prepared_is_not_delivered(client, sql, service, channel):
    """Nor afterwards, where it was given back; what is activated is."""
    prepared = await decide(client, "C-1", channel=channel, activate=False)
    assert (await ask(client, prepared))["code"] == "not_activated"
    assert len(await sql.rows("SELECT * FROM contacts")) == 1, "it stays reserved"
    await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")
    assert (await ask(client, prepared))["may_deliver"]
    await sql.rows("DELETE FROM contacts")
    await sql.rows("DELETE FROM offers")
    late = await decide(client, "C-1", channel=channel, activate=False)
    for table in ("contacts", "decisions"):
        await sql.rows(f"UPDATE {table} SET reserved_until_us = 1 WHERE reserved_until_us IS NOT NULL")
    assert (await ask(client, late))["code"] == "not_reserved"
    await give_back_all(service.resources.engine, 2)
    await release_all_overdue(service.resources.engine, 2)
    assert (await ask(client, late))["code"] == "not_reserved"


@pytest.mark.usefixtures("capped")
async def test_quiet_hours_are_looked_at_again_and_what_waits_keeps_its_reservation(client, shop, sql):
    decision = await decide(client, "C-1")
    always = [{"channels": ["email"], "begins": "00:00", "ends": "00:00"}]
    await put_policy(client, {**SMALL, "quiet_hours": always, "time_zone": "UTC"})
    told = await ask(client, decision)
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


async def test_what_is_reserved_counts_as_of_now_however_long_ago_it_was_decided(client, shop, sql, catalogue):
    """It may be delivered at any moment, within a window of a day as well."""
    await catalogue(*(action_of(f"a-{number}", cool_down_days=1) for number in range(2)))
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 1}], "quiet_hours": []})
    await consent(client, shop, "C-1")
    decision = await decide(client, "C-1")
    ago = "UPDATE {} SET {} = {} - 129600000000"
    for table, column in (("contacts", "at_us"), ("contacts", "decided_us"), ("offers", "offered_us")):
        await sql.rows(ago.format(table, column, column))
    later = await decide(client, "C-1")
    assert {*suppressed(later).values()} == {"cap_reached"}, "the day is over, but not the reservation"
    await put_policy(client, {"caps": [{"scope": "all", "most": 2, "window_days": 1}], "quiet_hours": []})
    (kept,) = decision["actions"]
    again = await decide(client, "C-1", max_actions=2)
    assert [action["action_id"] for action in again["actions"]] == [{"a-0": "a-1", "a-1": "a-0"}[kept["action_id"]]]
    assert suppressed(again)[kept["action_id"]] == "cooling_down", "it is on its way"


async def test_one_that_does_not_cool_down_may_be_given_again_though_it_is_reserved(client, shop, catalogue):
    await catalogue(action_of("coupon", cool_down_days=0))
    await put_policy(client, {"caps": [{"scope": "all", "most": 2, "window_days": 7}], "quiet_hours": []})
    await consent(client, shop, "C-1")
    assert [len((await decide(client, "C-1"))["actions"]) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize(
    ("cost", "budget", "limits"),
    [(0.07, 7, (7, 700)), (0.035, 1, (4, 100)), (0.001, 0.055, (1, 5)), (0, 1, (0, 100)), (2.5, 27.25, (250, 2725))],
)
def test_a_budget_is_in_minor_units_and_a_cost_takes_whole_ones(cost, budget, limits):
    told = ContactBook(Settings()).limits_of(Action(**action_of("coupon", cost=cost, budget=budget)))
    assert (told.cost_minor, told.budget_minor) == limits


@pytest.mark.usefixtures("capped")
async def test_a_withdrawn_action_is_not_delivered(client):
    decision = await decide(client, "C-1")
    await client.put("/v1/actions/coupon", json=action_of("coupon", total_cap=2, enabled=False))
    assert (await ask(client, decision))["code"] == "action_withdrawn"


async def test_a_reservation_that_is_over_holds_nothing_back_before_it_is_cleaned_away(client, shop, sql, catalogue):
    await catalogue(action_of("one"), action_of("other"))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")
    assert [len((await decide(client, "C-1"))["actions"]) for _ in range(2)] == [1, 0]
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert len((await decide(client, "C-1"))["actions"]) == 1


async def test_a_decision_that_is_not_there_is_not_found(client):
    assert (await client.post("/v1/decisions/none/deliver")).status_code == 404


@pytest.mark.usefixtures("capped")
async def test_what_is_not_delivered_in_time_is_given_back(client, shop, sql, service):
    decision = await decide(client, "C-1")
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert (await ask(client, decision))["code"] == "not_reserved"
    engine = service.resources.engine
    released = await asyncio.gather(*(release_all_overdue(engine, 2) for _ in range(3)))
    assert sum(released) <= 1, "several workers look at once"
    assert len((await decide(client, "C-1"))["actions"]) == 1
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'coupon'") == 1


@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("is_beside_a_till", [False, True])
async def test_what_is_told_after_its_reservation_was_given_back_cools_down(
    client, shop, sql, service, is_beside_a_till
):
    await put_policy(client, {"caps": [], "quiet_hours": []})
    decision = await decide(client, "C-1")
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    await release_all_overdue(service.resources.engine, 2)
    assert await sql.rows("SELECT * FROM offers") == []
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
        before = [asyncio.create_task(client.post("/v1/events", json=[shop.order("C-2"), shop.order("C-3")]))]
        await sql.wait_for_lock()
        if is_beside_a_till:
            checkout = {"event": shop.order("C-4"), "channel": "store", "max_actions": 1}
            before.append(asyncio.create_task(client.post("/v1/checkouts", json=checkout)))
        before.append(asyncio.create_task(deliver(client, shop, decision)))
        await asyncio.sleep(0.05)
    await asyncio.gather(*before)
    (offered_us,) = [
        row["offered_us"] for row in await sql.rows("SELECT offered_us FROM offers WHERE customer_id = 'C-1'")
    ]
    assert offered_us == await sql.value("SELECT occurred_us FROM events WHERE type = 'action.delivered'")
    assert await sql.value("SELECT count(*) FROM offers WHERE customer_id = 'C-4'") == int(is_beside_a_till)
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}


@pytest.mark.usefixtures("capped")
async def test_what_is_shown_later_and_not_delivered_in_time_cools_down_no_longer(client, sql, service):
    prepared = await decide(client, "C-1", activate=False)
    assert (await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")).status_code == 200
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert await release_all_overdue(service.resources.engine, 2) <= 1, "the service may have looked before"
    assert len((await decide(client, "C-1"))["actions"]) == 1


@pytest.mark.usefixtures("capped")
async def test_what_was_delivered_stays_though_its_time_is_over(client, shop, sql, service):
    decision = await decide(client, "C-1")
    assert len(decision["actions"]) == 1
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    await deliver(client, shop, decision)
    assert await release_all_overdue(service.resources.engine, 2) == 0
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}


# The policy.


async def test_the_policy_has_versions(client):
    before = (await client.get("/v1/contact-policy")).json()
    assert (before["version"], before["changed_by"], len(before["policy"]["caps"])) == (0, None, 4)
    first = await put_policy(client, SMALL)
    second = await put_policy(client, {"caps": []})
    assert second["version"] == first["version"] + 1
    assert second["changed_by"] == "tests"
    assert (await client.get("/v1/contact-policy")).json() == second
    assert (await client.get(f"/v1/contact-policy/{first['version']}")).json() == first
    assert (await client.get("/v1/contact-policy/0")).json() == before
    assert (await client.get("/v1/contact-policy/9999999")).status_code == 404


@pytest.mark.parametrize(
    "policy",
    [
        {"caps": [{"scope": "all", "most": 1}]},
        {"quiet_hours": [{"channels": ["sms"], "begins": "9pm", "ends": "08:00"}]},
        {"time_zone": "Shanghai"},
        {"caps": None},
    ],
)
async def test_a_policy_that_cannot_be_meant_is_refused(client, policy):
    answer = await client.put("/v1/contact-policy", json=policy)
    assert answer.status_code == 422
    assert (await client.get("/v1/contact-policy")).json()["version"] == 0


# What is prepared, and shown later.


@pytest.mark.usefixtures("capped")
async def test_what_is_prepared_counts_until_it_is_shown_or_given_back(client, sql):
    prepared = await decide(client, "C-1", channel="store", activate=False)
    until_us = await sql.value("SELECT reserved_until_us FROM contacts")
    assert until_us == await sql.value("SELECT reserved_until_us FROM decisions"), "given back together"
    shown = await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")
    assert shown.status_code == 200
    assert await sql.rows("SELECT reserved_until_us FROM contacts") == [{"reserved_until_us": None}]
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'coupon'") == 1


@pytest.mark.usefixtures("capped")
async def test_what_is_prepared_for_later_is_delivered_then_and_cools_down_from_when_it_is_shown(client, sql, service):
    later = datetime.now(UTC) + timedelta(days=20)
    prepared = await decide(client, "C-1", activate=False, deliver_at=later.isoformat())
    assert (await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")).status_code == 200
    contact = await sql.row("SELECT at_us, reserved_until_us - at_us AS held_us FROM contacts")
    assert contact["at_us"] == to_us(later)
    assert contact["held_us"] == service.resources.of(Decisions).book.rules.reserved_us
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert await release_all_overdue(service.resources.engine, 2) <= 1, "the service may have looked before"
    assert await sql.rows("SELECT * FROM offers") == []


@pytest.mark.parametrize(("ahead", "status"), [(-360, 422), (-240, 200), (29 * 86_400, 200), (31 * 86_400, 422)])
@pytest.mark.usefixtures("capped")
async def test_a_delivery_is_neither_past_nor_far_ahead(client, sql, ahead, status):
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    answer = await client.post(
        "/v1/decisions", json={"customer_id": "C-1", "channel": "email", "deliver_at": at.isoformat()}
    )
    assert answer.status_code == status
    if status == 422:
        assert "deliver_at" in answer.text
    else:
        assert await sql.value("SELECT bool_and(at_us >= decided_us) FROM contacts")


async def test_what_decisions_of_a_batch_give_is_told_to_those_after_the_latest_first():
    book = ContactBook(Settings())
    book.page = book.page._replace(rules=ContactRules(ContactPolicy(caps=[])))
    action, told = Action(**action_of("coupon")), []

    def make(known):
        told.append([contact.at_us for contact in known.contacts])
        return Decision("D", 0, {}, {}, (action,))

    nowhere: Any = None
    drafts = [Draft("C-1", "C-1", "email", at_us, make, lambda _: b"") for at_us in (2, 1, 3, 2)]
    await settle(nowhere, drafts, book, 0)
    assert told == [[], [2], [2, 1], [3, 2, 1]]
