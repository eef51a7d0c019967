"""Whether each arm has its share of the persons decided of: a sample ratio that chance does not make says that
something keeps people of an arm away, or counts them twice, and no effect that is measured then can be believed.

A person counts by the first decision, which no action can have brought about; so what actions do to how often people
come does not matter.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import SERVICE_SHARE, run_periodically, yield_to_requests
from app.database.engine import alone, transaction
from app.decisions.arm_queries import (
    count_arms,
    enter_persons,
    find_last_entered,
    find_piece_end,
    read_arm_report,
    write_arm_report,
)
from app.foundation.logs import log
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import Checks, Resources
from app.lifecycle.arms import ARMS, MISMATCH, Arm, Arms, sample_ratio_p

ARMS_LOCK: Final = 0x61726D73  # "arms": one look at a time, however many replicas run
AT_ONCE: Final = 2000
"""Receipts in a statement: all that there are take longer than a statement may."""
HOUR_US: Final = 3_600_000_000
UNDER_WAY_US: Final = 300_000_000
"""A receipt is in the database at the latest so long after its decision."""


async def watch_arms(engine: AsyncEngine, now_us: int, every_us: int = 0) -> Mapping[str, Any] | None:
    """Counts the arms as of `now_us`. None: another process does, or it was done less than `every_us` ago."""
    async with alone(engine, ARMS_LOCK) as driver:
        if driver is None:
            return None
        async with transaction(engine) as connection:
            last = await read_arm_report(connection)
            if last is not None and now_us - last.at_us < every_us:
                return None
            read_us = max(0 if last is None else last.at_us, await find_last_entered(connection))
        await _enter_all(engine, read_us - UNDER_WAY_US, now_us)
        async with transaction(engine) as connection:
            report = report_on(await count_arms(connection))
            await write_arm_report(connection, now_us, report)
    if is_mismatch(report):
        log.warning("arms.mismatch", p=report["p"], persons=report["persons"], expected=report["expected"])
    return report


async def _enter_all(engine: AsyncEngine, from_us: int, until_us: int) -> None:
    """Notes the arms of those first decided of in `[from_us, until_us)`. Each piece is a transaction of its own: what
    is stopped goes on from there."""
    while from_us < until_us:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            end_us = await find_piece_end(connection, from_us, until_us, AT_ONCE)
            await enter_persons(connection, from_us, end_us)
        from_us = end_us
        await yield_to_requests(began, SERVICE_SHARE)


def report_on(rows: Sequence[Any]) -> dict[str, Any]:
    """Of rows of `count_arms`: persons of each arm, those to be expected by the shares that each came under, and how
    probable that is by chance (None: too few to tell)."""
    persons: dict[Arm, int] = dict.fromkeys(ARMS, 0)
    expected: dict[Arm, float] = dict.fromkeys(ARMS, 0.0)
    for row in rows:
        persons[row.arm] += row.persons
        for arm, share in Arms(row.control_share, row.usual_share).shares.items():
            expected[arm] += share * row.persons
    return {"persons": persons, "expected": expected, "p": sample_ratio_p(persons, expected)}


def is_mismatch(report: Mapping[str, Any]) -> bool:
    """Whether it is no chance."""
    return report["p"] is not None and bool(report["p"] < MISMATCH)


async def keep_watching_arms(engine: AsyncEngine) -> None:
    """Counts for ever, once an hour over all processes together."""

    async def watch_if_due() -> Mapping[str, Any] | None:
        report = await watch_arms(engine, time.time_ns() // 1000, HOUR_US)
        return None if report is None else report["persons"]

    await run_periodically("arms", 3600.0, watch_if_due)


async def check_arms(_: Resources, connection: AsyncConnection) -> Checks:
    """Whether the arms have their shares."""
    found = await read_arm_report(connection)
    if found is None or found.report["p"] is None:
        output = "Too few persons were decided of to tell."
        return {"decisions:arms": CheckOut(status="pass", componentType="component", output=output)}
    is_wrong = is_mismatch(found.report)
    return {
        "decisions:arms": CheckOut(
            status="warn" if is_wrong else "pass",
            componentType="component",
            observedValue=float(f"{found.report['p']:.3g}"),
            observedUnit="probability",
            output="The arms do not have their shares: believe no measured effect before it is known why."
            if is_wrong
            else None,
            time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
        )
    }


async def arm_gauges(_: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    """Persons of each arm, those expected, and how probable that is."""
    found = await read_arm_report(connection)
    if found is None:
        return []
    told: list[GaugeValue] = []
    for arm in ARMS:
        told.append(("perennial_arm_persons", (arm,), found.report["persons"][arm]))
        told.append(("perennial_arm_persons_expected", (arm,), found.report["expected"][arm]))
    if found.report["p"] is not None:
        told.append(("perennial_arm_ratio_probability", (), found.report["p"]))
    return told
