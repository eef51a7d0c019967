"""What the watch found, where people look: `/health`, `/metrics`, and the reports of a model."""

import json
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.models.queries import Report
from app.monitoring.reports import LatestReports

HEALTHY = {"customers": 5000, "reference_customers": 50_000, "psi": {"orders": 0.02}, "weights": {"orders": 1.0}}
RIGHT = {
    "customers": 5000,
    "horizon_days": 90,
    "brier": 0.151,
    "ece": 0.021,
    "ece_by_chance": 0.015,
    "auc": 0.81,
    "mean_risk": 0.4,
    "left_share": 0.41,
    "orders_bias": 0.05,
    "spend_bias": -0.04,
}


def days_ago(days):
    return time.time_ns() // 1000 - round(days * 86_400_000_000)


@pytest.fixture
def tell(sql):
    """Writes a report of a model."""

    async def write(version, kind, report, made_days_ago=0.1, at_days_ago=None):
        await sql.rows(
            "INSERT INTO model_reports VALUES (:version, :kind, :at, :made, :report)",
            version=version,
            kind=kind,
            at=days_ago(made_days_ago if at_days_ago is None else at_days_ago),
            made=days_ago(made_days_ago),
            report=json.dumps(report),
        )

    return write


async def checks(client):
    told = (await client.get("/health")).json()
    return told["checks"]["model:drift"][0], told["checks"]["model:calibration"][0]


async def test_a_model_that_was_not_watched_is_not_warned_of(watched, client):
    await watched.register("v1")
    drift, calibration = await checks(client)
    assert (drift["status"], calibration["status"]) == ("pass", "pass")
    assert "observedValue" not in drift


async def test_all_is_well(watched, client, tell):
    await watched.register("v1")
    await tell("v1", "drift", HEALTHY)
    await tell("v1", "outcome", RIGHT)
    drift, calibration = await checks(client)
    assert (drift["status"], drift["observedValue"]) == ("pass", 0.02)
    assert (calibration["status"], calibration["observedValue"]) == ("pass", 0.021)


async def test_drift_is_a_warning_that_names_the_features(watched, client, tell):
    await watched.register("v1")
    await tell("v1", "drift", {**HEALTHY, "psi": {"orders": 0.31}})
    drift, _ = await checks(client)
    assert (drift["status"], drift["observedValue"]) == ("warn", 0.31)
    assert "orders" in drift["output"]


async def test_wrong_risks_are_a_warning(watched, client, tell):
    await watched.register("v1")
    await tell("v1", "outcome", {**RIGHT, "ece": 0.12})
    _, calibration = await checks(client)
    assert (calibration["status"], calibration["observedValue"]) == ("warn", 0.12)


async def test_the_latest_report_of_the_champion_counts(watched, client, tell):
    """Not its older ones, nor those of the challenger, nor of a model that is retired."""
    await watched.register("v1")
    await watched.register("v2", "challenger")
    await watched.register("v0", "retired")
    await tell("v1", "outcome", {**RIGHT, "ece": 0.3}, at_days_ago=120)
    await tell("v1", "outcome", RIGHT, at_days_ago=100)
    await tell("v2", "outcome", {**RIGHT, "ece": 0.4}, at_days_ago=99)
    await tell("v0", "outcome", {**RIGHT, "ece": 0.5}, at_days_ago=98)
    await tell("v0", "drift", {**HEALTHY, "psi": {"orders": 9.0}})
    drift, calibration = await checks(client)
    assert (drift["status"], calibration["status"]) == ("pass", "pass")
    assert calibration["observedValue"] == 0.021


@pytest.mark.parametrize(("hours", "status"), [(24, "warn"), (48, "pass"), (0, "pass")])
async def test_a_watch_that_does_not_come_is_a_warning(serve, watched, tell, hours, status):
    await watched.register("v1")
    await tell("v1", "drift", HEALTHY, made_days_ago=3.5)
    async with serve(monitoring_hours=hours) as service:
        drift, _ = await checks(service.client)
    assert drift["status"] == status


async def test_metrics_tell_versions_and_features(watched, client, tell):
    await watched.register("v1")
    await watched.register("v2", "challenger")
    await tell("v1", "drift", HEALTHY)
    for version, brier in (("v1", 0.151), ("v2", 0.149)):
        await watched.sql.rows(
            "INSERT INTO model_reports VALUES (:version, 'outcome', 5, 5, :report)",
            version=version,
            report=json.dumps({**RIGHT, "brier": brier}),
        )
    text = (await client.get("/metrics")).text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["perennial_model_brier", "v1"] == 0.151
    assert found["perennial_model_brier", "v2"] == 0.149
    assert found["perennial_model_calibration_error", "v1"] == 0.021
    assert found["perennial_model_auc", "v1"] == 0.81
    assert found["perennial_model_orders_bias", "v1"] == 0.05
    assert found["perennial_model_spend_bias", "v1"] == -0.04
    assert found["perennial_challenger_brier_difference",] == pytest.approx(-0.002)
    assert found["perennial_feature_drift_psi", "orders"] == 0.02
    assert found["perennial_drifted_features",] == 0
    assert found["perennial_monitoring_age_seconds",] == pytest.approx(8640, abs=60)
    assert found["perennial_watch_age_seconds",] == found["perennial_monitoring_age_seconds",]


async def test_the_reports_of_a_model_are_told_latest_first(watched, tell):
    await tell("v1", "drift", HEALTHY, made_days_ago=2)
    await tell("v1", "outcome", RIGHT, made_days_ago=1, at_days_ago=92)
    await tell("v2", "drift", HEALTHY)
    reports = await watched.reports("v1")
    assert [report.kind for report in reports] == ["outcome", "drift"]
    assert reports[0].report == RIGHT
    assert reports[0].at_us < reports[1].at_us < reports[0].made_us


async def test_the_standing_is_of_those_that_stand(watched, tell):
    await watched.register("v0", "retired")
    await tell("v0", "drift", HEALTHY)
    assert await watched.latest() == LatestReports()
    await watched.register("v1")
    await tell("v1", "drift", HEALTHY)
    (found, *others) = await watched.latest()
    assert isinstance(found, Report)
    assert (found.version, found.report) == ("v1", HEALTHY)
    assert others == [None, None]
