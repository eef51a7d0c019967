"""What is older than a deployment wants to keep leaves."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from app.database.engine import alone
from app.ingest.left_keys import LeftKeys
from app.lifecycle.events import DAY_US
from app.lifecycle.retention import read_retention
from app.privacy import retention
from app.privacy.retention import RETENTION_LOCK, RetentionReport, check_retention, retain, retention_gauges

KEYS = LeftKeys(b"tests")
KEPT_FOR = read_retention("rejected=10d, receipts=500d")
NOW_US = time.time_ns() // 1000


@pytest.fixture
async def aged(sql):
    """Five rejected events and five receipts, 1, 6, 11, 16 and 21, or that many times 50, days old."""
    for days in (1, 6, 11, 16, 21):
        await sql.rows(
            "INSERT INTO rejected_events (received_us, problem, event) VALUES (:at, '{}', '{}')",
            at=NOW_US - days * DAY_US,
        )
        await sql.rows(
            "INSERT INTO decisions (customer_id, decision_id, decided_us, receipt, answer)"
            " VALUES ('C-1', :id, :at, '{}', '{}')",
            id=f"D-{days}",
            at=NOW_US - days * 50 * DAY_US,
        )


async def ages(sql, table, column):
    return sorted((NOW_US - row[column]) // DAY_US for row in await sql.rows(f"SELECT {column} FROM {table}"))


@pytest.mark.parametrize("at_once", [1, 2, 100])
async def test_each_kind_leaves_by_its_own_age(engine, sql, aged, monkeypatch, at_once):
    monkeypatch.setattr(retention, "AT_ONCE", at_once)
    assert await retain(engine, KEYS, KEPT_FOR, NOW_US) == RetentionReport("done", {"rejected": 3, "receipts": 3})
    assert await ages(sql, "rejected_events", "received_us") == [1, 6]
    assert await ages(sql, "decisions", "decided_us") == [50, 300]
    assert await retain(engine, KEYS, KEPT_FOR, NOW_US) == RetentionReport("done", {})


async def test_of_what_nothing_is_said_all_is_kept(engine, sql, aged):
    assert await retain(engine, KEYS, read_retention("rejected=20d"), NOW_US) == RetentionReport(
        "done", {"rejected": 1}
    )
    assert len(await ages(sql, "decisions", "decided_us")) == 5


async def test_a_run_that_stopped_is_gone_on_with(engine, sql, aged, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 1)

    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await retain(engine, KEYS, KEPT_FOR, NOW_US, report_progress=stop)
    assert await retain(engine, KEYS, KEPT_FOR, NOW_US, not_within_us=DAY_US) == RetentionReport(
        "done", {"rejected": 3, "receipts": 3}
    )
    assert await sql.value("SELECT count(*) FROM retention_runs") == 1


async def test_one_at_a_time_and_once_a_day(engine, aged):
    async with alone(engine, RETENTION_LOCK) as driver:
        assert driver is not None
        assert (await retain(engine, KEYS, KEPT_FOR, NOW_US)).outcome == "runs elsewhere"
    assert (await retain(engine, KEYS, KEPT_FOR, NOW_US, not_within_us=DAY_US)).outcome == "done"
    assert (await retain(engine, KEYS, KEPT_FOR, NOW_US + 1, not_within_us=DAY_US)).outcome == "not due"
    assert (await retain(engine, KEYS, KEPT_FOR, NOW_US + DAY_US, not_within_us=DAY_US)).outcome == "done"


def deployment(kept_for) -> Any:
    """Resources, as far as a check looks at them."""
    intake = SimpleNamespace(rules=SimpleNamespace(lasting_key=b"tests"))
    return SimpleNamespace(settings=SimpleNamespace(kept_for=kept_for), of=lambda _: intake)


async def test_health_and_metrics_tell_of_the_last_run(engine, sql, aged):
    async with engine.connect() as connection:
        assert await check_retention(deployment(read_retention("")), connection) == {}
        (check,) = (await check_retention(deployment(KEPT_FOR), connection)).values()
        assert check.status == "pass"
        assert check.output == "Nothing was looked for yet; 'perennial retain' does it at once."
        assert await retention_gauges(deployment(KEPT_FOR), connection) == []
        await retain(engine, KEYS, KEPT_FOR, NOW_US)
        (check,) = (await check_retention(deployment(KEPT_FOR), connection)).values()
        assert (check.status, check.observedValue, check.output) == ("pass", 0, None)
        (age, *rows) = await retention_gauges(deployment(KEPT_FOR), connection)
        assert rows == [
            ("perennial_retention_rows", ("receipts",), 3),
            ("perennial_retention_rows", ("rejected",), 3),
        ]
        assert age[0] == "perennial_retention_age_seconds"
    await sql.rows("UPDATE retention_runs SET finished_us = finished_us - :ago", ago=3 * DAY_US)
    async with engine.connect() as connection:
        (check,) = (await check_retention(deployment(KEPT_FOR), connection)).values()
        assert (check.status, check.observedValue) == ("warn", 3)
