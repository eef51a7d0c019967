"""Consent to what an action is for: by purpose and channel, when it is decided, delivered and simulated."""

from typing import Any

import pytest

from tests.decisions.acting import action_of, ask_to_deliver, consent, decide, put_policy, suppressed

FREE: dict[str, Any] = {"caps": [], "quiet_hours": []}


@pytest.fixture
async def shelf(client, catalogue):
    """One action a purpose, one of them named by the retailer."""
    await catalogue(
        action_of("sale"),
        action_of("points", group="loyalty", purpose="loyalty"),
        action_of("ask", group="survey", purpose="research"),
        action_of("recall", group="care", purpose="care"),
        action_of("help", group="service"),
        action_of("club", purpose="wine-club"),
    )
    await put_policy(client, FREE)


async def held_back(client, channel="email", customer_id="C-1"):
    decision = await decide(client, customer_id, channel=channel, max_actions=10)
    codes = suppressed(decision)
    assert set(codes.values()) <= {"no_consent", "profiling_opt_out"}
    return set(codes)


@pytest.mark.usefixtures("shelf")
async def test_each_purpose_goes_by_its_own_words(client, shop):
    unsaid = {"sale", "points", "ask", "club"}
    assert await held_back(client) == unsaid, "care and service need no word"
    await consent(client, shop, "C-1", purpose="loyalty", channel="email")
    await consent(client, shop, "C-1", purpose="Wine-Club ", channel="email")
    assert await held_back(client) == unsaid - {"points", "club"}
    assert await held_back(client, "sms") == unsaid
    await consent(client, shop, "C-1")
    assert await held_back(client) == set(), "where nothing was said of a purpose it is as marketing"
    for purpose in ("research", "care", "service"):
        await consent(client, shop, "C-1", purpose=purpose, granted=False)
    assert await held_back(client) == {"ask", "recall", "help"}
    assert await held_back(client, "store") == {"ask", "recall", "help"}


async def test_a_condition_may_ask_for_consent_to_a_purpose(client, shop, catalogue):
    """Beside that to what the action is for."""
    await catalogue(action_of("panel", channels=["store"], eligibility={"consent": "sms", "purpose": "research"}))
    assert suppressed(await decide(client, "C-1", channel="store")) == {"panel": "condition_unknown"}
    await consent(client, shop, "C-1", channel="sms")
    assert suppressed(await decide(client, "C-1", channel="store")) == {"panel": "condition_unknown"}
    await consent(client, shop, "C-1", purpose="research", channel="sms", granted=False)
    told = (await decide(client, "C-1", channel="store"))["suppressed"]
    assert told == [{"action_id": "panel", "code": "condition_failed", "condition": "Consent to research on sms"}]
    await consent(client, shop, "C-1", purpose="research", channel="sms")
    assert [each["action_id"] for each in (await decide(client, "C-1", channel="store"))["actions"]] == ["panel"]


@pytest.mark.usefixtures("shelf")
async def test_a_refused_purpose_is_not_granted_by_a_channel(client, shop):
    await consent(client, shop, "C-1", purpose="loyalty", granted=False)
    await consent(client, shop, "C-1", purpose="all", channel="email")
    assert await held_back(client) == {"points"}


@pytest.mark.parametrize("purpose", [None, "all"])
@pytest.mark.usefixtures("shelf")
async def test_who_withdraws_everything_hears_nothing_until_a_purpose_is_granted_again(client, shop, purpose):
    for granted in ("marketing", "loyalty", "research"):
        await consent(client, shop, "C-1", purpose=granted)
    assert await held_back(client) == set()
    await consent(client, shop, "C-1", purpose=purpose, granted=False)
    decision = await decide(client, "C-1", max_actions=10)
    assert decision["actions"] == []
    assert suppressed(decision)["help"] == "no_consent"
    assert suppressed(decision)["sale"] == "profiling_opt_out", "nothing is chosen by a profile either"
    await consent(client, shop, "C-1", purpose="service")
    assert [action["action_id"] for action in (await decide(client, "C-1", max_actions=10))["actions"]] == ["help"]


@pytest.mark.usefixtures("shelf")
async def test_a_purpose_that_is_withdrawn_before_the_delivery_is_not_delivered(client, shop, sql):
    await consent(client, shop, "C-1", purpose="loyalty")
    decision = await decide(client, "C-1", exclude=["help", "recall"])
    assert [action["action_id"] for action in decision["actions"]] == ["points"]
    await consent(client, shop, "C-1", granted=False)
    assert (await ask_to_deliver(client, decision))["code"] is None, "marketing is another purpose"
    await consent(client, shop, "C-1", purpose="loyalty", channel="sms", granted=False)
    assert (await ask_to_deliver(client, decision))["code"] is None, "and that another channel"
    await consent(client, shop, "C-1", purpose="loyalty", granted=False)
    assert (await ask_to_deliver(client, decision))["code"] == "no_consent"
    assert await sql.rows("SELECT * FROM contacts") == [], "the reservation is given back"


@pytest.mark.usefixtures("shelf")
async def test_the_words_of_all_ids_of_a_person_count(client, shop):
    await consent(client, shop, "C-1", purpose="loyalty")
    await consent(client, shop, "C-2", purpose="loyalty", channel="email", granted=False)
    await client.post("/v1/events", json=shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    assert "points" in await held_back(client)
    assert "points" not in await held_back(client, "sms")
    profile = (await client.get("/v1/customers/C-2")).json()
    assert profile["purposes"] == {"loyalty": {"*": True, "email": False}}


@pytest.mark.usefixtures("shelf")
async def test_a_word_in_the_checkout_itself_counts_for_its_decision(client, shop):
    told = {"purpose": "loyalty", "channel": "email", "granted": True}
    event = shop.event("consent.changed", "C-1", data=told)
    answer = await client.post("/v1/checkouts", json={"event": event, "channel": "email", "max_actions": 10})
    assert "points" not in suppressed(answer.json()["decision"])


@pytest.mark.usefixtures("shelf")
async def test_a_receipt_tells_the_words_and_a_policy_may_free_a_group(client, shop):
    await consent(client, shop, "C-1", purpose="research", granted=False)
    decision = await decide(client, "C-1", channel="store", max_actions=10)
    receipt = (await client.get(f"/v1/decisions/{decision['decision_id']}")).json()["receipt"]
    assert receipt["customer"]["purposes"] == {"research": {"*": False}}
    assert receipt["suppressed"] == {"ask": "no_consent"}
    await put_policy(client, {**FREE, "marketing_groups": ["offer"]})
    assert await held_back(client) == {"sale", "ask", "club"}


@pytest.mark.usefixtures("shelf")
async def test_a_simulation_counts_by_purpose_and_says_so(client, shop):
    await consent(client, shop, "C-1", purpose="loyalty")
    await consent(client, shop, "C-2")
    await consent(client, shop, "C-3", purpose="loyalty", granted=False)
    answer = await client.post("/v1/actions:simulate", json={"action_id": "points", "channel": "email"})
    (step,) = [each for each in answer.json()["funnel"] if each["step"] == "no_consent"]
    assert step["alone"]["customers"] == 2
    assert step["condition"]["en"] == "Consent to loyalty on the channel, where it is needed"
    assert step["condition"]["zh"] == "在需要时已同意通过该渠道用于“loyalty”的联系"


@pytest.mark.parametrize("purpose", ["all", "personalization", "profiling", "Loyalty", "", "two words", 5])
async def test_what_is_no_purpose_is_refused(client, purpose):
    action = action_of("odd", purpose=purpose)
    answer = await client.put("/v1/actions/odd", json=action)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/purpose")
