"""The watch where it runs: in a service, and by hand."""

import asyncio
import json
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from app.database import background as pacing
from app.database.engine import transaction
from app.lifecycle.drift import reference
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.value import ValueCurve
from app.models.service import register
from ml.report.card import render_card
from ml.training.artefact import Parts, write_artefact
from tests.monitoring.books import make_model
from tests.processes import ROOT, environment

CANARY = "Kanarienvogel"


@pytest.fixture
async def champion(engine, tmp_path, sql):
    """The version of a model that was written, read, registered and found good."""
    parts = Parts(
        make_model("any").scorecard,
        ValueCurve(np.array([2.0, 1.0]), np.array([0.5, 1.0])),
        reference(np.random.default_rng(3).normal(size=(500, len(FEATURE_NAMES)))),
        {},
        render_card,
    )
    members = {
        "horizon_days": 90,
        "inner_horizon_days": 90,
        "method": "additive_trees",
        "population": {"rhythm_days": 30.0, "customers": 500},
        "training": {"data_from": "2024-01-01T00:00:00+00:00", "data_until": "2025-12-01T00:00:00+00:00"},
        "data": {"source": "tests", "simulated": False},
        "metrics": {},
    }
    directory = write_artefact(tmp_path, "churn", datetime(2026, 1, 1, tzinfo=UTC), parts, members)
    assert "# Model card: churn-20260101T000000" in (directory / "card.md").read_text()
    async with transaction(engine) as connection:
        return (await register(connection, directory, 1, "tests")).version


async def test_a_service_monitors_and_says_what_it_answers(serve, watched, champion, monkeypatch, wait_until, caplog):
    caplog.set_level("INFO", "perennial")
    for number in range(1, 4):
        await watched.happen(f"C-{number}", -20 * number)
    monkeypatch.setattr(pacing, "LOOK_SECONDS", 0.05)
    async with serve(monitoring_hours=24) as service:
        said = await wait_until(lambda: watched.sql.rows("SELECT * FROM predictions ORDER BY customer_id"))
        assert [row["customer_id"] for row in said] == ["C-1", "C-2", "C-3"]
        assert "monitoring" in {task.get_name() for task in asyncio.all_tasks()}
        assert await wait_until(lambda: asyncio.sleep(0, "monitoring.done" in caplog.messages))
        for row in said:
            answer = (await service.client.get(f"/v1/customers/{row['customer_id']}/score")).json()
            assert answer["model_version"] == row["version"] == champion
            assert answer["churn_risk"] == pytest.approx(row["churn_risk"], abs=1e-6)
            assert answer["expected_orders"] == pytest.approx(row["expected_orders"], abs=1e-3)
        told = (await service.client.get(f"/v1/models/{champion}")).json()
        assert [(report["kind"], report["report"]["customers"]) for report in told["reports"]] == [("drift", 3)]
        metrics = (await service.client.get("/metrics")).text
    assert 'perennial_feature_drift_psi{feature="recency_days"}' in metrics


async def command(database_url, home):
    given = environment({"database_url": database_url, "home": home})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "watch"), env=given, cwd=ROOT, stderr=asyncio.subprocess.STDOUT, stdout=-1
    )
    told, _ = await process.communicate()
    return process.returncode, told.decode()


async def test_by_hand(watched, champion, database_url, tmp_path):
    await watched.fill(7, day=0, ids=f"'{CANARY}-' || n")
    code, told = await command(database_url, tmp_path)
    assert (code, "7 customers asked of, 0 predictions matured" in told) == (0, True), told
    assert "Drifted: " in told
    assert CANARY not in told
    assert len(await watched.predictions(champion)) == 7
    stored = await watched.sql.rows("SELECT report FROM model_reports")
    assert CANARY not in json.dumps([row["report"] for row in stored])


async def test_by_hand_without_a_champion(watched, database_url, tmp_path):
    code, told = await command(database_url, tmp_path)
    assert (code, "no champion" in told) == (0, True), told
