"""`perennial train policy`: what actions add is learned of the database, and registered as models of scores are."""

import asyncio
import json

import pytest

from app.foundation.errors import Refusal
from app.models.policy_artefact import load_policy_model


async def decide(client, number):
    response = await client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "web"})
    assert response.status_code == 200, response.text


@pytest.fixture
async def shop_with_coupons(serve, sql, shop):
    """Prospects, of whom a third are held out; whoever gets the coupon orders for 80, of the others one in five."""
    async with serve(exploration=1.0, control_share=0.34) as service:
        for begin in range(0, 400, 20):
            await asyncio.gather(*(decide(service.client, number) for number in range(begin, begin + 20)))
        rows = await sql.rows("SELECT customer_id, receipt FROM decisions")
        buyers = [
            row["customer_id"]
            for row in rows
            if "first-order-coupon" in row["receipt"]["selection_probabilities"]
            or int(row["customer_id"].partition("-")[2]) % 5 == 0
        ]
        orders = [shop.order(customer_id, total=80.0, at=shop.ago()) for customer_id in buyers]
        response = await service.client.post("/v1/events", json=orders)
        assert response.json()["rejected"] == 0, response.text


def test_the_command_learns_of_the_database_and_registers(shop_with_coupons, perennial, monkeypatch, tmp_path):
    monkeypatch.setenv("PERENNIAL_REWARD_WAIT_DAYS", "0")
    told = perennial("train", "policy")
    (made,) = (tmp_path / "home" / "models").iterdir()
    assert f"Model {made.name}: It is the first one and serves at once." in told
    assert "learned" in told
    (listed,) = json.loads(perennial("models", "list", "--json"))
    assert (listed["version"], listed["kind"], listed["horizon_days"]) == (made.name, "policy", 30)
    assert (listed["state"], listed["readable"]) == ("champion", True)
    assert set(listed["metrics"]["policies"]) == {"rules", "learned"}
    worths = load_policy_model(made).effects.worths("prospect", None, 100.0)
    others = [each.effect for action_id, each in worths.items() if action_id != "first-order-coupon"]
    assert worths["first-order-coupon"].effect > max(others) + 5
    again = perennial("train", "policy", "--days", "30", "--json")
    figures = json.loads(again[: again.rindex("}") + 1])
    assert figures["state"] == "challenger"
    assert figures["training"]["withheld"] > 100


def test_the_command_says_what_is_missing(sql, perennial):
    with pytest.raises(Refusal, match=r"^0 decisions whose reward is final withheld"):
        perennial("train", "policy")
