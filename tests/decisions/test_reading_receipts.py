"""Receipts are found by id, by customer and by time, and are enough to decide once more."""

import asyncio
import random
from typing import get_args

import orjson
import pytest

from app.decisions.held import Decisions
from app.decisions.recalling import recall
from app.lifecycle.funnels import ELIGIBILITY
from app.lifecycle.looks import SuppressionCode
from app.lifecycle.measures import CONTACT_CHANNELS, SALES_CHANNELS

CHANNELS = (*SALES_CHANNELS, *CONTACT_CHANNELS)
RECEIPTS = 1000
MOST_BYTES = 2048


async def decide(client, customer_id="C-1", **wanted):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, **wanted})
    assert response.status_code == 200, response.text
    return response.json()


async def read(client, path, **query):
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def test_a_receipt_by_the_decisions_id_alone(client):
    decision = await decide(client, "张三/1", context={"page": "/tea"}, max_actions=2)
    told = await read(client, f"/v1/decisions/{decision['decision_id']}")
    assert (told["decision_id"], told["customer_id"]) == (decision["decision_id"], "张三/1")
    assert told["answer"] == decision
    assert told["receipt"]["request"]["context"] == {"page": "/tea"}
    assert told["funnel"]["chosen"] == len(decision["actions"]) == 2
    assert told["funnel"]["candidates"] == len(
        told["receipt"]["expected_values"].keys() | told["receipt"]["suppressed"]
    )


async def test_a_receipt_of_a_checkout(client, shop):
    answer = (await client.post("/v1/checkouts", json={"event": shop.order(total=80)})).json()
    told = await read(client, f"/v1/decisions/{answer['decision']['decision_id']}")
    assert told["answer"]["decision"]["actions"] == [
        {name: value for name, value in action.items() if name != "recommendations"}
        for action in answer["decision"]["actions"]
    ]
    assert told["receipt"]["customer"]["stage"] == "new"


@pytest.mark.parametrize("decision_id", ["none-such", "%00", "%C3%A4"])
async def test_a_decision_that_is_none(client, decision_id):
    response = await client.get(f"/v1/decisions/{decision_id}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:perennial:problem:not-found")


async def test_receipts_of_a_customer_newest_first_and_paged(client):
    made = [(await decide(client))["decision_id"] for _ in range(5)]
    await decide(client, "C-2")
    told, next_page = [], {"limit": "2"}
    while next_page.get("cursor", "") is not None:
        page = await read(client, "/v1/customers/C-1/decisions", **next_page)
        told += [item["decision_id"] for item in page["decisions"]]
        next_page["cursor"] = page["next_cursor"]
    assert told == made[::-1]
    assert (await read(client, "/v1/customers/nobody/decisions"))["decisions"] == []


async def test_receipts_of_the_other_ids_of_a_person(client, shop):
    made = {(await decide(client, each))["decision_id"] for each in ("C-1", "C-2")}
    await send(client, shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    for each in ("C-1", "C-2"):
        page = await read(client, f"/v1/customers/{each}/decisions")
        assert {item["decision_id"] for item in page["decisions"]} == made


async def test_receipts_by_time(client):
    first, second, third = [await decide(client, f"C-{number}") for number in range(3)]
    times = [
        (await read(client, f"/v1/decisions/{each['decision_id']}"))["decided_at"] for each in (first, second, third)
    ]
    page = await read(client, "/v1/decisions", since=times[1])
    assert [item["decision_id"] for item in page["decisions"]] == [third["decision_id"], second["decision_id"]]
    page = await read(client, "/v1/decisions", since=times[0], until=times[2], limit=1)
    assert [item["decision_id"] for item in page["decisions"]] == [second["decision_id"]]
    page = await read(client, "/v1/decisions", since=times[0], until=times[2], cursor=page["next_cursor"])
    assert [item["decision_id"] for item in page["decisions"]] == [first["decision_id"]]
    assert page["next_cursor"] is None


async def test_by_time_a_beginning_is_needed(client):
    assert (await client.get("/v1/decisions")).status_code == 422
    assert (await client.get("/v1/decisions", params={"since": "yesterday"})).status_code == 422
    assert (await client.get("/v1/decisions", params={"since": "2026-01-01", "cursor": "x"})).status_code == 422


def test_every_code_of_eligibility_is_one():
    assert {*get_args(SuppressionCode)} >= ELIGIBILITY


async def test_the_funnel_narrows(client, shop):
    await send(client, shop.order(total=900), shop.event("case.opened", data={"case_id": "K-1", "kind": "complaint"}))
    decision = await decide(client, channel="store", max_actions=1)
    funnel = (await read(client, f"/v1/decisions/{decision['decision_id']}"))["funnel"]
    codes = [item["code"] for item in decision["suppressed"]]
    assert funnel["candidates"] - funnel["after_eligibility"] == sum(code in ELIGIBILITY for code in codes)
    assert funnel["candidates"] - funnel["after_policy"] == len(codes)
    assert funnel["candidates"] > funnel["after_eligibility"] > funnel["after_policy"] >= funnel["chosen"] == 1


def shopper(shop, draw, number):
    """A history: someone who never came, a regular, one long gone, one with a complaint, with and without consents."""
    subject = f"S-{number}"
    events = [
        shop.order(subject, total=round(draw.lognormvariate(4, 1), 2), at=shop.ago(days=draw.uniform(0.1, 700)))
        for _ in range(draw.choice((0, 0, 1, 1, 2, 5, 12)))
    ]
    if draw.random() < 0.3:
        case = {"case_id": f"K-{number}", "kind": "complaint"}
        events.append(shop.event("case.opened", subject, at=shop.ago(days=9), data=case))
        if draw.random() < 0.5:
            events.append(shop.event("case.resolved", subject, at=shop.ago(days=draw.choice((2, 8))), data=case))
    for channel in draw.sample(CONTACT_CHANNELS, 2):
        said = {"purpose": "marketing", "channel": channel, "granted": draw.random() < 0.8}
        events.append(shop.event("consent.changed", subject, data=said))
    return events


async def ask(client, draw, number):
    catalogue = ("first-order-coupon", "welcome-pack", "service-recovery", "festival-greeting", "targeted-offer")
    await decide(
        client,
        f"S-{number}",
        channel=draw.choice(CHANNELS),
        max_actions=draw.choice((0, 1, 1, 2, 3, 10)),
        exclude=draw.sample(catalogue, draw.choice((0, 0, 1, 3))),
        learning_enabled=draw.random() < 0.8,
        context={"campaign": "autumn"},
    )


@pytest.fixture
async def busy_shop(serve, sql, shop, make_model):
    """A service of a shop with a control group and chance, after a thousand decisions."""
    draw = random.Random(12)
    async with serve(control_share=0.15, exploration=0.3) as service:
        for begin in range(0, 150, 50):
            events = [each for number in range(begin, begin + 50) for each in shopper(shop, draw, number)]
            await send(service.client, *events)
        for _ in range(RECEIPTS // 10):
            await asyncio.gather(*(ask(service.client, draw, draw.randrange(160)) for _ in range(10)))
        yield service


async def test_a_thousand_receipts_are_enough_to_decide_once_more(busy_shop, sql):
    rows = await sql.rows("SELECT * FROM decisions")
    assert len(rows) == RECEIPTS
    catalogue, rules = busy_shop.resources.of(Decisions).catalogue, busy_shop.resources.of(Decisions).book.rules
    chosen = 0
    for row in rows:
        kept = row["receipt"]
        assert kept["catalogue"] == catalogue.digest
        again = recall(row["customer_id"], row["decision_id"], row["decided_us"], kept).choose(catalogue, rules)
        assert again.worths == kept["expected_values"]
        assert dict(again.suppressed) == kept["suppressed"]
        told = {item.action.action_id: item.selection_probability for item in again.chosen}
        assert list(told.items()) == list(kept["selection_probabilities"].items())
        withheld = {item.action.action_id: item.selection_probability for item in again.withheld}
        assert withheld == kept.get("withheld", {})
        assert again.in_control_group == kept["in_control_group"]
        chosen += len(told)
    assert chosen > RECEIPTS / 5
    seen = {code for row in rows for code in row["receipt"]["suppressed"].values()}
    assert seen >= {
        "excluded",
        "cooling_down",
        "no_consent",
        "open_complaint",
        "control_group",
        "no_resolved_complaint",
    }
    sizes = [len(orjson.dumps(row["receipt"])) for row in rows]
    assert max(sizes) <= MOST_BYTES
