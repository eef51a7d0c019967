"""The same request is answered by what was made already, and never by what is true no more."""

from datetime import UTC, datetime

import numpy as np
import pytest

from app.customers.item_states import ItemStates
from app.items.held import Catalogue
from app.lifecycle.states import ITEM
from app.recommendations import recommending, remembered
from app.recommendations.assortment import Assortment
from app.recommendations.held import Recommendations
from app.recommendations.histories import NO_ITEMS, History, OfWhom, Shown
from app.recommendations.keeping import Given
from app.recommendations.remembered import Answer, Remembered, mark_of
from app.recommendations.rendering import render_items
from app.recommendations.service import HOUR_US, recommend
from app.recommendations.spells import Spells
from app.recommendations.wanted import Wanted
from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY

NOON_US = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp() * 1e6)
DAY_US = 24 * HOUR_US
ANSWER = Answer({"items": []}, Given("C-1", "", "home", 0, ["tea"]))
HOME = Wanted("home")


@pytest.fixture
def held(trained):
    assortment = Assortment(trained, Catalogue())
    return Remembered(assortment, Spells(assortment))


@pytest.fixture
def made(monkeypatch):
    """Of whom answers were made."""
    whom = []

    def note(wanted, history, *others):
        whom.append(history and history.customer.customer_id)
        return recommend(wanted, history, *others)

    monkeypatch.setattr(recommending, "recommend", note)
    return whom


def hold(held, who="C-1", wanted=HOME, mark=(1, 1), rules=(), until_us=NOON_US + DAY_US, size=100):
    held.hold(who, wanted, mark, rules, ANSWER, size, (NOON_US, until_us))


@pytest.mark.parametrize("query", [{}, {"scenario": "discover"}, {"scenario": "replenish", "limit": 3}])
async def test_the_same_request_is_answered_by_the_same_list(model, buy, recommend, made, query):
    await buy("C-1", *WEEKLY)
    first, again = [await recommend("C-1", **query) for _ in range(2)]
    assert made == ["C-1"]
    assert first.pop("recommendation_id") != again.pop("recommendation_id")
    assert again == first
    other = await recommend("C-1", **query, exclude="milk-1l")
    assert "milk-1l" not in ids_of(other)


async def test_what_is_given_again_is_kept_again(model, buy, recommend, sql):
    await buy("C-1", *WEEKLY)
    for scenario in ("home", "home", "replenish", "replenish"):
        await recommend("C-1", scenario=scenario)
    rows = await sql.rows("SELECT scenario, items, probabilities FROM recommendations ORDER BY scenario")
    assert len(rows) == 4
    assert rows[0] == rows[1]
    assert rows[2] == rows[3]
    assert rows[2]["probabilities"]


async def test_what_happens_to_a_customer_is_in_the_next_answer(model, buy, recommend, made):
    await buy("C-1", *WEEKLY)
    assert "milk-1l" in ids_of(await recommend("C-1", scenario="replenish"))
    await buy("C-1", (0, "milk-1l"))
    assert "milk-1l" not in ids_of(await recommend("C-1", scenario="replenish"))
    assert made == ["C-1", "C-1"]


async def test_what_happens_to_the_catalogue_and_the_rules_is_in_the_next_answer(
    service, model, buy, recommend, put_items, made
):
    await buy("C-1", *WEEKLY)
    assert "milk-1l" in ids_of(await recommend("C-1"))
    await put_items({"item_id": "milk-1l", "hidden": True})
    assert "milk-1l" not in ids_of(await recommend("C-1"))
    service.resources.of(Recommendations).rules = ()
    before = len(made)
    await recommend("C-1")
    assert len(made) - before <= 1
    service.resources.of(Recommendations).rules = []
    await recommend("C-1")
    assert len(made) > before


def test_only_the_same_request_of_the_same_customer_is_remembered(held):
    rules = ()
    hold(held, rules=rules)
    assert held.find("C-1", HOME, (1, 1), rules, NOON_US) is ANSWER
    assert held.find("C-2", HOME, (1, 1), rules, NOON_US) is None
    assert held.find("C-1", Wanted("home", 9), (1, 1), rules, NOON_US) is None
    assert held.find("C-1", HOME, (1, 2), rules, NOON_US) is None
    assert held.find("C-1", HOME, (1, 1), [], NOON_US) is None


@pytest.mark.parametrize(
    ("until_us", "after_us", "is_right"),
    [(DAY_US, HOUR_US - 1, True), (DAY_US, HOUR_US, False), (5, 4, True), (5, 5, False), (DAY_US, -1, False)],
)
def test_an_answer_ends_with_its_hour_or_when_it_would_read_otherwise(held, until_us, after_us, is_right):
    hold(held, until_us=NOON_US + until_us)
    assert (held.find("C-1", HOME, (1, 1), (), NOON_US + after_us) is ANSWER) is is_right


def test_answers_that_were_not_given_for_long_go_first(held, monkeypatch):
    monkeypatch.setattr(remembered, "MOST_BYTES", 3 * 2_100)
    for who in "abc":
        hold(held, who)
    assert held.find("a", HOME, (1, 1), (), NOON_US)
    hold(held, "d")
    assert [bool(held.find(who, HOME, (1, 1), (), NOON_US)) for who in "abcd"] == [True, False, True, True]
    hold(held, "a")  # in its own place
    assert [bool(held.find(who, HOME, (1, 1), (), NOON_US)) for who in "acd"] == [True] * 3
    hold(held, "e", Wanted("home", exclude=frozenset(map(str, range(100)))))
    assert len(held._held) == 3


def test_a_mark_is_of_all_that_is_known():
    numbers = np.arange(2.0 * len(ITEM.measures)).reshape(2, -1)
    history = History(None, ItemStates(ITEM, ["tea", "corn"], numbers), {"tea": Shown(1, 0)}, ["oats"])
    same = History(None, ItemStates(ITEM, ["corn", "tea"], numbers[::-1].copy()), {"tea": Shown(1, 0)}, ["oats"])
    others = [
        history._replace(items=ItemStates(ITEM, ["tea", "rice"], numbers)),
        history._replace(items=ItemStates(ITEM, ["tea", "corn"], numbers + 1)),
        history._replace(items=ItemStates(ITEM, ["corn", "tea"], numbers)),
        history._replace(items=NO_ITEMS),
        history._replace(shown={"tea": Shown(2, 0)}),
        history._replace(forgotten=[]),
    ]
    assert mark_of(history) == mark_of(same)
    assert len({mark_of(each) for each in (history, None, *others)}) == 8


async def test_a_list_reads_otherwise_when_one_more_day_is_full(model, buy, service):
    await buy("C-1", (3.25, "milk-1l"), (10, "milk-1l"), (5.5, "tea"))
    held = service.resources.of(Recommendations)
    history = await held.histories.submit(OfWhom("C-1"))

    def say(at_us):
        items, until_us = render_items(recommend(HOME, history, held.assortment(), (), at_us))
        return {each["item_id"]: each["reasons"] for each in items if each["item_id"] in ("milk-1l", "tea")}, until_us

    now_us = int(max(history.items.column("last_order_us"))) + 3 * DAY_US + 10
    first, until_us = say(now_us)
    assert now_us < until_us <= now_us + DAY_US
    assert say(until_us - 1) == (first, until_us)
    assert say(until_us)[0] != first
