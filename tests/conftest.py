"""A real Postgres, and the service on it.

One server serves the whole run: under xdist the controller starts it before the first worker and
stops it after the last, so that no worker can pull it from under another. Each worker makes a
database of its own, migrated once and dropped at the end; each test that asks for `client` or `sql`
begins with empty tables. Hypothesis tests take new customer ids for every example instead.
PERENNIAL_TEST_DATABASE_URL points the tests at another server, where they may create databases.
"""

import asyncio
import gc
import itertools
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url
from typer.testing import CliRunner

from app.commands.main import app as commands
from app.database.embedded import start_embedded
from app.database.engine import create_engine, transaction
from app.database.schema import migrate
from app.decisions.catalogue_queries import fill_action_catalogue
from app.foundation.settings import Settings
from app.foundation.times import received_now_us
from app.http.auth import SCOPES, create_key
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.scorer import Scorecard
from app.lifecycle.value import ValueCurve
from app.models.artefact import Model
from app.runtime.main import create_app
from tests.processes import QUIET
from tests.second_connection import Sql, administer, empty_tables, wait_until

QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
}
HUNG_SECONDS = 90


def _start_server(config: pytest.Config) -> str:
    """The URL of the server of this run; stopped, and its data removed, when pytest ends."""
    if given := os.environ.get("PERENNIAL_TEST_DATABASE_URL"):
        return given
    resources = ExitStack()
    config.add_cleanup(resources.close)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that it is cleaned up too
    directory = resources.enter_context(tempfile.TemporaryDirectory(prefix="perennial-tests-"))
    return resources.enter_context(start_embedded(Path(directory), settings=QUICK)).url


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller, before it starts a worker."""
    urls = node.config.stash
    if SERVER_URL not in urls:
        urls[SERVER_URL] = _start_server(node.config)
    node.workerinput["server_url"] = urls[SERVER_URL]


SERVER_URL = pytest.StashKey[str]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Millions of objects live: it is too seldom worth looking for those that do not."""
    gc.set_threshold(50_000, 20, 100)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The tests themselves live to the end."""
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    """An asynchronous test that waits for what does not come fails, and shows where it waited."""
    test = getattr(item, "obj", None)
    if not iscoroutinefunction(test):
        return

    @wraps(test)
    async def bounded(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(HUNG_SECONDS):
            await test(*args, **kwargs)

    item.obj = bounded  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def server_url(request):
    given = getattr(request.config, "workerinput", None)
    return _start_server(request.config) if given is None else given["server_url"]


@pytest.fixture(scope="session")
def make_database(server_url):
    """Makes an empty database, or a copy of one that nobody is connected to, and gives its URL; all are dropped at
    the end of the session."""
    names = []

    def make(copied_url=None):
        names.append(f"perennial_test_{uuid.uuid4().hex}")
        template = "template0" if copied_url is None else make_url(copied_url).database
        administer(server_url, f"CREATE DATABASE {names[-1]} TEMPLATE {template}")
        return make_url(server_url).set(database=names[-1]).render_as_string(hide_password=False)

    yield make
    for name in names:
        administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def database_url(make_database):
    url = make_database()
    migrate(url)
    return url


@pytest.fixture(scope="session")
def anyio_backend():
    """One event loop for the whole session, so that the service outlives a test."""
    return "asyncio"


@pytest.fixture(scope="session")
async def engine(anyio_backend, database_url):
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@dataclass
class Service:
    """A running application, and a client whose key has every scope."""

    app: FastAPI
    key: str
    client: httpx.AsyncClient = field(init=False)

    @property
    def resources(self):
        return self.app.state.resources

    def connect(self, *, raises=True, **options):
        """Another client. Not `raises`: what the application lets through is answered as a server would."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=raises)
        return httpx.AsyncClient(transport=transport, base_url="http://test", **options)


async def _prepare(url: str) -> str:
    """A key of every scope, and the catalogue that an installation begins with."""
    engine = create_engine(url)
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "tests", SCOPES, 1)
        await fill_action_catalogue(connection, DEFAULT_ACTIONS, 1)
    await engine.dispose()
    return key


@asynccontextmanager
async def _serve(settings: Settings, url: str, prepares: bool) -> AsyncIterator[Service]:
    service = Service(create_app(settings, url), await _prepare(url) if prepares else "")
    client = service.connect(headers={"Authorization": f"Bearer {service.key}"})
    async with service.app.router.lifespan_context(service.app), client as service.client:
        yield service


@pytest.fixture(scope="session")
def serve(tmp_path_factory, database_url):
    """`async with serve(...)`: a service of its own settings, without control group and chance unless asked.

    Not `prepares`: on the database as it is, without a key.
    """
    home = tmp_path_factory.mktemp("home")
    usual = {
        "home": home,
        "identity_key": "tests",
        "control_share": 0.0,
        "usual_share": 0.0,
        "exploration": 0.0,
        "patience_ms": 30_000,  # machines that tests run on are slow at times
        "deadline_allowance_ms": 20_000,
        "strangers": 1_000_000,  # tests come without a key more often than people
        "wrong_keys": 1_000_000,
        **QUIET,
    }

    def start(url=database_url, *, prepares=True, **settings):
        return _serve(Settings(**{**usual, **settings}), url, prepares)

    return start


@pytest.fixture(scope="session")
async def running_service(anyio_backend, serve):
    async with serve() as service:
        yield service


@pytest.fixture(scope="session", name="wait_until")
def wait_until_fixture():
    return wait_until


@pytest.fixture(autouse=True)
def forget_the_clock_of_before(monkeypatch):
    """A test that set the clock ahead is over: the next one begins at its own time."""
    monkeypatch.setattr(received_now_us, "_offset_us", 0)


@pytest.fixture
def cut_connections(server_url, database_url):
    """Ends every connection to the database, while the caller's loop stands still and so hears of none."""
    name = make_url(database_url).database
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    return lambda: administer(server_url, ended)


@pytest.fixture
async def sql(engine):
    """The database, its tables empty but for keys and catalogue."""
    await empty_tables(engine)
    return Sql(engine)


@pytest.fixture
async def service(running_service, sql):
    """The service on empty tables, and with what it holds of them: no model of a test before."""
    await running_service.resources.refresh()
    return running_service


@pytest.fixture
def client(service):
    return service.client


class Shop:
    """Makes events as shop systems send them. Ids are new unless given."""

    def __init__(self):
        self._numbers = itertools.count(1)

    @staticmethod
    def ago(**span):
        """An RFC 3339 time so long ago, to the microsecond."""
        return (datetime.now(UTC) - timedelta(**span)).isoformat()

    def event(self, type_, subject="C-1", *, at=None, data=None, **envelope):
        return {
            "specversion": "1.0",
            "id": f"e-{next(self._numbers)}",
            "source": "/pos/store-1/till-1",
            "type": type_,
            "subject": subject,
            "time": at or self.ago(seconds=1),
            "data": data or {},
            **envelope,
        }

    def order(self, subject="C-1", *, total=10.0, at=None, id_=None, **data):
        made = self.event("order.completed", subject, at=at, data={"total": total, "channel": "store", **data})
        made["data"].setdefault("order_id", f"O-{made['id']}")
        return made if id_ is None else {**made, "id": id_}


@pytest.fixture(scope="session")
def make_model():
    """Makes a model that knows recency alone: risk rises with it in three steps, orders and spend fall."""

    def make(version, *, trained_days_ago=1.0, horizon_days=90):
        at = FEATURE_NAMES.index("recency_days")
        none, edges = np.empty(0), np.array([30.0, 90.0])
        steps = np.array([[0.25, 0.0, 0.0], [-1.5, 0.7, 0.8], [0.5, -0.6, -0.7], [2.0, -1.8, -2.0]])
        scorecard = Scorecard(
            tuple(edges if j == at else none for j in range(len(FEATURE_NAMES))),
            (-0.5, 0.1, 9.0),
            tuple(steps if j == at else np.zeros((2, 3)) for j in range(len(FEATURE_NAMES))),
            np.array([0]),
            np.zeros((1, 3)),
        )
        trained_at = datetime.now(UTC) - timedelta(days=trained_days_ago)
        value = ValueCurve(np.array([15_000.0, 5_000.0, 3_000.0, 1_000.0]), np.array([0.5, 0.8, 0.9, 1.0]))
        return Model(
            version,
            horizon_days,
            scorecard,
            value,
            rhythm_days=30.0,
            trained_at=trained_at,
            data_until=trained_at,
            simulated=False,
            method="additive_trees",
            drift={},
            manifest={},
        )

    return make


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def perennial(sql, database_url, tmp_path, monkeypatch):
    """Runs a command on the database of the tests; what it printed, standard error too."""
    monkeypatch.setenv("PERENNIAL_DATABASE_URL", database_url)
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))

    def run(*words):
        ran = CliRunner().invoke(commands, [str(word) for word in words])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran.output

    return run
