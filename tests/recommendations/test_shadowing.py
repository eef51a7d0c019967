"""What the challenger would have shown, beside what was shown: made out of the way, compared by baskets that came."""

import time
from dataclasses import replace

import pytest

from app.database import background
from app.database.engine import Driver, transaction
from app.lifecycle.events import DAY_US
from app.lifecycle.ranking.ranker import ItemRanker
from app.models.held import Models
from app.models.service import register
from app.recommendations import shadowing
from app.recommendations.keeping import Given, keep_recommendation
from app.recommendations.shadowing import Shadow, Shadowed, keep_shadowed
from app.recommendations.watching import SHADOW, watch
from tests.recommendations.conftest import ids_of


@pytest.fixture
def challenger(service, model):
    """A challenger that holds for unlikely what the champion holds for likely."""
    of_all, of_new = (
        replace(each, one=-each.one, two=-each.two) for each in (model.ranker.of_all, model.ranker.of_new)
    )
    other = replace(model, version="challenger", ranker=ItemRanker(model.ranker.facts, of_all, of_new))
    models = service.resources.of(Models)
    models.item_challenger = other
    yield other
    models.item_challenger = None


@pytest.fixture
def shadow(service, monkeypatch):
    """Notes every list."""
    monkeypatch.setattr(shadowing, "PACE_S", 0.0)
    found = service.resources.of(Shadow)
    yield found
    service.resources.of(Models).item_challenger = None
    assert found.make() is None  # and holds nothing any more


HABITS = ((29, "milk-1l", "bread"), (22, "milk-1l", "eggs"), (15, "milk-1l", "bread", "tea"), (8, "milk-1l"))


async def test_it_is_what_the_challenger_would_have_shown(buy, recommend, service, model, challenger, shadow):
    await buy("C-1", *HABITS)
    asked = {"scenario": "home", "limit": 5, "exclude": "eggs"}
    given = await recommend("C-1", **asked)
    made = shadow.make()
    service.resources.of(Models).item_champion = challenger
    wanted = await recommend("C-1", **asked)
    assert (made.customer_id, made.recommendation_id) == ("C-1", given["recommendation_id"])
    assert made.version == "challenger"
    assert list(made.item_ids) == ids_of(wanted) != ids_of(given)


async def test_a_basket_of_nobody_is_made_again(recommend, challenger, shadow):
    await recommend(body={"basket": ["pasta"], "limit": 3})
    made = shadow.make()
    assert made.customer_id == ""
    assert len(made.item_ids) == 3
    assert "pasta" not in made.item_ids


async def test_without_a_challenger_nothing_waits(buy, recommend, model, shadow):
    await recommend("C-1")
    assert shadow.make() is None


async def test_what_no_model_made_is_compared_with_nothing(recommend, service, challenger, shadow):
    service.resources.of(Models).item_champion = None
    await recommend("C-1")
    assert shadow.make() is None


async def test_one_in_a_second_is_noted(recommend, challenger, shadow, monkeypatch):
    monkeypatch.setattr(shadowing, "PACE_S", 3600.0)
    for number in range(4):
        await recommend(f"C-{number}")
    assert shadow.make() is not None
    assert shadow.make() is None


async def test_a_service_makes_and_keeps_them(serve, sql, trained, challenger, monkeypatch, wait_until):
    monkeypatch.setattr(shadowing, "PACE_S", 0.05)
    monkeypatch.setattr(background, "LOOK_SECONDS", 0.05)
    async with serve(monitoring_hours=24) as other:
        models = other.resources.of(Models)
        models.item_champion, models.item_challenger = trained, challenger
        answer = (await other.client.get("/v1/customers/C-1/recommendations")).json()
        (row,) = await wait_until(lambda: sql.rows("SELECT * FROM recommendation_shadows"))
    assert (row["recommendation_id"], row["version"]) == (answer["recommendation_id"], "challenger")
    assert len(row["items"]) == len(answer["items"])


@pytest.fixture
async def both(sql, engine, write_model):
    """Versions of a champion and of its challenger in the registry."""
    async with transaction(engine) as connection:
        return [(await register(connection, write_model(number), 1 + number, "tests")).version for number in range(2)]


@pytest.fixture
async def list_both(engine, both):
    """Keeps what the champion showed, and what the challenger would have."""
    driver, made = Driver(engine), iter(range(1000))

    async def keep(customer_id, shown, instead, days=10.0):
        given_us, name = round(time.time_ns() / 1000 - days * DAY_US), f"R-{next(made)}"
        await keep_recommendation(driver, Given(customer_id, name, "home", given_us, shown, both[0]))
        await keep_shadowed(driver, Shadowed(customer_id, name, both[1], given_us, instead))

    yield keep
    await driver.close()


async def look(engine):
    found = await watch(engine, time.time_ns() // 1000)
    assert found is not None
    return found.reports


async def test_lists_and_baskets_side_by_side(list_both, buy, engine, both, client):
    await list_both("C-1", ["a", "b", "c", "d"], ["b", "a", "x", "y"])
    await buy("C-1", (9, "x", "a"))
    await list_both("C-2", ["a", "b"], ["a", "b"])
    await buy("C-2", (9, "soap"))
    await list_both("", ["a"], ["z"])
    await list_both("C-3", ["a", "b"], ["b", "c"], days=3.0)
    await buy("C-3", (2, "c"))
    found = (await look(engine))[SHADOW]
    wanted = {
        "champion": both[0],
        "challenger": both[1],
        "lists": 4,
        "agreement_at_10": (0.5 + 1 + 0 + 0.5) / 4,
        "same_first": 0.25,
        "judged": 2,
        "recall_at_10": {both[0]: 0.25, both[1]: 0.5},
        "phr_at_10": {both[0]: 0.5, both[1]: 0.5},
        "lead": found["lead"],
    }
    assert found == wanted
    assert found["lead"]["recall_at_10"] == pytest.approx(0.25)
    compared = await client.get("/v1/models:compare", params={"versions": ",".join(both)})
    assert compared.json()["shadow"][0]["lists"] == found
    backwards = await client.get("/v1/models:compare", params={"versions": ",".join(both[::-1])})
    assert backwards.json()["shadow"][0]["lists"] == found
    gauges = (await client.get("/metrics")).text
    assert f'perennial_recommendation_shadow_agreement{{version="{both[1]}"}} 0.5' in gauges
    assert f'perennial_recommendation_shadow_hit_rate{{version="{both[1]}"}} 0.5' in gauges


async def test_a_challenger_that_was_never_asked(engine, both, client):
    assert SHADOW not in await look(engine)
    compared = await client.get("/v1/models:compare", params={"versions": ",".join(both)})
    assert compared.json()["shadow"][0]["lists"] is None


async def test_they_are_forgotten_with_what_was_recommended(list_both, engine, sql):
    from app.recommendations.forgetting import AGED, forget_old

    await list_both("C-1", ["a"], ["b"], days=10.0)
    await list_both("C-1", ["a"], ["b"], days=1.0)
    for name in AGED:
        await forget_old(engine, name, 5)
    assert await sql.value("SELECT count(*) FROM recommendation_shadows") == 1
    assert await sql.value("SELECT count(*) FROM recommendations") == 1
