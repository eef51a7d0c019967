"""Who is known by several ids is one customer at the till too, whichever id the till knows."""

import pytest


@pytest.fixture
async def regular(client, shop):
    """C-2, a regular for a year, who is C-1 at the till."""
    bought = [shop.order("C-2", total=40, at=shop.ago(days=days)) for days in range(20, 380, 30)]
    merged = shop.event("customer.merged", "C-2", data={"merged": "C-1"})
    answer = (await client.post("/v1/events", json=[*bought, merged])).json()
    assert answer["accepted"] == len(bought) + 1
    return len(bought)


async def check_out(client, shop, customer_id, **wanted):
    body = {"event": shop.order(customer_id, total=40), "channel": "store", **wanted}
    return (await client.post("/v1/checkouts", json=body)).json()


async def test_a_checkout_is_scored_with_all_that_is_known_of_the_person(client, shop, regular):
    stranger = await check_out(client, shop, "C-3")
    assert (stranger["score"]["stage"], stranger["score"]["data_sufficiency"]) == ("new", "little")
    for _ in range(2):  # when the own row is made by it, and when it was there
        score = (await check_out(client, shop, "C-1"))["score"]
        assert (score["customer_id"], score["stage"], score["data_sufficiency"]) == ("C-1", "mature", "enough")
    read = (await client.get("/v1/customers/C-1/score")).json()
    assert (read["stage"], read["churn_risk"]) == (score["stage"], pytest.approx(score["churn_risk"], abs=1e-4))
    assert (await client.get("/v1/customers/C-1")).json()["orders"] == regular + 2


async def test_what_was_offered_under_one_id_cools_down_under_the_other(client, shop, regular):
    first = await check_out(client, shop, "C-2", max_actions=10)
    offered = {action["action_id"] for action in first["decision"]["actions"]}
    assert offered
    again = await check_out(client, shop, "C-1", max_actions=10)
    held_back = {item["action_id"] for item in again["decision"]["suppressed"] if item["code"] == "cooling_down"}
    assert offered <= held_back
    assert not offered & {action["action_id"] for action in again["decision"]["actions"]}


async def test_the_stage_of_the_whole_is_recorded_at_once_and_of_no_part(client, sql, shop, regular):
    """Under the person's own id, by whichever id the event came, and where ids are joined."""
    joined = await sql.row("SELECT stage, from_stage, cause FROM stages WHERE customer_id = 'C-2'")
    assert joined["cause"] == "event"
    for customer_id in ("C-1", "C-2"):
        await sql.rows("UPDATE stages SET stage = 'new'")
        score = (await check_out(client, shop, customer_id))["score"]
        assert await sql.value("SELECT stage FROM stages WHERE customer_id = 'C-2'") == score["stage"] == "mature"
        last = (await client.get(f"/v1/customers/{customer_id}/stages")).json()["transitions"][0]
        assert (last["from"], last["to"], last["cause"]) == ("new", "mature", "event")
    await client.post("/v1/events", json=shop.event("customer.unmerged", "C-2", data={"merged": "C-1"}))
    assert await sql.value("SELECT stage FROM stages WHERE customer_id = 'C-1'") == "new"


async def test_no_stage_is_recorded_of_an_id_that_is_a_part(client, sql, shop, regular):
    await check_out(client, shop, "C-1")
    assert await sql.rows("SELECT * FROM stages WHERE customer_id = 'C-1'") == []
    assert await sql.rows("SELECT * FROM stage_transitions WHERE customer_id = 'C-1'") == []
