"""Caps and budgets are exact, whoever else decides; the contact policy has versions."""

import asyncio
import time
from collections import Counter
from typing import Any
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import text

from app.database.engine import Driver, transaction
from app.decisions.contact_book import ContactBook
from app.decisions.contact_queries import TAKE
from app.decisions.held import Decisions
from app.decisions.service import Decision
from app.decisions.settling import Draft, settle
from app.foundation.settings import Settings
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.contact_policy import ContactPolicy
from tests.decisions.acting import (
    SMALL,
    action_of,
    consent,
    decide,
    put_policy,
    suppressed,
)


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


async def test_who_holds_one_counter_does_not_wait_for_another(client, sql, engine, catalogue, monkeypatch):
    """Nor says that what somebody else is about to give was given as often as it may be. (Who knew that the coupon is
    used up would hold nothing yet, and wait.)"""
    await catalogue(
        action_of("coupon", effect=1, total_cap=1), action_of("second", total_cap=9), action_of("third", effect=0.1)
    )
    await put_policy(client, {"caps": [], "quiet_hours": []})
    monkeypatch.setattr(ContactBook, "refresh", AsyncMock())
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


@pytest.mark.parametrize(
    ("cost", "budget", "limits"),
    [(0.07, 7, (7, 700)), (0.035, 1, (4, 100)), (0.001, 0.055, (1, 5)), (0, 1, (0, 100)), (2.5, 27.25, (250, 2725))],
)
def test_a_budget_is_in_minor_units_and_a_cost_takes_whole_ones(cost, budget, limits):
    told = ContactBook(Settings()).limits_of(Action(**action_of("coupon", cost=cost, budget=budget)))
    assert (told.cost_minor, told.budget_minor) == limits


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
