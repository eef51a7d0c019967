"""Whether a model of recommendations is as good as it says: reports, checks and gauges."""

import json
import time
from types import SimpleNamespace

import pytest

from app.database.engine import Driver, transaction
from app.lifecycle.events import DAY_US
from app.models.service import register
from app.recommendations.keeping import Given, keep_recommendation
from app.recommendations.watching import BASKETS, DUE, has_fallen, is_miscalibrated, measure_due, watch

TEN = [f"item-{number}" for number in range(10)]


@pytest.fixture
async def version(sql, engine, write_model):
    """The version of a champion that was hit by half of the next baskets at training."""
    async with transaction(engine) as connection:
        return (await register(connection, write_model(0), 1, "tests")).version


@pytest.fixture
async def list_items(engine, version):
    """Keeps a list of the champion, so many days ago."""
    driver, made = Driver(engine), iter(range(1000))

    async def keep(customer_id, items=TEN, days=10.0, by=version, scenario="home", probabilities=None):
        given_us = round(time.time_ns() / 1000 - days * DAY_US)
        given = Given(customer_id, f"R-{next(made)}", scenario, given_us, items, by, None, probabilities)
        await keep_recommendation(driver, given)

    yield keep
    await driver.close()


async def look(engine, every_us=0):
    found = await watch(engine, time.time_ns() // 1000, every_us)
    return None if found is None else found.reports


async def test_what_was_listed_stands_beside_the_next_basket(list_items, buy, engine, version):
    await list_items("hit")
    await buy("hit", (9, "item-3", "item-4", "soap", "tea"), (8, "item-5"))
    await list_items("missed")
    await buy("missed", (9, "soap"))
    await list_items("never came back")
    await list_items("came later")
    await buy("came later", (2.5, "item-1"))
    report = (await look(engine))[BASKETS]
    assert report == {
        "recommendations": 2,
        "recall_at_10": 0.25,
        "phr_at_10": 0.5,
        "trained": {"recall_at_10": 0.25, "phr_at_10": 0.5},
    }


async def test_what_is_no_evidence_is_left_out(list_items, buy, engine):
    """Short lists, other scenarios, other models, nobody in particular; the eleventh item; the same day again."""
    await list_items("C-1", items=TEN[:9])
    await list_items("C-1", scenario="discover")
    await list_items("C-1", by="another")
    await list_items("")
    await buy("C-1", (9, "item-1"))
    assert (await look(engine))[BASKETS]["recommendations"] == 0
    await list_items("C-2", items=[*TEN, "eleventh"])
    await list_items("C-2", items=["eleventh", *TEN], days=10 - 1e-6)
    await buy("C-2", (9, "eleventh"))
    report = (await look(engine))[BASKETS]
    assert report["recommendations"] in (1, 2)  # two where the day ends between them
    if report["recommendations"] == 1:
        assert report["phr_at_10"] == 0.0


async def test_another_id_of_the_person_may_come_back(list_items, buy, engine, sql):
    await list_items("C-1")
    await buy("C-9", (9, "item-1"))
    assert (await look(engine))[BASKETS]["recommendations"] == 0
    await sql.rows("INSERT INTO persons (customer_id, person_id) VALUES ('C-1', 'C-1'), ('C-9', 'C-1')")
    assert (await look(engine))[BASKETS]["phr_at_10"] == 1.0


async def test_what_was_called_due_is_pooled_by_tenths(list_items, buy, engine):
    said = {"items": ["milk", "tea"], "scenario": "replenish"}
    await list_items("C-1", probabilities=[0.9, 0.2], **said)
    await list_items("C-2", probabilities=[0.94, 0.26], **said)
    await list_items("C-3", probabilities=[0.5, 0.5], by="another", **said)
    await buy("C-1", (8, "milk"))
    report = (await look(engine))[DUE]
    assert (report["items"], report["said"], report["bought"]) == (4, pytest.approx(0.575), 0.25)
    assert report["ece"] == pytest.approx((abs(1.84 - 1) + 0.46) / 4)


def test_errors_by_hand():
    rows = [
        SimpleNamespace(tenth=tenth, number=100, said=said, bought=came)
        for tenth, said, came in ((0, 0.05, 9), (9, 0.95, 95))
    ]
    report = measure_due(rows)
    assert report["ece"] == pytest.approx(0.02)
    assert report["ece_by_chance"] == pytest.approx((2 / 3.14159265) ** 0.5 * 4.7500**0.5 / 100, rel=1e-6)
    assert measure_due([])["ece"] is None


@pytest.mark.parametrize(
    ("ece", "by_chance", "is_wrong"),
    [(0.06, 0.01, True), (0.06, 0.04, False), (0.04, 0.001, False), (None, None, False)],
)
def test_when_what_is_called_due_is_wrong(ece, by_chance, is_wrong):
    assert is_miscalibrated({"ece": ece, "ece_by_chance": by_chance}) == is_wrong


@pytest.mark.parametrize(
    ("number", "came", "said", "fell"),
    [
        (1000, 0.34, 0.5, True),
        (1000, 0.36, 0.5, False),  # within what a shop explains
        (99, 0.0, 0.5, False),
        (100, 0.02, 0.04, False),  # within chance
        (1000, 0.0, None, False),  # a model of before
    ],
)
def test_when_lists_hit_too_seldom(number, came, said, fell):
    trained = None if said is None else {"phr_at_10": said}
    assert has_fallen({"recommendations": number, "phr_at_10": came, "trained": trained}) == fell


async def test_once_a_period_and_kept(list_items, buy, engine, client, version):
    hour_us = 3_600_000_000
    assert await look(engine, 24 * hour_us) is not None
    assert await look(engine, 24 * hour_us) is None
    told = (await client.get(f"/v1/models/{version}")).json()["reports"]
    assert {report["kind"] for report in told} == {DUE, BASKETS}


async def test_nothing_to_look_at(sql, engine):
    assert await look(engine) is None


async def test_health_and_metrics_tell(list_items, buy, client, engine, version, sql):
    await list_items("C-1")
    await list_items("C-1", items=["milk"], scenario="replenish", probabilities=[0.9])
    await buy("C-1", (9, "soap"))
    await look(engine)
    checks = (await client.get("/health")).json()["checks"]
    (due,), (hits,) = checks["recommendations:due"], checks["recommendations:hits"]
    assert (due["status"], due["observedValue"]) == ("warn", 0.9)
    assert (hits["status"], hits["observedValue"]) == ("pass", 0.0)  # a single list proves nothing
    gauges = (await client.get("/metrics")).text
    assert f'perennial_recommendation_due_error{{version="{version}"}} 0.9' in gauges
    assert f'perennial_recommendation_hit_rate_trained{{version="{version}"}} 0.5' in gauges
    fallen = {"recommendations": 500, "recall_at_10": 0.0, "phr_at_10": 0.2, "trained": {"phr_at_10": 0.5}}
    await sql.rows(
        "UPDATE model_reports SET report = CAST(:report AS jsonb) WHERE kind = 'baskets'", report=json.dumps(fallen)
    )
    (hits,) = (await client.get("/health")).json()["checks"]["recommendations:hits"]
    assert hits["status"] == "warn"
    assert "than training said (0.5000)" in hits["output"]
