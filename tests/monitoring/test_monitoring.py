"""The watch from the first snapshot to the report of what came of it; by one at a time, once a period."""

import asyncio
from itertools import pairwise

import asyncpg
import numpy as np
import pytest

from app.database import background as pacing
from app.lifecycle.features import FEATURE_NAMES
from app.monitoring import service as watching
from app.monitoring.service import MONITORING_LOCK, MonitoringReport, keep_monitoring
from tests.monitoring.books import (
    DAY_US,
    RECENCY,
    make_model,
    us,
)

CHAMPION = make_model("v1")
CHALLENGER = make_model("v2", risks=(0.4, 0.6), orders=1.0, spend_minor=2000.0)


async def fill_four(watched):
    """Risks of .2 for C-1 and C-2, who ordered of late, of .8 for the others; P-1 has only visited."""
    await watched.happen("C-1", -5)
    await watched.happen("C-2", -20, -10)
    await watched.happen("C-3", -200)
    await watched.happen("C-4", -100)
    await watched.happen("P-1", -1, type_="store.visited")


async def test_from_what_was_said_to_what_came(watched):
    await fill_four(watched)
    await watched.register("v1")
    await watched.register("v2", "challenger")
    assert await watched.watch(0, CHAMPION, CHALLENGER) == MonitoringReport("done", 4, 0)
    said = await watched.predictions("v1")
    assert {key: row["churn_risk"] for key, row in said.items()} == pytest.approx(
        {"C-1": 0.2, "C-2": 0.2, "C-3": 0.8, "C-4": 0.8}
    )
    assert (said["C-1"]["at_us"], said["C-1"]["orders_ahead"], said["C-1"]["spend_ahead_minor"]) == (us(0), None, None)
    assert said["C-1"]["expected_orders"] == pytest.approx(2.0)
    assert said["C-1"]["expected_spend_minor"] == pytest.approx(5000.0)

    await watched.happen("C-1", 0, 89.999, minor=2500)
    await watched.happen("C-1", 50, type_="order.refunded", minor=700)
    await watched.happen("C-2", 90)  # the first moment after the horizon
    await watched.happen("C-3", 30, minor=4000)
    await watched.happen("C-4", 40, type_="store.visited")
    assert (await watched.watch(90.9, CHAMPION, CHALLENGER)).matured == 0
    assert (await watched.watch(91, CHAMPION, CHALLENGER)).matured == 8

    said = {key: row for key, row in (await watched.predictions("v1")).items() if row["at_us"] == us(91)}
    assert set(said) == {"C-1", "C-2", "C-3", "C-4"}
    rows = await watched.sql.rows(
        "SELECT customer_id, orders_ahead, spend_ahead_minor FROM predictions"
        " WHERE at_us = :us AND version = 'v1' ORDER BY 1",
        us=us(0),
    )
    assert [tuple(row.values()) for row in rows] == [("C-1", 2, 4300), ("C-2", 0, 0), ("C-3", 1, 4000), ("C-4", 0, 0)]
    found = await watched.report("v1", "outcome", 0)
    assert found["brier"] == pytest.approx((0.2**2 + 0.8**2 + 0.8**2 + 0.2**2) / 4)
    assert found["auc"] == pytest.approx(0.5)
    assert (found["customers"], found["horizon_days"]) == (4, 90)
    assert (found["mean_risk"], found["left_share"]) == (pytest.approx(0.5), 0.5)
    assert found["orders_bias"] == pytest.approx(8 / 3 - 1)
    assert found["spend_bias"] == pytest.approx(20000 / 8300 - 1)
    other = await watched.report("v2", "outcome", 0)
    assert other["brier"] == pytest.approx((0.4**2 + 0.6**2 + 0.6**2 + 0.4**2) / 4)


async def test_a_snapshot_is_compared_once(watched):
    await fill_four(watched)
    await watched.register("v1")
    await watched.watch(0, CHAMPION)
    assert (await watched.watch(91, CHAMPION)).matured == 4
    await watched.happen("C-2", 89)  # it comes too late to count
    assert (await watched.watch(92, CHAMPION)).matured == 0
    assert (await watched.report("v1", "outcome", 0))["left_share"] == 1.0


async def test_every_model_matures_by_its_own_horizon(watched):
    await fill_four(watched)
    await watched.register("v1")
    await watched.register("short", "challenger", horizon_days=30)
    await watched.watch(0, CHAMPION, make_model("short", horizon_days=30))
    await watched.happen("C-1", 29, 31)
    assert (await watched.watch(31, CHAMPION)).matured == 4
    assert (await watched.report("short", "outcome", 0))["horizon_days"] == 30
    assert (await watched.predictions("short"))["C-1"]["orders_ahead"] == 1
    assert await watched.report("v1", "outcome", 0) is None


async def test_it_matures_without_a_champion(watched):
    """What a model said that was retired, or is refused now, is compared all the same."""
    await fill_four(watched)
    await watched.register("v1", "retired")
    await watched.watch(0, CHAMPION)
    assert await watched.watch(91) == MonitoringReport("no model", 0, 4)
    assert await watched.watch(92) == MonitoringReport("no model", 0, 0)


async def test_what_a_person_does_under_any_id_has_come(watched):
    """C-1 is asked of alone and joins C-2 later; C-3 and C-4 are one person from the first."""
    await fill_four(watched)
    await watched.register("v1")
    await watched.sql.rows("INSERT INTO persons VALUES ('C-3', 'C-3'), ('C-4', 'C-3')")
    assert (await watched.watch(0, CHAMPION)).customers == 3
    assert set(await watched.predictions("v1")) == {"C-1", "C-2", "C-3"}
    await watched.happen("C-2", 10)
    await watched.happen("C-4", 20, 30)
    await watched.sql.rows("INSERT INTO persons VALUES ('C-1', 'C-2'), ('C-2', 'C-2'), ('C-3', 'C-3'), ('C-4', 'C-3')")
    await watched.watch(91)
    came = {key: row["orders_ahead"] for key, row in (await watched.predictions("v1")).items()}
    assert came == {"C-1": 1, "C-2": 1, "C-3": 2}


async def test_the_sample_is_the_same_day_after_day(watched, monkeypatch):
    monkeypatch.setattr(watching, "CUSTOMERS", 50)
    await watched.fill(400, day=-10)
    await watched.watch(0, CHAMPION)
    first = set(await watched.predictions("v1"))
    assert len(first) == 50
    await watched.fill(40, day=-1, ids="'new-' || n")
    await watched.watch(1, make_model("later"))
    second = set(await watched.predictions("later"))
    assert len(second) == 50
    assert first - second
    assert {customer_id for customer_id in second if not customer_id.startswith("new-")} < first


async def test_a_large_population_is_drawn_from_all_over(watched):
    """Of three pages; those who never ordered, and the second id of a person, are none of it."""
    await watched.fill(45_000, day=-10)
    await watched.sql.rows("UPDATE customer_states SET orders = 0 WHERE customer_id > '040000'")
    await watched.sql.rows("INSERT INTO persons VALUES ('000001', '000001'), ('000002', '000001')")
    turns, done = 0, []

    async def take_turns():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(take_turns())
    report = await watched.watch(0, CHAMPION, report_progress=lambda customers, _: done.append((customers, turns)))
    other.cancel()
    assert report.customers == 5000
    expected = await watched.sql.rows(
        "SELECT customer_id FROM customer_states WHERE orders > 0 AND customer_id <> '000002'"
        ' ORDER BY md5(customer_id) COLLATE "C" LIMIT 5000'
    )
    assert set(await watched.predictions("v1")) == {row["customer_id"] for row in expected}
    assert len(done) == 50
    assert all(later[1] > earlier[1] for earlier, later in pairwise(done))


async def test_drift_is_told_of_the_features_that_moved(watched):
    """Learned from customers who ordered in the last month; of these nobody did for a hundred days."""
    learned = np.full((1000, len(FEATURE_NAMES)), np.nan)
    learned[:, RECENCY] = np.linspace(0, 30, 1000)
    await watched.fill(500, day=-100)
    await watched.register("v1")
    await watched.watch(0, make_model("v1", learned=learned))
    found = await watched.report("v1", "drift", 0)
    assert (found["customers"], found["reference_customers"]) == (500, 1000)
    assert found["psi"]["recency_days"] > 2
    assert set(found["psi"]) == set(FEATURE_NAMES)
    assert found["weights"]["recency_days"] == pytest.approx(1 / 3)


async def test_of_nobody_there_is_no_drift(watched):
    await watched.register("v1")
    learned = np.zeros((10, len(FEATURE_NAMES)))
    assert await watched.watch(0, make_model("v1", learned=learned)) == MonitoringReport("done", 0, 0)
    assert (await watched.report("v1", "drift", 0))["psi"] == {}
    assert await watched.watch(0.1, CHAMPION, every_us=DAY_US) == MonitoringReport("not due")


async def test_once_a_day_of_utc(watched):
    await fill_four(watched)
    outcomes = [(await watched.watch(day, CHAMPION, every_us=DAY_US)).outcome for day in (0.9, 0.99, 1.01, 1.9)]
    assert outcomes == ["done", "not due", "done", "not due"]
    assert (await watched.watch(1.95, CHAMPION)).outcome == "done"  # by hand


async def test_a_new_champion_is_watched_the_same_day(watched):
    await fill_four(watched)
    await watched.watch(0, CHAMPION, every_us=DAY_US)
    assert (await watched.watch(0.5, CHALLENGER, every_us=DAY_US)).outcome == "done"


async def test_what_has_matured_is_forgotten_after_a_year(watched):
    await fill_four(watched)
    await watched.register("v1")
    await watched.watch(0, CHAMPION)
    await watched.watch(91, CHAMPION)
    await watched.sql.rows("DELETE FROM models")  # so that those of day 91 never mature
    await watched.watch(365, CHAMPION)
    count = "SELECT count(*) FROM predictions WHERE at_us = :us"
    assert await watched.sql.value(count, us=us(0)) == 4
    await watched.watch(365.01, CHAMPION)
    assert await watched.sql.value(count, us=us(0)) == 0
    await watched.watch(91 + 366, CHAMPION)
    assert await watched.sql.value(count, us=us(91)) == 4
    assert await watched.report("v1", "outcome", 0) is not None


async def test_one_that_was_stopped_leaves_nothing_and_is_begun_again(watched):
    await fill_four(watched)

    def stop(_done, _of):
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        await watched.watch(0, CHAMPION, report_progress=stop)
    assert await watched.predictions("v1") == {}
    assert (await watched.watch(0.1, CHAMPION, every_us=DAY_US)).outcome == "done"


async def test_only_one_runs(watched, database_url, wait_until):
    elsewhere = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"))
    assert await elsewhere.fetchval("SELECT pg_try_advisory_lock($1)", MONITORING_LOCK)
    assert await watched.watch(0, CHAMPION) == MonitoringReport("runs elsewhere")
    await elsewhere.close()

    async def run():
        return (await watched.watch(0, CHAMPION)).outcome == "done"

    assert await wait_until(run)


async def test_three_at_once_take_one_snapshot(watched):
    await fill_four(watched)
    reports = await asyncio.gather(*(watched.watch(0.1 * n, CHAMPION, every_us=DAY_US) for n in range(3)))
    assert {report.outcome for report in reports} <= {"done", "runs elsewhere", "not due"}
    assert await watched.sql.value("SELECT count(*) FROM predictions") == 4


async def test_the_schedule_of_a_service(watched, engine, monkeypatch, wait_until):
    """It watches as soon as it looks, and then not before the next day."""
    monkeypatch.setattr(pacing, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr("app.monitoring.service.time.time_ns", lambda: us(3.5) * 1000)
    looked = []

    async def count(*args, **options):
        looked.append(await monitor_models(*args, **options))
        return looked[-1]

    monitor_models = watching.monitor_models
    monkeypatch.setattr(watching, "monitor_models", count)
    await fill_four(watched)
    task = asyncio.create_task(keep_monitoring(engine, lambda: (CHAMPION, CHALLENGER), 24))
    await wait_until(lambda: asyncio.sleep(0, len(looked) >= 3))
    task.cancel()
    assert [report.outcome for report in looked[:3]] == ["done", "not due", "not due"]
    assert set(await watched.predictions("v2")) == {"C-1", "C-2", "C-3", "C-4"}
