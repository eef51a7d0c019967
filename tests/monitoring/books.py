"""A shop under watch: events past the service, models made by hand, reports as they are kept."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from app.customers.verification import rebuild
from app.lifecycle.drift import reference
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.scorer import Scorecard
from app.lifecycle.value import ValueCurve
from app.models.artefact import Model
from app.models.queries import read_reports
from app.monitoring.queries import read_latest_reports
from app.monitoring.service import monitor_models

DAY_US = 86_400_000_000
START_US = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000
RECENCY = FEATURE_NAMES.index("recency_days")


def us(day):
    """Microseconds of a day counted from the start of March 2025."""
    return START_US + round(day * DAY_US)


def make_model(version, *, risks=(0.2, 0.8), orders=2.0, spend_minor=5000.0, horizon_days=90, learned=None):
    """Two risks: of those who ordered within the last 30 days, and of the others. `learned`: features (n, F)."""
    near, far = (float(np.log(risk / (1 - risk))) for risk in risks)
    none = np.empty(0)
    edges = tuple(np.array([30.0]) if j == RECENCY else none for j in range(len(FEATURE_NAMES)))
    steps = tuple(
        np.array([[0.0] * 3, [near, 0.0, 0.0], [far, 0.0, 0.0]]) if j == RECENCY else np.zeros((2, 3))
        for j in range(len(FEATURE_NAMES))
    )
    constants = (0.0, float(np.log(orders)), float(np.log(spend_minor)))
    card = Scorecard(edges, constants, steps, np.array([0]), np.zeros((1, 3)))
    drift = {} if learned is None else reference(learned)
    at = datetime(2025, 3, 1, tzinfo=UTC)
    curve = ValueCurve(np.empty(0), np.empty(0))
    return Model(version, horizon_days, card, curve, 30.0, at, at, False, "additive_trees", drift, {})


@dataclass
class Shop:
    sql: Any
    engine: Any
    _numbers: Any = field(default_factory=itertools.count)

    async def happen(self, customer_id, *days, type_="order.completed", minor=1000):
        """Counts events past the service."""
        for day in days:
            await self.sql.rows(
                "INSERT INTO events VALUES (:customer_id, '/till', :id, :type, :us, NULL, 'store', NULL, :minor,"
                " 0, 1, 0, NULL, '', '{}', :us)",
                customer_id=customer_id,
                id=f"{next(self._numbers)}",
                type=type_,
                us=us(day),
                minor=minor,
            )
        async for _ in rebuild(self.engine):
            pass

    async def fill(self, customers, day, ids="lpad(n::text, 6, '0')"):
        """Customers with a single order of that day, by their states alone."""
        await self.sql.rows(
            "INSERT INTO customer_states (customer_id, events, orders, first_event_us, last_event_us, first_order_us,"
            f" last_order_us) SELECT {ids}, 1, 1, :us, :us, :us, :us FROM generate_series(1, :customers) AS n",
            us=us(day),
            customers=customers,
        )

    async def register(self, version, state="champion", horizon_days=90):
        """A row of the registry without its bytes: what the watch knows of a model it does not hold."""
        await self.sql.rows(
            "INSERT INTO models VALUES (:version, :state, false, :days, '', '', 0, 0, '{}', 0, 0, '', '', NULL)",
            version=version,
            state=state,
            days=horizon_days,
        )

    async def watch(self, day, champion=None, challenger=None, **options):
        return await monitor_models(self.engine, (champion, challenger), us(day), **options)

    async def predictions(self, version):
        """Customer → what was said at the last snapshot, and came."""
        rows = await self.sql.rows("SELECT * FROM predictions WHERE version = :v ORDER BY at_us", v=version)
        return {row["customer_id"]: dict(row) for row in rows}

    async def report(self, version, kind, day):
        """None: there is none."""
        rows = await self.sql.rows(
            "SELECT report FROM model_reports WHERE version = :v AND kind = :kind AND at_us = :us",
            v=version,
            kind=kind,
            us=us(day),
        )
        return rows[0]["report"] if rows else None

    async def reports(self, version):
        async with self.engine.begin() as connection:
            return await read_reports(connection, version)

    async def latest(self):
        async with self.engine.begin() as connection:
            return await read_latest_reports(connection)
