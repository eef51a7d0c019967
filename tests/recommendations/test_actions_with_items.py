"""Actions that speak of items carry them."""

import pytest

from app.checkout import answering
from app.customers.item_states import read_item_states
from app.decisions import held
from app.decisions.carrying import CARRIED
from app.decisions.held import Decisions
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.recommendations import lacking, recommending
from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY


@pytest.fixture
def only(service, monkeypatch):
    """Leaves these actions, for every stage and in the store, whenever the catalogue is read again."""

    def only(*action_ids):
        stages = ("prospect", "new", "growing", "mature", "declining", "lost")
        always = {"stages": stages, "channels": ("store",), "min_risk": 0.0, "min_value": 0.0, "cost": 0.0}
        left = [
            each.model_copy(update={**always, "cool_down_days": 0})
            for each in DEFAULT_ACTIONS
            if each.action_id in action_ids
        ]

        catalogue = ActionCatalogue(left)

        async def read_catalogue(_):
            return catalogue

        monkeypatch.setattr(held, "read_catalogue", read_catalogue)
        monkeypatch.setattr(service.resources.of(Decisions), "catalogue", catalogue)

    return only


@pytest.fixture
def decide(client):
    async def decide(**wanted):
        answer = await client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store", **wanted})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return decide


def test_the_actions_that_speak_of_items_are_there():
    assert CARRIED.keys() < {action.action_id for action in DEFAULT_ACTIONS}


@pytest.mark.parametrize("action_id", CARRIED)
async def test_they_carry_them(model, buy, decide, only, action_id, sql):
    await buy("C-1", *WEEKLY)
    only(action_id)
    (action,) = (await decide())["actions"]
    told = action["recommendations"]
    assert (action["action_id"], told["scenario"]) == (action_id, CARRIED[action_id])
    assert await sql.value("SELECT recommendation_id FROM recommendations") == told["recommendation_id"]
    bought = {"milk-1l", "bread"}
    if told["scenario"] == "replenish":
        assert {*ids_of(told)} == bought
    else:
        assert len(ids_of(told)) == 5
        assert ({*ids_of(told)[:2]} == bought) is (told["scenario"] == "home")


@pytest.mark.parametrize("at_the_till", [True, False])
async def test_an_action_that_has_none_is_not_chosen(model, buy, decide, only, client, shop, sql, at_the_till):
    """All that is bought every week was bought today: nothing is due. The receipt says why."""
    await buy("C-1", *WEEKLY)
    only("replenishment-reminder")
    lines = [{"product_id": item, "quantity": 1, "price": 2.0} for item in ("milk-1l", "bread")]
    sale = shop.order(total=4.0, products=lines)
    if at_the_till:
        decision = (await client.post("/v1/checkouts", json={"event": sale})).json()["decision"]
    else:
        await client.post("/v1/events", json=[sale])
        decision = await decide()
    assert decision["actions"] == []
    assert decision["suppressed"] == [{"action_id": "replenishment-reminder", "code": "no_items"}]
    assert await sql.value("SELECT receipt->'suppressed' FROM decisions") == {"replenishment-reminder": "no_items"}
    assert await sql.value("SELECT count(*) FROM offers") == 0


@pytest.mark.parametrize(("places", "code"), [(1, "items_unseen"), (2, "no_items")])
async def test_the_till_waits_for_no_items_that_have_no_place(
    model, buy, only, client, shop, decide, monkeypatch, places, code
):
    """Twice the points are worth more than a reminder: of one place it has none, of two it may."""
    await buy("C-1", *WEEKLY)
    only("replenishment-reminder", "points-multiplier")
    lines = [{"product_id": item, "quantity": 1, "price": 2.0} for item in ("milk-1l", "bread")]
    reads = []

    async def read(*asked):
        reads.append(asked)
        return await read_item_states(*asked)

    monkeypatch.setattr(answering, "read_item_states", read)
    wanted = {"event": shop.order(total=4.0, products=lines), "max_actions": places}
    decision = (await client.post("/v1/checkouts", json=wanted)).json()["decision"]
    assert [action["action_id"] for action in decision["actions"]] == ["points-multiplier"]
    assert decision["actions"][0]["selection_probability"] == 1.0
    assert decision["suppressed"] == [{"action_id": "replenishment-reminder", "code": code}]
    assert len(reads) == places - 1
    decision = await decide(max_actions=places)
    assert decision["suppressed"] == [{"action_id": "replenishment-reminder", "code": "no_items"}]


@pytest.mark.parametrize("customer", ["nobody", "C-1"])
async def test_nobody_is_reminded_of_what_they_never_bought_twice(model, buy, decide, only, customer):
    """What sells fills the list of who is new, and is no reminder."""
    await buy("C-1", (30, "milk-1l", "bread"))
    only("replenishment-reminder")
    assert (await decide(customer_id=customer))["actions"] == []
    only("cross-sell")
    (action,) = (await decide(customer_id=customer))["actions"]
    assert len(ids_of(action["recommendations"])) == 5


@pytest.mark.parametrize("action_id", CARRIED)
async def test_without_any_item_none_of_them_is_chosen(service, shop, client, decide, only, action_id):
    await client.post("/v1/events", json=[shop.order()])
    only(action_id)
    answer = await decide()
    assert (answer["actions"], answer["suppressed"]) == ([], [{"action_id": action_id, "code": "no_items"}])


async def test_what_the_merchant_hides_is_no_reminder(model, put_items, buy, decide, only):
    await buy("C-1", *WEEKLY)
    only("replenishment-reminder")
    await put_items({"item_id": "milk-1l", "hidden": True}, {"item_id": "bread", "in_stock": False})
    assert (await decide())["actions"] == []
    await put_items({"item_id": "bread"})
    (action,) = (await decide())["actions"]
    assert ids_of(action["recommendations"]) == ["bread"]


@pytest.mark.parametrize("at_the_till", [True, False])
async def test_a_defect_in_looking_costs_neither_sale_nor_decision(
    model, buy, decide, only, client, shop, monkeypatch, at_the_till
):
    def fail(*_):
        raise ZeroDivisionError

    await buy("C-1", *WEEKLY)
    only("replenishment-reminder")
    monkeypatch.setattr(lacking, "has_any", fail)
    if at_the_till:
        answer = (await client.post("/v1/checkouts", json={"event": shop.order(total=4.0)})).json()
        assert answer["event"] == {"status": "accepted"}
        decision = answer["decision"]
    else:
        decision = await decide()
    assert {*ids_of(decision["actions"][0]["recommendations"])} == {"milk-1l", "bread"}


async def test_others_carry_none(model, buy, decide, only):
    await buy("C-1", *WEEKLY)
    only("bundle-offer")
    (action,) = (await decide())["actions"]
    assert "recommendations" not in action


async def test_at_the_till_too_and_a_repeat_has_the_same(model, buy, only, client, shop, sql):
    await buy("C-1", *WEEKLY)
    only("replenishment-reminder")
    line = {"product_id": "bread", "quantity": 1, "price": 2.0}
    body = {"event": shop.order(total=2.0, products=[line]), "recommendations": {"limit": 1}}
    first, again = [(await client.post("/v1/checkouts", json=body)).json() for _ in range(2)]
    (action,) = first["decision"]["actions"]
    assert ids_of(action["recommendations"]) == ["milk-1l"]
    assert again == {**first, "event": {"status": "duplicate"}}
    assert await sql.value("SELECT count(*) FROM recommendations") == 2


async def test_what_cannot_be_recommended_costs_no_decision(model, buy, decide, only, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    await buy("C-1", *WEEKLY)
    only("cross-sell")
    monkeypatch.setattr(recommending, "recommend", fail)
    (action,) = (await decide())["actions"]
    assert (action["action_id"], action["recommendations"]) == ("cross-sell", None)
