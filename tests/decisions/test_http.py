"""`POST /v1/decisions`, and the catalogue at `/v1/actions`."""

import asyncio
import json
import uuid

import pytest

from app.decisions.held import Decisions
from app.decisions.part import PART
from app.lifecycle.default_actions import DEFAULT_ACTIONS, GROUPS
from app.models.held import Models

JSON = {"content-type": "application/json"}
MALFORMED = "urn:perennial:problem:malformed"
CANARY = "Kanarienvogel"
MARKETING = {"purpose": "marketing", "granted": True}
ACTION = {
    "action_id": "tea-tasting",
    "title": {"en": "Tea tasting", "zh": "品茶会"},
    "stages": ["prospect", "new"],
    "channels": ["store"],
    "aim": "grow",
    "response_rate": 0.9,
    "effect": 0.9,
    "cost": 1.0,
    "min_risk": 0.0,
    "min_value": 0.0,
    "validity_days": 7,
    "cool_down_days": 3,
    "complaint": "none",
    "enabled": True,
}


async def decide(client, customer_id="C-1", *, language="en", **wanted):
    response = await client.post(
        "/v1/decisions", json={"customer_id": customer_id, **wanted}, headers={"Accept-Language": language}
    )
    assert response.status_code == 200, response.text
    return response.json()


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


def offered(decision):
    return [action["action_id"] for action in decision["actions"]]


def codes(decision):
    return {item["action_id"]: item["code"] for item in decision["suppressed"]}


async def test_a_stranger_is_answered_as_a_prospect(client, sql):
    decision = await decide(client, "nobody", max_actions=10)
    known = {action.action_id: action for action in DEFAULT_ACTIONS}
    assert list(decision) == [
        "decision_id",
        "customer_id",
        "in_control_group",
        "degraded",
        "degraded_because",
        "actions",
        "suppressed",
    ]
    assert offered(decision)
    for action in decision["actions"]:
        assert "prospect" in known[action["action_id"]].stages
    assert await sql.value("SELECT count(*) FROM customer_states") == 0


async def test_the_receipt_is_written(client, sql):
    decision = await decide(client, channel="web", context={"page": "/tea", "深": [1, None]})
    row = await sql.row("SELECT * FROM decisions")
    assert (row["customer_id"], row["decision_id"]) == ("C-1", decision["decision_id"])
    assert row["answer"] == decision
    assert row["receipt"]["request"]["context"] == {"page": "/tea", "深": [1, None]}
    assert list(row["receipt"]["selection_probabilities"]) == offered(decision)
    told = {item["action_id"]: item["code"] for item in decision["suppressed"]}
    assert row["receipt"]["suppressed"] == told
    made = await sql.rows("SELECT action_id, offered_us FROM offers")
    assert [(item["action_id"], item["offered_us"]) for item in made] == [(offered(decision)[0], row["decided_us"])]


async def test_every_decision_is_one_of_its_own(client, sql):
    decisions = await asyncio.gather(*(decide(client, f"C-{number % 5}") for number in range(50)))
    assert len({decision["decision_id"] for decision in decisions}) == 50
    assert await sql.value("SELECT count(*) FROM decisions") == 50


async def test_an_action_cools_down_whichever_way_it_was_offered(client, shop):
    first = await decide(client, max_actions=1)
    second = await decide(client, max_actions=1)
    assert codes(second)[offered(first)[0]] == "cooling_down"
    response = await client.post("/v1/checkouts", json={"event": shop.event("store.visited")})
    at_the_till = response.json()["decision"]
    assert not {*offered(first), *offered(second)} & set(offered(at_the_till))


async def test_reaching_out_needs_a_yes(client, shop):
    """By e-mail; in the store the absence of a no is enough."""
    told = codes(await decide(client, channel="email", max_actions=10))
    assert set(told.values()) == {
        "no_consent",
        "no_open_complaint",
        "no_resolved_complaint",
        "condition_unknown",
    }
    await send(client, shop.event("consent.changed", data={**MARKETING, "channel": "email"}))
    assert offered(await decide(client, channel="email", max_actions=1))
    assert offered(await decide(client, channel="sms", max_actions=10)) == []
    await send(client, shop.event("consent.changed", data={**MARKETING, "granted": False}))
    assert offered(await decide(client, channel="email", max_actions=10)) == []
    assert offered(await decide(client, channel="store", max_actions=10)) == []


async def test_a_channel_that_nobody_serves(client):
    response = await client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "pigeon"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/channel")
    assert "pigeon" not in response.text


async def test_a_stage_that_has_moved_on(client, shop):
    before = await decide(client, max_actions=10)
    await send(client, shop.order(total=80))
    after = await decide(client, max_actions=10)
    assert not set(offered(before)) & set(offered(after))
    reasons = {reason["code"]: reason["value"] for reason in after["actions"][0]["reasons"]}
    assert reasons["stage"] == "new"


async def test_the_best_come_first(client, shop):
    await send(client, shop.order(total=800))
    decision = await decide(client, max_actions=10)
    worths = [
        next(reason["value"] for reason in action["reasons"] if reason["code"] == "expected_value")
        for action in decision["actions"]
    ]
    assert len(worths) > 1
    assert worths == sorted(worths, reverse=True)
    assert [action["priority"] for action in decision["actions"]] == list(range(1, 1 + len(worths)))


async def test_with_and_without_a_model(serve, sql, make_model):
    async with serve() as service:
        assert (await decide(service.client))["degraded"] is True
        service.resources.of(Models).champion = make_model("v7")
        assert (await decide(service.client))["degraded"] is False


@pytest.fixture
async def catalogue(client):
    """Leaves the catalogue as it found it."""
    yield client
    await client.delete(f"/v1/actions/{ACTION['action_id']}")
    for action in DEFAULT_ACTIONS:
        await client.put(f"/v1/actions/{action.action_id}", json=action.model_dump(mode="json"))


async def put(client, action, action_id=None):
    return await client.put(f"/v1/actions/{action_id or action['action_id']}", json=action)


async def test_the_catalogue_begins_with_the_default_actions(client):
    told = (await client.get("/v1/actions")).json()["actions"]
    assert told == sorted(
        (action.model_dump(mode="json") for action in DEFAULT_ACTIONS), key=lambda action: action["action_id"]
    )


async def test_an_action_added_is_in_force_at_once(catalogue):
    response = await put(catalogue, ACTION)
    told = response.json()
    assert (response.status_code, told) == (200, {**told, **ACTION})
    assert told in (await catalogue.get("/v1/actions")).json()["actions"]
    decision = await decide(catalogue, language="zh")
    assert offered(decision) == ["tea-tasting"]
    assert decision["actions"][0]["title"] == "品茶会"
    assert decision["actions"][0]["response_probability"] == 0.9


async def test_an_action_replaced_and_removed(catalogue):
    await put(catalogue, ACTION)
    await put(catalogue, {**ACTION, "enabled": False})
    assert "tea-tasting" not in offered(await decide(catalogue, max_actions=10))
    listed = (await catalogue.get("/v1/actions")).json()["actions"]
    assert [action["enabled"] for action in listed if action["action_id"] == "tea-tasting"] == [False]
    removed = await catalogue.delete("/v1/actions/tea-tasting")
    assert (removed.status_code, removed.content) == (204, b"")
    again = await catalogue.delete("/v1/actions/tea-tasting")
    assert (again.status_code, again.json()["type"]) == (404, "urn:perennial:problem:not-found")
    assert "tea-tasting" not in str((await catalogue.get("/v1/actions")).json())


async def test_what_was_read_before_a_change_does_not_take_its_place(catalogue, service, monkeypatch):
    """A catalogue is read every few seconds; an action is removed while that is under way."""
    await put(catalogue, ACTION)
    held, reading, going_on = service.resources.of(Decisions), asyncio.Event(), asyncio.Event()
    refresh, refresh_part = held.book.refresh, PART.refresh
    assert refresh_part is not None

    async def wait(*told):
        if not reading.is_set():
            reading.set()
            await going_on.wait()
        await refresh(*told)

    monkeypatch.setattr(held.book, "refresh", wait)
    refreshing = asyncio.ensure_future(refresh_part(service.resources))
    await reading.wait()
    removing = asyncio.create_task(catalogue.delete("/v1/actions/tea-tasting"))
    await asyncio.sleep(0.3)
    going_on.set()
    await refreshing
    assert (await removing).status_code == 204
    assert "tea-tasting" not in offered(await decide(catalogue, max_actions=10))


async def test_a_catalogue_is_made_again_only_where_it_has_changed(catalogue, service, sql):
    """It is looked at every few seconds, beside the tills."""
    held, refresh = service.resources.of(Decisions), PART.refresh
    assert refresh is not None
    await put(catalogue, ACTION)
    before = held.catalogue
    await refresh(service.resources)
    assert held.catalogue is before
    await sql.rows("DELETE FROM actions WHERE action_id = 'tea-tasting'")  # as a process of before there were versions
    await refresh(service.resources)
    assert "tea-tasting" not in held.catalogue.by_id


async def test_what_an_action_gives_is_told_to_whoever_offers_it(catalogue):
    mechanic = {"kind": "amount_off", "threshold": 100, "amount": 20}
    body = {"en": "20 off from 100 on.", "zh": "满100减20。"}
    await put(catalogue, {**ACTION, "group": "loyalty", "body": body, "mechanic": mechanic})
    (told,) = (await decide(catalogue, language="zh"))["actions"]
    assert (told["group"], told["body"]) == ("loyalty", body["zh"])
    assert told["mechanic"] == {**mechanic, "repeated": False}


async def test_an_error_within_a_mechanic_points_to_where_it_is(catalogue):
    response = await put(catalogue, {**ACTION, "mechanic": {"kind": "percentage", "percent": 101}})
    assert [error["pointer"] for error in response.json()["errors"]] == ["/mechanic/percent"]
    response = await put(catalogue, {**ACTION, "mechanic": {"kind": CANARY}})
    assert [error["pointer"] for error in response.json()["errors"]] == ["/mechanic"]


async def test_a_definition_of_before_groups_is_read(catalogue, sql):
    """By the seed's group where it is of the seed."""
    await put(catalogue, ACTION)
    await put(catalogue, {**ACTION, "action_id": "tea-worry", "complaint": "open"})
    later = ["group", "body", "weight", "lever", "budget", "daily_cap", "total_cap", "mechanic"]
    await sql.rows("UPDATE actions SET definition = (definition::jsonb - CAST(:later AS text[]))::json", later=later)
    told = {action["action_id"]: action for action in (await catalogue.get("/v1/actions")).json()["actions"]}
    assert {action.action_id: told[action.action_id]["group"] for action in DEFAULT_ACTIONS} == GROUPS
    assert (told["tea-tasting"]["group"], told["tea-worry"]["group"]) == ("offer", "service")
    assert (told["tea-tasting"]["lever"], told["tea-tasting"]["budget"]) == (1.0, None)
    await catalogue.delete("/v1/actions/tea-worry")


async def test_another_process_learns_of_it(serve, catalogue, monkeypatch, wait_until):
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.02)
    async with serve() as other:
        await put(catalogue, ACTION)

        async def is_known():
            return offered(await decide(other.client, f"C-{uuid.uuid4()}")) == ["tea-tasting"]

        await wait_until(is_known)


BAD_ACTIONS = {
    "no id": {"action_id": None},
    "an id in upper case": {"action_id": CANARY},
    "a title in one language": {"title": {"en": CANARY}},
    "a title too many": {"title": {"en": "a", "zh": "b", CANARY: "c"}},
    "an empty title": {"title": {"en": "", "zh": "b"}},
    "a NUL in a title": {"title": {"en": f"{CANARY}\0", "zh": "b"}},
    "no stages": {"stages": []},
    "a stage of its own": {"stages": [CANARY]},
    "no channels": {"channels": []},
    "a NUL in a channel": {"channels": ["store\0"]},
    "an aim of its own": {"aim": CANARY},
    "a rate of 0": {"response_rate": 0},
    "a rate over 1": {"response_rate": 1.1},
    "an effect of text": {"effect": CANARY},
    "a negative cost": {"cost": -1},
    "no validity": {"validity_days": 0},
    "a cool-down of years": {"cool_down_days": 366},
    "a complaint of its own": {"complaint": CANARY},
    "a group of its own": {"group": CANARY},
    "a body in one language": {"body": {"en": CANARY}},
    "a negative lever": {"lever": -1},
    "a budget of text": {"budget": CANARY},
    "a part of an offer a day": {"daily_cap": 1.5},
    "a mechanic of its own": {"mechanic": {"kind": CANARY}},
    "more off than there is": {"mechanic": {"kind": "amount_off", "threshold": 10, "amount": 20}},
    "a mechanic of text": {"mechanic": {"kind": "percentage", "percent": CANARY}},
    "an unknown member": {CANARY: CANARY},
}


@pytest.mark.parametrize("change", BAD_ACTIONS.values(), ids=BAD_ACTIONS.keys())
async def test_an_action_that_breaks_the_contract(catalogue, change):
    response = await put(catalogue, {**ACTION, **change}, "tea-tasting")
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)
    assert response.headers["content-type"] == "application/problem+json"
    assert CANARY not in response.text
    assert "tea-tasting" not in (await catalogue.get("/v1/actions")).text


@pytest.mark.parametrize("action_id", ["other", "Tea", "a b", "x" * 65, "%00"])
async def test_an_id_in_the_path_that_is_not_the_actions(catalogue, action_id):
    response = await put(catalogue, ACTION, action_id)
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)
    assert "tea-tasting" not in (await catalogue.get("/v1/actions")).text


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b"[" * 20_000, b"7" * 5000, b"NaN", b"[]", b"null"],
    ids=["empty", "cut", "bad UTF-8", "20,000 deep", "5,000 digits", "NaN", "list", "null"],
)
async def test_a_body_that_is_no_action(catalogue, raw):
    response = await catalogue.put("/v1/actions/tea-tasting", content=raw, headers=JSON)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].startswith("urn:perennial:problem:")


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"1e400", rb'"\ud800"'])
async def test_a_number_that_is_none(catalogue, raw):
    content = json.dumps({**ACTION, "cost": "@"}).encode().replace(b'"@"', raw)
    response = await catalogue.put("/v1/actions/tea-tasting", content=content, headers=JSON)
    assert response.status_code in (400, 422)
    assert response.json()["type"].startswith("urn:perennial:problem:")


async def test_an_action_as_large_as_a_book_is_not_read_whole(catalogue):
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 65536

    response = await catalogue.put("/v1/actions/tea-tasting", content=chunks(), headers=JSON)
    assert (response.status_code, response.json()["type"]) == (413, "urn:perennial:problem:too-large")
    assert sent <= 18


async def test_a_whole_number_may_have_a_fraction_of_nothing(client):
    assert (await client.post("/v1/decisions", json={"customer_id": "C-1", "max_actions": 2.0})).status_code == 200
    for wrong in (1.5, "2", 11.0, True):
        answer = await client.post("/v1/decisions", json={"customer_id": "C-1", "max_actions": wrong})
        assert answer.status_code == 422, wrong
