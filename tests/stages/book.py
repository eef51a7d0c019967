"""The record of stages: writes as the service does, reads past it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.customers.service import read_states
from app.customers.verification import rebuild
from app.database.engine import Driver
from app.lifecycle.stages import StagePolicy
from app.scores.scoring import Scoring
from app.scores.service import score_states
from app.stages.service import StageContext, record_stages
from app.stages.sweep import sweep

START = datetime(2023, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
MONTHLY = range(0, 211, 30)
"""Eight orders. With the usual gap of 45 days as one gap more, the rhythm is (45 + 210)/8 = 31.875 days.

Mature on day 220; declining from 2.5 rhythms of silence on (day 289.6875), lost from 6 on (day 401.25).
"""


def us(day):
    """Microseconds of a day counted from the start of 2023."""
    return int(START.timestamp()) * 1_000_000 + round(day * DAY_US)


def iso_day(day):
    return (START + timedelta(days=day)).isoformat()


def rules(model=None, *, warning_risk=0.5, **policy):
    return StageContext(Scoring(model, StagePolicy(**policy), 90, "CNY", 2), warning_risk)


USUAL = rules()


@dataclass
class Book:
    sql: Any
    engine: Any
    driver: Driver

    async def happen(self, customer_id, *days, type_="order.completed", minor=1000, received=None):
        """Counts events past the service, which would note stages itself."""
        for day in days:
            await self.sql.rows(
                "INSERT INTO events VALUES (:customer_id, '/till', :id, :type, :us, NULL, 'store', NULL, :minor,"
                " 0, 1, 0, NULL, '', '{}', :received)",
                customer_id=customer_id,
                id=f"{customer_id}-{type_}-{day}",
                type=type_,
                us=us(day),
                minor=minor,
                received=us(day if received is None else received),
            )
        async for _ in rebuild(self.engine):
            pass

    async def note(self, customer_ids, day, context=USUAL, driver=None):
        driver = driver or self.driver
        states = [state for state in await read_states(driver, customer_ids) if state is not None]
        scores = score_states(states, us(day), context.scoring)
        await record_stages(driver, scores, us(day), context)

    async def sweep(self, day, context=USUAL, **options):
        return await sweep(self.engine, context, us(day), **options)

    async def transitions(self, customer_id="C-1"):
        """(day, from, to, rule, cause), oldest first."""
        query = "SELECT * FROM stage_transitions WHERE customer_id = :id ORDER BY at_us"
        return [
            ((row["at_us"] - us(0)) / DAY_US, row["from_stage"], row["to_stage"], row["rule"], row["cause"])
            for row in await self.sql.rows(query, id=customer_id)
        ]

    async def stored(self, customer_id="C-1"):
        return await self.sql.row("SELECT * FROM stages WHERE customer_id = :id", id=customer_id)

    async def enter(self, customer_id, *moves):
        """Transitions made by hand: (day, from, to)."""
        for day, source, target in moves:
            await self.sql.rows(
                "INSERT INTO stage_transitions VALUES"
                " (:id, :at, :source, :target, 'by_hand', 'event', 0.25, 'v1', :at)",
                id=customer_id,
                at=us(day),
                source=source,
                target=target,
            )

    async def warn(self, customer_id, loss, crossed_day, risk=0.75):
        """A row of `stages` made by hand; crossed None: below the threshold, 0: above from the first."""
        crossed = crossed_day if crossed_day in (None, 0) else us(crossed_day)
        await self.sql.rows(
            "INSERT INTO stages VALUES (:id, 'declining', NULL, :since, :since, 'silence', 'likely_to_leave', :risk,"
            " :loss, 'v1', :since, :crossed)",
            id=customer_id,
            since=us(100),
            risk=risk,
            loss=loss,
            crossed=crossed,
        )
