"""The systems under measurement: each opener starts one and returns how to load it."""

import http.client
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from rich.console import Console
from sqlalchemy import URL

from app.models.kinds import SCORE, kind_of
from benchmarks.baskets import BASKET_SIZE, CUSTOMERS, checkouts
from benchmarks.databases import as_text, create_tables, execute, fresh_database
from benchmarks.filling import fill_states
from benchmarks.load import run_load
from benchmarks.pgbench import find_pgbench, run_pgbench
from benchmarks.processes import PERENNIAL, Server, free_port, serve, server_environment, uvicorn_command
from benchmarks.report import ANSWERS_PER_S, P99_MS

READY_WITHIN_S: Final = 60.0
FILL_TUTORIAL: Final = f"""
INSERT INTO customers (id, orders, store_orders, items, spend, discount, first_order_at, last_order_at)
SELECT 'C-' || number, 5, 5, 15, 500, 10, now() - interval '200 days', now() - interval '20 days'
FROM generate_series(1, {CUSTOMERS}) AS number
"""
"""Every system's customers have bought before, as a shop's have: a first order is the rare one."""


class Unavailable(RuntimeError):
    """A system cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rounds of each system at each number of connections.

    `statement` None leaves pgbench out. `lines` of an order. `release` is the program of another
    installation. `models` is a directory of artefacts, of which the service scores by
    the newest; None: it scores by rules.
    """

    systems: tuple[str, ...]
    connections: tuple[int, ...]
    rounds: int
    seconds: float
    warm_up_s: float
    statement: str | None
    models: Path | None
    lines: int = BASKET_SIZE
    release: Path = PERENNIAL


@dataclass(frozen=True, slots=True)
class Bench:
    """What an opener needs: the plan, a Postgres server, what ends with the run, where to speak."""

    plan: Plan
    server: URL
    resources: ExitStack
    console: Console


Measure = Callable[[int, int], Mapping[str, Any]]
"""(connections, number of the round) → figures."""


def load_server(server: Server, plan: Plan, api_key: str | None, connections: int, number: int) -> Mapping[str, Any]:
    """The figures of one round of checkouts; every system gets the same customers in a round."""
    requests = checkouts(server.port, api_key=api_key, seed=number, lines=plan.lines)
    return send(server, plan, requests, connections)


def send(server: Server, plan: Plan, requests: Iterable[bytes], connections: int) -> Mapping[str, Any]:
    """The figures of one round of requests."""
    load = run_load(
        server.host,
        server.port,
        requests,
        connections=connections,
        seconds=plan.seconds,
        warm_up_s=plan.warm_up_s,
        server_pid=server.pid,
    )
    return asdict(load)


def read_method(server: Server, api_key: str) -> tuple[str, str]:
    """Method and model version of the score in one checkout: rules cost less than a model."""
    body = next(checkouts(server.port, seed=0)).partition(b"\r\n\r\n")[2]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    connection = http.client.HTTPConnection(server.host, server.port, timeout=READY_WITHIN_S)
    with closing(connection):
        connection.request("POST", "/v1/checkouts", body, headers)
        response = connection.getresponse()
        answer = response.read()
    if response.status != http.client.OK:
        raise Unavailable(f"a checkout is answered with {response.status}: {answer[:300].decode()}")
    score = json.loads(answer)["score"]
    return score["method"], score["model_version"] or "none"


@dataclass(frozen=True, slots=True)
class Service:
    """`perennial serve`, running on a database of its own, and a key with the scopes that were asked for."""

    server: Server
    api_key: str
    database: URL
    settings: Mapping[str, str]


def start_service(
    bench: Bench, *scopes: str, program: Path = PERENNIAL, identity: str = "", name: str = "perennial"
) -> Service:
    """Starts the service, scoring by the newest of the plan's models; `identity` names sources whose orders have one.
    Its database begins with `name`.

    Raises Unavailable, ServerFailed.
    """
    if not program.exists():
        raise Unavailable(f"{program} is not installed")
    home = make_home(bench.resources)
    name = f"benchmark_{name}_{crc32(bytes(program) + identity.encode()):x}"
    database = bench.resources.enter_context(fresh_database(bench.server, name))
    port = free_port()
    settings = {
        "PERENNIAL_HOME": str(home),
        "PERENNIAL_DATABASE_URL": as_text(database),
        "PERENNIAL_PORT": str(port),
        "PERENNIAL_LOG_LEVEL": "WARNING",
        "PERENNIAL_ORDER_IDENTITY": identity,
    }
    create = [str(program), "keys", "create", "benchmark"]
    create += [word for scope in scopes for word in ("--scope", scope)]
    made = subprocess.run(create, env=server_environment(settings), check=True, stdout=subprocess.PIPE, text=True)
    register_newest(bench.plan.models, settings, program)
    running = bench.resources.enter_context(
        serve([program, "serve"], port, settings=settings, ready_within_s=READY_WITHIN_S)
    )
    return Service(running, made.stdout.strip(), database, settings)


def make_home(resources: ExitStack) -> Path:
    """A home of the service, gone when `resources` close."""
    return Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="perennial-benchmark-")))


def register_newest(models: Path | None, settings: Mapping[str, str], program: Path = PERENNIAL) -> None:
    """Puts the newest model of scores of a directory in force. Raises Unavailable where there is none, or it is
    refused."""
    if models is not None:
        register(find_newest(models), settings, program)


def register(artefact: Path, settings: Mapping[str, str], program: Path = PERENNIAL) -> None:
    """Puts an artefact of any kind in force. Raises Unavailable where it is refused."""
    command = [str(program), "models", "register", str(artefact)]
    ran = subprocess.run(command, env=server_environment(settings), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Unavailable(ran.stderr.strip())


def find_newest(models: Path) -> Path:
    """The newest model of scores: those of other kinds lie beside them. Raises Unavailable."""
    manifests = [(path, path.read_bytes()) for path in models.glob("*/manifest.json")]
    made = [
        (json.loads(told)["created_at"], path.parent)
        for path, told in manifests
        if kind_of(path.parent.name, told).name == SCORE
    ]
    if not made:
        raise Unavailable(f"there is no model of scores in {models}")
    return max(made)[1]


def open_perennial(bench: Bench, program: Path = PERENNIAL, identity: str = "") -> Measure:
    service = start_service(bench, "ingest", "decide", program=program, identity=identity)
    fill_states(service.database, CUSTOMERS)
    environment = server_environment(service.settings)
    subprocess.run([program, "sweep"], env=environment, check=True, stdout=subprocess.PIPE)
    method, version = read_method(service.server, service.api_key)
    bench.console.print(f"perennial scores by {method}, model {version}", highlight=False)
    return partial(load_server, service.server, bench.plan, service.api_key)


def open_loyalty(bench: Bench) -> Measure:
    """The same with a loyalty programme: every order earns points."""
    service = start_service(bench, "ingest", "decide", "admin", name="loyalty")
    fill_states(service.database, CUSTOMERS)
    subprocess.run([PERENNIAL, "sweep"], env=server_environment(service.settings), check=True, stdout=subprocess.PIPE)
    programme = {"earn": [{"rule_id": "base", "points": 1, "per": 1}]}
    body = json.dumps({"programme": programme, "effective_at": "2020-01-01T00:00:00Z"})
    headers = {"Authorization": f"Bearer {service.api_key}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(service.server.host, service.server.port, timeout=10)) as connection:
        connection.request("PUT", "/v1/loyalty/programme", body, headers)
        if connection.getresponse().status != http.client.OK:
            raise Unavailable("the programme was refused")
    return partial(load_server, service.server, bench.plan, service.api_key)


def open_tutorial(bench: Bench, application: str = "app", threads: int | None = None) -> Measure:
    """`threads` None: as many as scikit-learn takes by itself, as a tutorial's server has it."""
    database = bench.resources.enter_context(fresh_database(bench.server, "benchmark_tutorial"))
    port = free_port()
    command = uvicorn_command(f"benchmarks.tutorial_server:{application}", port)
    limit = threads or os.cpu_count() or 1
    settings = {"DATABASE_URL": as_text(database), "OMP_NUM_THREADS": str(limit)}
    running = bench.resources.enter_context(serve(command, port, settings=settings, ready_path="/docs"))
    execute(database, FILL_TUTORIAL)
    return partial(load_server, running, bench.plan, None)


def start_floor(bench: Bench) -> Server:
    """The bare Starlette server. Raises ServerFailed."""
    port = free_port()
    command = uvicorn_command("benchmarks.floor_server:app", port)
    return bench.resources.enter_context(serve(command, port, settings={}))


def open_floor(bench: Bench) -> Measure:
    return partial(load_server, start_floor(bench), bench.plan, None)


def open_pgbench(bench: Bench) -> Measure:
    program, statement = find_pgbench(), bench.plan.statement
    if program is None:
        raise Unavailable("neither a Postgres wheel nor the system has pgbench")
    if statement is None:
        raise Unavailable("there is no statement to run")
    database = bench.resources.enter_context(fresh_database(bench.server, "benchmark_pgbench"))
    create_tables(database)
    fill_states(database, CUSTOMERS)

    def measure(connections: int, _: int) -> Mapping[str, Any]:
        ran = run_pgbench(
            program,
            database,
            statement,
            connections=connections,
            seconds=bench.plan.seconds,
            customers=CUSTOMERS,
        )
        return {ANSWERS_PER_S: ran.per_s, P99_MS: ran.p99_ms}

    return measure


def open_release(bench: Bench) -> Measure:
    """Another installation of the service."""
    if bench.plan.release == PERENNIAL:
        raise Unavailable("no other release was named")
    return open_perennial(bench, bench.plan.release)


OPENERS: Final[Mapping[str, Callable[[Bench], Measure]]] = {
    "perennial": open_perennial,
    "order identity": partial(open_perennial, identity="/pos"),
    "loyalty": open_loyalty,
    "release": open_release,
    "tutorial": open_tutorial,
    "tutorial, 1 thread": partial(open_tutorial, threads=1),
    "async tutorial": partial(open_tutorial, application="async_app"),
    "async tutorial, 1 thread": partial(open_tutorial, application="async_app", threads=1),
    "pgbench": open_pgbench,
    "floor": open_floor,
}
