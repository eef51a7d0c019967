"""The least a Starlette service can do with a checkout: read the body, answer one of the same size, as JSON.

With Starlette's own JSON, like any service that is written on it. The answer is one of the service's.
"""

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

REASONS: Final = (
    ("recency_days", "Days since the last order", 12.25, "days", -0.8213),
    ("orders_decayed_60d", "Orders of late (half-life 60 days)", 3.1412, "orders", -0.4127),
    ("lapse_chance", "Chance of no order in 90 days at this pace", 0.2123, "probability", -0.3318),
    ("silence_ratio", "Silence in usual gaps", 0.4211, "ratio", -0.2716),
    ("spend_decayed_120d", "Spend of late (half-life 120 days)", 412.5, "CNY", 0.1129),
)
CODES: Final = ("no_gain", "no_consent", "cooling_down", "risk_too_low", "open_complaint", "value_too_low")


def answer(customer_id: str) -> dict[str, object]:
    """As the service answers a checkout with two actions, member for member."""
    score = {
        "customer_id": customer_id,
        "as_of": "2026-11-22T10:15:00.123456Z",
        "stage": "growing",
        "stage_rule": "buys_again",
        "stage_since": None,
        "flags": [],
        "churn_risk": 0.212345,
        "churn_horizon_days": 90,
        "expected_orders": None,
        "expected_spend": None,
        "value_tier": None,
        "expected_next_order_at": "2026-12-02T10:15:00.000Z",
        "reasons": [
            {"feature": feature, "label": label, "value": value, "unit": unit, "effect": effect}
            for feature, label, value, unit, effect in REASONS
        ],
        "method": "additive_trees",
        "data_sufficiency": "enough",
        "model_version": "churn-20261122T173101-de5d7b24",
    }
    actions = [
        {
            "action_id": f"points-multiplier-{place}",
            "title": "Double points on your next purchase",
            "priority": place,
            "response_probability": 0.12,
            "selection_probability": 0.95,
            "expires_at": "2026-12-22T10:15:00.123456Z",
            "reasons": [
                {"code": "stage", "value": "growing"},
                {"code": "churn_risk", "value": 0.212345},
                {"code": "value_at_stake", "value": 812.5},
                {"code": "expected_value", "value": 1.2345},
            ],
        }
        for place in (1, 2)
    ]
    decision = {
        "decision_id": "5f2b8e6d0c1a4f3e9b7d6c5a4b3e2f10",
        "customer_id": customer_id,
        "in_control_group": False,
        "degraded": False,
        "actions": actions,
        "suppressed": [{"action_id": f"some-action-{code}", "code": code} for code in CODES],
    }
    return {"event": {"status": "accepted"}, "score": score, "decision": decision}


async def check_out(request: Request) -> JSONResponse:
    checkout = await request.json()
    return JSONResponse(answer(checkout["event"]["subject"]))


async def ready(_: Request) -> JSONResponse:
    return JSONResponse({})


app = Starlette(routes=[Route("/v1/checkouts", check_out, methods=["POST"]), Route("/readyz", ready)])
