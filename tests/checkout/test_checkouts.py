"""`POST /v1/checkouts`: event, score and decision in one round trip, and the same answer for a repeat."""

import asyncio

import pytest

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.arms import Arms
from app.lifecycle.decisions import CustomerContext
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.exploration import selection_probabilities
from app.models.held import Models

DEFAULT_ACTIONS_IN_ORDER = sorted(DEFAULT_ACTIONS, key=lambda action: action.action_id)
HALVES = Arms(control_share=0.5, secret=b"tests")
STORE_ACTIONS = {action.action_id: action for action in DEFAULT_ACTIONS if "store" in action.channels}


async def check_out(client, event, *, language="en", **wanted):
    response = await client.post(
        "/v1/checkouts", json={"event": event, **wanted}, headers={"Accept-Language": language}
    )
    assert response.status_code == 200, response.text
    return response.json()


def offered(answer):
    return [action["action_id"] for action in answer["decision"]["actions"]]


def suppressed(answer):
    return {item["action_id"]: item["code"] for item in answer["decision"]["suppressed"]}


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0


async def test_the_event_is_counted_scored_and_decided_on(client, sql, shop):
    answer = await check_out(client, shop.order(total=80), channel="store", max_actions=2)
    assert answer["event"] == {"status": "accepted"}
    score, decision = answer["score"], answer["decision"]
    assert (score["customer_id"], score["stage"], score["data_sufficiency"]) == ("C-1", "new", "little")
    assert 0 < score["churn_risk"] < 1
    assert [action["priority"] for action in decision["actions"]] == [1, 2]
    for action in decision["actions"]:
        known = STORE_ACTIONS[action["action_id"]]
        assert "new" in known.stages
        assert action["title"] == known.title.en
        assert action["response_probability"] == known.response_rate
        assert action["selection_probability"] == 1.0
        worth = next(reason["value"] for reason in action["reasons"] if reason["code"] == "expected_value")
        assert worth > 0
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_a_repeat_gets_its_first_answer_again(client, sql, shop):
    event = shop.order()
    first = await check_out(client, event)
    await send(client, *(shop.order(total=500) for _ in range(4)))
    for wanted in ({}, {"max_actions": 0}, {"channel": "web", "exclude": [offered(first)[0]]}):
        again = await check_out(client, event, language="zh", **wanted)
        assert again == {**first, "event": {"status": "duplicate"}}
    assert await sql.value("SELECT count(*) FROM decisions") == 1
    assert await sql.value("SELECT orders FROM customer_states") == 5


async def test_repeats_at_the_same_time_get_one_answer(service, sql, serve, shop):
    """From the tills of two processes, so that some are gathered together and some are not."""
    event = shop.order()
    async with serve() as other:
        clients = [service.client, other.client] * 10
        answers = await asyncio.gather(*(check_out(client, event) for client in clients))
    assert sorted(answer["event"]["status"] for answer in answers) == ["accepted"] + ["duplicate"] * 19
    for answer in answers:
        assert (answer["score"], answer["decision"]) == (answers[0]["score"], answers[0]["decision"])
    assert await sql.value("SELECT count(*) FROM decisions") == 1


async def test_a_checkout_of_an_event_that_came_before_by_another_way(client, sql, shop):
    event = shop.order(total=80)
    await send(client, event)
    first = await check_out(client, event)
    assert first["event"] == {"status": "duplicate"}
    assert first["score"]["stage"] == "new"
    assert offered(first)
    assert await check_out(client, event) == first
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_an_event_and_its_checkout_gathered_together(client, sql, shop):
    event = shop.order()
    plain, till = await asyncio.gather(client.post("/v1/events", json=event), check_out(client, event))
    statuses = [plain.json()["results"][0]["status"], till["event"]["status"]]
    assert sorted(statuses) == ["accepted", "duplicate"]
    assert till["score"]["stage"] == "new"
    assert await check_out(client, event) == {**till, "event": {"status": "duplicate"}}


async def test_other_content_is_refused_and_decides_nothing(client, sql, shop):
    event = shop.order(total=10)
    first = await check_out(client, event)
    other = {**event, "data": {**event["data"], "total": 11}}
    response = await client.post("/v1/checkouts", json={"event": other})
    assert (response.status_code, response.json()["type"]) == (409, "urn:perennial:problem:conflict")
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1
    assert await sql.value("SELECT count(*) FROM decisions") == 1
    assert (await check_out(client, event))["decision"] == first["decision"]


async def test_a_refused_event_is_kept_and_pointed_at(client, sql, shop):
    response = await client.post("/v1/checkouts", json={"event": shop.order(total="twelve")})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/event/data/total"
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1
    assert await sql.value("SELECT count(*) FROM decisions") == 0


async def test_checkouts_of_many_customers_at_once(client, sql, shop):
    events = [shop.order(f"C-{number % 30}", total=50 + number) for number in range(90)]
    answers = await asyncio.gather(*(check_out(client, event) for event in events))
    assert [answer["score"]["customer_id"] for answer in answers] == [event["subject"] for event in events]
    assert [answer["decision"]["customer_id"] for answer in answers] == [event["subject"] for event in events]
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 90
    assert await sql.value("SELECT count(*) FROM decisions") == 90
    for customer in {event["subject"] for event in events}:  # each cools down, gathered together or not
        given = [
            action for answer in answers if answer["decision"]["customer_id"] == customer for action in offered(answer)
        ]
        assert len(given) == len(set(given))


async def test_the_receipt_says_what_was_weighed(client, sql, shop):
    event = shop.order(total=80)
    answer = await check_out(
        client, event, max_actions=1, context={"lane": 7}, exclude=["welcome-pack"], learning_enabled=False
    )
    row = await sql.row("SELECT * FROM decisions")
    assert (row["customer_id"], row["decision_id"]) == ("C-1", answer["decision"]["decision_id"])
    receipt = row["receipt"]
    assert receipt["request"] == {
        "channel": "store",
        "max_actions": 1,
        "context": {"lane": 7},
        "exclude": ["welcome-pack"],
        "learning_enabled": False,
    }
    assert receipt["in_control_group"] is False
    assert receipt["model_version"] is None
    assert receipt["suppressed"]["welcome-pack"] == "excluded"
    weighed = {action for action, known in STORE_ACTIONS.items() if "new" in known.stages}
    assert set(receipt["expected_values"]) | set(receipt["suppressed"]) == weighed
    assert receipt["catalogue"] == ActionCatalogue(DEFAULT_ACTIONS_IN_ORDER).digest
    best = max(receipt["expected_values"], key=receipt["expected_values"].get)
    assert receipt["selection_probabilities"] == {best: 1.0}
    assert offered(answer) == [best]
    shares = {"control_share": 0.0, "usual_share": 0.0}
    assert receipt["policy"] == {**shares, "exploration": 0.0, "margin": 0.25, "complaint_risk": 0.54}
    assert receipt["customer"].keys() == {*CustomerContext._fields} - {
        *("customer_id", "lacking", "unseen", "learned", "learned_by", "treatment")
    }
    assert receipt["customer"]["stage"] == "new"
    assert receipt["customer"]["churn_risk"] == pytest.approx(answer["score"]["churn_risk"], abs=1e-6)
    assert row["answer"] == {"score": answer["score"], "decision": answer["decision"]}


async def test_exploration_is_written_down_with_its_probability(serve, sql, shop):
    async with serve(exploration=0.5) as service:
        answers = [await check_out(service.client, shop.order(f"C-{n}", total=80)) for n in range(40)]
        fixed = [
            await check_out(service.client, shop.order(f"D-{n}", total=80), learning_enabled=False) for n in range(5)
        ]
    worths = (await sql.rows("SELECT receipt FROM decisions"))[0]["receipt"]["expected_values"]
    eligible = [action for action, worth in worths.items() if worth > 0]
    best = max(eligible, key=worths.get)
    told = {
        (action["action_id"], action["selection_probability"]) for a in answers for action in a["decision"]["actions"]
    }
    ranked = sorted(eligible, key=worths.get, reverse=True)
    expected = set(zip(ranked, selection_probabilities([worths[action] for action in ranked], 0.5), strict=True))
    assert told <= expected
    assert len(told) > 1
    for answer in fixed:
        (action,) = answer["decision"]["actions"]
        assert (action["action_id"], action["selection_probability"]) == (best, 1.0)


async def test_without_a_model_it_degrades_and_says_so(client, shop):
    answer = await check_out(client, shop.order())
    assert answer["decision"]["degraded"] is True
    assert (answer["score"]["method"], answer["score"]["model_version"]) == ("rules", None)


async def test_with_a_model_it_does_not(serve, sql, shop, make_model):
    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7")
        answer = await check_out(service.client, shop.order())
    assert answer["decision"]["degraded"] is False
    assert (answer["score"]["method"], answer["score"]["model_version"]) == ("additive_trees", "v7")
    assert (await sql.row("SELECT receipt FROM decisions"))["receipt"]["model_version"] == "v7"


@pytest.mark.parametrize("most", [0, 1, 3, 10])
async def test_max_actions(client, shop, most):
    answer = await check_out(client, shop.order(total=500), max_actions=most)
    eligible = len(offered(await check_out(client, shop.order("C-2", total=500), max_actions=10)))
    assert eligible >= 3
    assert len(offered(answer)) == min(most, eligible)


async def test_excluded_actions_are_left_out(client, shop):
    usual = offered(await check_out(client, shop.order("C-1", total=80)))
    answer = await check_out(client, shop.order("C-2", total=80), exclude=usual)
    assert not set(usual) & set(offered(answer))
    assert suppressed(answer)[usual[0]] == "excluded"


async def test_an_action_cools_down_after_it_was_offered(client, sql, shop):
    first = await check_out(client, shop.order(total=80))
    second = await check_out(client, shop.order(total=80))
    assert offered(first) != offered(second)
    assert suppressed(second)[offered(first)[0]] == "cooling_down"
    assert await sql.value("SELECT count(*) FROM offers") == 2


async def test_an_action_is_offered_again_when_it_has_cooled_down(client, sql, shop):
    (first,) = offered(await check_out(client, shop.order(total=80)))
    days = STORE_ACTIONS[first].cool_down_days
    age = "UPDATE offers SET offered_us = offered_us - :days * 86400000000"
    await sql.rows(age, days=days - 1)
    assert suppressed(await check_out(client, shop.order(total=80)))[first] == "cooling_down"
    await sql.rows(age, days=1)
    assert first not in suppressed(await check_out(client, shop.order(total=80)))


@pytest.mark.parametrize(
    "refusal",
    [
        {"purpose": "marketing", "granted": False},
        {"purpose": "marketing", "channel": "store", "granted": False},
        {"purpose": "personalization", "granted": False},
    ],
    ids=["every channel", "this channel", "personalization"],
)
async def test_consent_denied_suppresses(client, shop, refusal):
    await send(client, shop.event("consent.changed", data=refusal))
    answer = await check_out(client, shop.order(total=80), max_actions=10)
    assert offered(answer) == []
    code = "profiling_opt_out" if refusal["purpose"] == "personalization" else "no_consent"
    others = {"just_bought", "condition_unknown"}
    assert set(suppressed(answer).values()) - others == {code, "no_open_complaint", "no_resolved_complaint"}


async def test_consent_given_again_and_consent_of_another_channel(client, shop):
    denied = {"purpose": "marketing", "granted": False}
    await send(
        client,
        shop.event("consent.changed", "C-1", at=shop.ago(days=2), data=denied),
        shop.event("consent.changed", "C-1", at=shop.ago(days=1), data={"purpose": "marketing", "granted": True}),
        shop.event("consent.changed", "C-2", at=shop.ago(days=1), data={**denied, "channel": "sms"}),
    )
    assert offered(await check_out(client, shop.order("C-1", total=80)))
    assert offered(await check_out(client, shop.order("C-2", total=80)))


async def test_titles_in_chinese_for_who_asks_for_them(client, shop):
    for number, language in enumerate(("zh", "zh-CN,zh;q=0.9,en;q=0.8", "ZH-hans")):
        answer = await check_out(client, shop.order(f"C-{number}", total=80), language=language)
        (action,) = answer["decision"]["actions"]
        assert action["title"] == STORE_ACTIONS[action["action_id"]].title.zh
    answer = await check_out(client, shop.order("C-9", total=80), language="en, zh;q=0.5")
    assert answer["decision"]["actions"][0]["title"].isascii()


async def test_the_control_group_gets_nothing_and_the_receipt_says_why(serve, sql, shop):
    async with serve(control_share=0.5) as service:
        for number in range(8):
            customer = f"C-{number}"
            answer = await check_out(service.client, shop.order(customer, total=80))
            held_out = HALVES.of(customer) == "control"
            assert answer["decision"]["in_control_group"] is held_out
            assert bool(offered(answer)) is not held_out
            if held_out:
                assert "control_group" in suppressed(answer).values()
    rows = await sql.rows("SELECT receipt FROM decisions")
    assert {row["receipt"]["in_control_group"] for row in rows} == {True, False}
    for row in rows:
        assert bool(row["receipt"]["selection_probabilities"]) is not row["receipt"]["in_control_group"]
        assert row["receipt"]["expected_values"]


async def test_the_control_group_follows_the_person_whichever_id_is_asked_for(serve, sql, shop):
    """Each pair is of two whose own ids would put one of them in it and the other not."""
    held_out = [HALVES.of(f"C-{number}") == "control" for number in range(40)]
    within = [f"C-{number}" for number in range(40) if held_out[number]][:4]
    without = [f"C-{number}" for number in range(40) if not held_out[number]][:4]
    async with serve(control_share=0.5) as service:
        for survivor, merged in zip(within[:2] + without[2:], without[:2] + within[2:], strict=True):
            phone = {"kind": "phone", "value": f"+86138001380{survivor[2:]:0>2}"}
            await check_out(service.client, shop.order(merged, total=80))
            await service.client.post("/v1/events", json=shop.order(survivor, total=80, identifiers=[phone]))
            merge = shop.event("customer.merged", survivor, data={"merged": merged})
            assert (await service.client.post("/v1/events", json=merge)).status_code == 200
            members = await sql.rows("SELECT customer_id FROM persons WHERE person_id = :id", id=survivor)
            pseudonym = max(row["customer_id"] for row in members)
            assert pseudonym.startswith("~phone:")
            for asked in (survivor, merged, pseudonym):
                decision = await service.client.post("/v1/decisions", json={"customer_id": asked, "channel": "store"})
                assert decision.json()["in_control_group"] is (HALVES.of(survivor) == "control")
                answer = await check_out(service.client, shop.order(asked, total=80))
                assert answer["decision"]["in_control_group"] is (HALVES.of(survivor) == "control")


async def test_an_open_complaint_is_settled_first_and_then_asked_after(client, shop):
    """By the till and by `/v1/decisions` alike, though the shop's own rules call the customer sure to stay."""
    complaint = {"case_id": "K-1", "kind": "complaint", "cause": "broken"}
    await send(client, shop.event("case.opened", data=complaint))
    answer = await check_out(client, shop.order(total=2000), max_actions=10)
    assert "open_complaint" in answer["score"]["flags"]
    assert offered(answer)[:2] == ["service-recovery", "complaint-apology"]
    assert {STORE_ACTIONS[action].complaint for action in offered(answer)} <= {"open", "any"}
    assert suppressed(answer)["welcome-pack"] == suppressed(answer)["satisfaction-question"] == "open_complaint"
    assert suppressed(answer)["complaint-follow-up"] == "no_resolved_complaint"
    await send(client, shop.event("case.resolved", data={"case_id": "K-1"}))
    after = await check_out(client, shop.order(total=200), max_actions=10)
    assert suppressed(after)["service-recovery"] == "no_open_complaint"
    assert offered(after)[0] == "complaint-follow-up"
    assert "welcome-pack" in offered(after)
    customer = (await client.get("/v1/customers/C-1")).json()
    assert (customer["complaints"], customer["open_complaints"]) == (1, 0)
    decision = await client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store", "max_actions": 10})
    codes = {item["action_id"]: item["code"] for item in decision.json()["suppressed"]}
    assert codes["complaint-follow-up"] == "cooling_down"


async def test_a_complaint_is_asked_after_by_whichever_id(client, shop):
    """Opened under one id of a person and resolved under the other."""
    complaint = {"case_id": "K-1", "kind": "complaint"}
    await send(client, shop.event("customer.merged", "C-1", data={"merged": "C-2"}), shop.order("C-2", total=90))
    await send(client, shop.event("case.opened", "C-1", data=complaint))
    answer = await check_out(client, shop.order("C-2", total=90), max_actions=1)
    assert offered(answer) in (["service-recovery"], ["complaint-apology"])
    await send(client, shop.event("case.resolved", "C-2", data={"case_id": "K-1"}))
    for customer_id in ("C-1", "C-2"):
        wish = {"customer_id": customer_id, "channel": "store", "max_actions": 0}
        answer = (await client.post("/v1/decisions", json=wish)).json()
        codes = {item["action_id"]: item["code"] for item in answer["suppressed"]}
        assert codes["complaint-apology"] == "no_open_complaint"
        assert "complaint-follow-up" not in codes, "it is eligible"


async def test_events_other_than_orders_may_come_from_a_till(client, shop):
    answer = await check_out(client, shop.event("store.visited", "C-9", data={"channel": "store"}))
    assert answer["score"]["stage"] == "prospect"
    assert offered(answer) == ["first-order-coupon"]


@pytest.mark.parametrize(
    ("beside", "pointer"),
    [
        ({"deadline_ms": "soon"}, "/deadline_ms"),
        ({"channel": "pigeon"}, "/channel"),
        ({"exclude": "coupon"}, "/exclude"),
        ({"context": {"till": "3\u0000"}}, "/context"),
        ({"recommendations": "yes"}, "/recommendations"),
        ({"recommendations": {"scenario": "surprise"}}, "/recommendations/scenario"),
        ({"channel": None}, "/channel"),
        ({"nobody_knows_this": 1}, ""),
    ],
)
async def test_a_wish_that_cannot_be_read_costs_no_sale(client, sql, shop, beside, pointer):
    response = await client.post("/v1/checkouts", json={"event": shop.order(), **beside})
    told = response.json()
    assert (response.status_code, told["event"]["status"]) == (200, "accepted")
    (warning,) = told["event"]["warnings"]
    assert (warning["pointer"], warning["code"]) == (pointer, "dropped")
    assert "nobody_knows" not in response.text
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_several_wishes_that_cannot_be_read_are_told_beside_what_was_mended(client, shop):
    event = shop.order(note={"of": "another type"}, total=" 12.50 ")
    body = {"event": event, "deadline_ms": -1, "context": {"till": "\u0007"}, "max_actions": 99}
    told = (await client.post("/v1/checkouts", json=body)).json()
    pointers = [warning["pointer"] for warning in told["event"]["warnings"]]
    assert {"/deadline_ms", "/max_actions", "/context"} <= set(pointers)
    assert any(pointer.startswith("/event/data/") for pointer in pointers)


@pytest.mark.parametrize("body", [{"deadline_ms": 50}, [], "sale", {"event": None, "deadline_ms": "soon"}])
async def test_without_an_event_there_is_no_checkout(client, body):
    response = await client.post("/v1/checkouts", json=body)
    assert (response.status_code, response.json()["type"]) == (422, "urn:perennial:problem:malformed")
