"""Actions, policies and consents for tests of decisions."""

SMALL = {"caps": [{"scope": "all", "most": 1, "window_days": 7}], "quiet_hours": []}
"""A policy of one contact a week."""


def action_of(action_id, **changes):
    """Something that a prospect may be given, on e-mail and in the store, of whatever worth."""
    return {
        "action_id": action_id,
        "title": {"en": "An offer", "zh": "优惠"},
        "stages": ["prospect", "new", "growing", "mature", "declining", "lost"],
        "channels": ["email", "sms", "store"],
        "aim": "grow",
        "response_rate": 0.5,
        "effect": 0.3,
        "cool_down_days": 0,
        **changes,
    }


async def put_policy(client, policy):
    answer = await client.put("/v1/contact-policy", json=policy)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def consent(client, shop, customer_id, *, granted=True, **data):
    told = {"purpose": "marketing", "granted": granted, **data}
    await client.post("/v1/events", json=shop.event("consent.changed", customer_id, data=told))


async def decide(client, customer_id, **wanted):
    answer = await client.post("/v1/decisions", json={"customer_id": customer_id, "channel": "email", **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()


def suppressed(decision):
    return {item["action_id"]: item["code"] for item in decision["suppressed"]}


async def ask_to_deliver(client, decision, **wanted):
    answer = await client.post(f"/v1/decisions/{decision['decision_id']}/deliver", json=wanted)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["actions"]
    return told


async def tell_delivered(client, shop, decision, **changes):
    (action,) = decision["actions"]
    told = {"action_id": action["action_id"], "decision_id": decision["decision_id"], "channel": "email", **changes}
    return await client.post("/v1/events", json=shop.event("action.delivered", decision["customer_id"], data=told))
