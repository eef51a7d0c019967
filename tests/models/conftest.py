"""Artefacts of models that know recency alone, and the registry."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.foundation.settings import Settings
from app.lifecycle import drift
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.scorer import StepTables, combine
from app.lifecycle.value import ValueCurve
from app.models import service
from ml.training.artefact import Parts, write_artefact
from ml.training.item_artefact import ItemParts, write_item_artefact
from tests.lifecycle.ranking.item_rankers import draw_ranker
from tests.models.policies import write_policy

MADE_AT = datetime(2026, 3, 1, tzinfo=UTC)
RECENCY = FEATURE_NAMES.index("recency_days")


def scorecard_of(intercept, slope):
    """Churn log-odds: the intercept, and a step of the slope after 30 and after 90 days of silence."""
    edges = tuple(np.array([30.0, 90.0]) if j == RECENCY else np.empty(0) for j in range(len(FEATURE_NAMES)))
    steps = tuple(
        np.array([0.0, -slope, 0.0, slope]) if j == RECENCY else np.zeros(2) for j in range(len(FEATURE_NAMES))
    )
    tables = {"churn": StepTables(intercept, edges, steps)}
    tables |= {target: StepTables(0.0, edges, tuple(-each for each in steps)) for target in ("orders", "spend")}
    return combine(tables, np.array([0]), dict.fromkeys(tables, np.zeros(1)))


@pytest.fixture(scope="session")
def make_artefact(tmp_path_factory):
    """Makes `<models>/<version>/`: no two alike, each a day younger than the one before."""
    directory, made = tmp_path_factory.mktemp("artefacts"), iter(range(10_000))

    def make(*, intercept=-0.5, slope=1.0, simulated=False, horizon_days=90, into=None):
        made_at = MADE_AT + timedelta(days=next(made))
        until = made_at - timedelta(hours=1)
        members = {
            "horizon_days": horizon_days,
            "inner_horizon_days": horizon_days,
            "method": "additive_trees",
            "population": {"rhythm_days": 30.0, "customers": 500},
            "training": {
                "data_from": (until - timedelta(days=700)).isoformat(),
                "data_until": until.isoformat(),
                "cutoffs": [],
                "rows": 1000,
                "base_rate": 0.4,
            },
            "data": {"source": "tests", "simulated": simulated},
            "metrics": {"churn": {"models": {"perennial": {"auc": 0.8, "brier": 0.15}}}},
        }
        parts = Parts(
            scorecard_of(intercept, slope),
            ValueCurve(np.array([2.0, 1.0]), np.array([0.5, 1.0])),
            drift.reference(np.zeros((20, len(FEATURE_NAMES)))),
            {},
            lambda manifest: f"# {manifest['version']}\n",
        )
        return write_artefact(into or directory, "churn", made_at, parts, members)

    return make


@pytest.fixture(scope="session")
def make_item_artefact(tmp_path_factory):
    """The same of models of recommendations, all of the same ranker; ids of items begin with `of`."""
    directory, made = tmp_path_factory.mktemp("item-artefacts"), iter(range(10_000))

    def make(*, simulated=False, horizon_days=30, into=None, of="item"):
        made_at = MADE_AT + timedelta(days=next(made))
        training = {
            "data_from": (made_at - timedelta(days=365)).isoformat(),
            "data_until": made_at.isoformat(),
            "horizon_days": horizon_days,
        }
        members = {"training": training, "data": {"source": "tests", "simulated": simulated}}
        ids = [f"{of}-{number}" for number in range(300)]
        return write_item_artefact(into or directory, made_at, ItemParts(draw_ranker(), ids), members)

    return make


@pytest.fixture(scope="session")
def make_policy_artefact(tmp_path_factory):
    """The same of policies: `effects` are of prospects, action → effect; all are known for certain and well."""
    directory, made = tmp_path_factory.mktemp("policy-artefacts"), iter(range(10_000))

    def make(*, simulated=False, horizon_days=30, metrics=None, into=None, **effects):
        made_at = MADE_AT + timedelta(days=next(made))
        told = {"simulated": simulated, "horizon_days": horizon_days, "metrics": metrics}
        return write_policy(into or directory, made_at, effects, **told)

    return make


@pytest.fixture
def registry(sql, engine):
    """The service's functions, each in a transaction of its own, one microsecond after the other."""
    return Registry(engine)


class Registry:
    def __init__(self, engine):
        self._engine = engine
        self.gates = gates_of(Settings())
        self._now_us = 1_000_000

    def _tick(self):
        self._now_us += 1
        return self._now_us

    async def ask(self, function, *arguments):
        async with transaction(self._engine) as connection:
            return await function(connection, *arguments)

    async def register(self, directory, by="tests"):
        async with transaction(self._engine) as connection:
            return await service.register(connection, directory, self._tick(), by, gates=self.gates)

    async def promote(self, version, reason="", by="tests"):
        return await self.ask(service.promote, version, self._tick(), by, reason, self.gates)

    async def approve(self, version, by, reason="it is right"):
        return await self.ask(service.approve, version, self._tick(), by, reason, self.gates)

    async def rollback(self, reason="", kind="score"):
        return await self.ask(service.rollback, self._tick(), "tests", reason, kind)

    async def states(self):
        """Version → state."""
        from app.models import queries

        return {row.version: row.state for row in await self.ask(queries.read_models)}

    async def at_once(self, *tasks):
        return await asyncio.gather(*tasks, return_exceptions=True)
