"""Engines that turn events into states, and order lines into what was kept, off-line: DuckDB on one machine, Spark on a
cluster; one expression for both."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from uuid import uuid4

import duckdb
import ibis
import ibis.expr.types as ir

from app.foundation.errors import Refusal
from ml.data.reading import literal

ENGINES: Final = ("duckdb", "spark")
MEMORY_LIMIT: Final = "1280MiB"
"""What DuckDB keeps in memory at most; the rest is spilled to disk."""

_SPARK: Final = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}
_LOCAL: Final = {
    "spark.driver.memory": "1g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
}
"""Of a session on this machine: bounded, and reached by nobody else."""
_LOGGING: Final = """\
status = error
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d %p %c: %m%n
"""


class UnusableEngine(Refusal):
    """The engine is not there; the sentence says what it takes."""


class Derived(NamedTuple):
    """Rows that are made of a table in DuckDB, whose columns are those of `schema`."""

    table: str
    schema: ibis.Schema
    rows: Callable[[ir.Table], ir.Table]


class Engine(Protocol):
    """Where events become states, and order lines what was kept."""

    def take(self, events: ir.Table) -> ir.Table:
        """The same events, of a table in DuckDB, as a table of this engine."""
        ...

    def derive(self, connection: duckdb.DuckDBPyConnection, name: str, wanted: Derived) -> None:
        """Makes the table `name` in DuckDB of another one there, by this engine."""
        ...


class DuckDb:
    """This process, within `MEMORY_LIMIT`; what does not fit is spilled to the directory. None: without a limit."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def take(self, events: ir.Table) -> ir.Table:
        """As they are; the connection that they are on is bounded from now on."""
        if self._directory is not None:
            bound(events.get_backend().con, self._directory)
        return events

    def derive(self, connection: duckdb.DuckDBPyConnection, name: str, wanted: Derived) -> None:
        """On the connection itself, which is bounded from now on."""
        if self._directory is not None:
            bound(connection, self._directory)
        rows = wanted.rows(ibis.table(wanted.schema, name=wanted.table))
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS {ibis.to_sql(rows, dialect='duckdb')}")


DUCKDB: Final = DuckDb(None)
"""For whoever reads what fits: nothing is to be closed."""


class Spark:
    """A session on the master that the settings name, local unless they name one."""

    def __init__(self, session: Any, directory: Path) -> None:
        self._backend = ibis.pyspark.connect(session)
        self._directory = directory

    def take(self, events: ir.Table) -> ir.Table:
        """Handed over as a Parquet file, in a directory that all of the cluster must see."""
        file = self._directory / f"{uuid4().hex}.parquet"
        events.to_parquet(file)
        return self._backend.read_parquet(file.as_uri())

    def derive(self, connection: duckdb.DuckDBPyConnection, name: str, wanted: Derived) -> None:
        """Handed over and back as Parquet files, which its workers write: no process has to hold all of it."""
        given, made = (self._directory / uuid4().hex for _ in range(2))
        connection.execute(f"COPY {wanted.table} TO {literal(str(given))} (FORMAT parquet)")
        rows = wanted.rows(self._backend.read_parquet(given.as_uri()).cast(wanted.schema))
        self._backend.to_parquet_dir(rows, made.as_uri())
        files = literal(str(made / "*.parquet"))
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM read_parquet({files})")


def bound(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Has a connection keep `MEMORY_LIMIT` in memory at most, and no order that nobody asked for."""
    quoted = str(directory).replace("'", "''")
    connection.execute(f"SET temp_directory = '{quoted}'")  # first: the limit may spill at once, and then it is settled
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("SET preserve_insertion_order = false")


@contextmanager
def open_engine(name: str, spark_master: str = "local[*]", spark_directory: Path | None = None) -> Iterator[Engine]:
    """One of ENGINES, closed in the end; the others are the settings of the same names.

    Raises UnusableEngine where the name is unknown, or Java or PySpark missing.
    """
    if name not in ENGINES:
        raise UnusableEngine(f"There is no engine {name!r}; there are {' and '.join(ENGINES)}.")
    with tempfile.TemporaryDirectory(prefix="perennial-", dir=spark_directory) as made:
        directory = Path(made)
        if name == "duckdb":
            yield DuckDb(directory)
            return
        session = _start_spark(spark_master, directory)
        try:
            yield Spark(session, directory)
        finally:
            _stop_spark(session)


def missing_for_spark() -> str | None:
    """What it lacks here, in a sentence; None: nothing."""
    java = Path(os.environ.get("JAVA_HOME", ""), "bin", "java")
    if not ("JAVA_HOME" in os.environ and java.exists()) and shutil.which("java") is None:
        return "Spark needs Java 17 or later, and there is none on the path."
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "PySpark is not installed: 'make spark' installs it."
    return None


def _start_spark(master: str, directory: Path) -> Any:
    if missing := missing_for_spark():
        raise UnusableEngine(missing)
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    logging = directory / "log4j2.properties"
    logging.write_text(_LOGGING)
    options = _SPARK | (_LOCAL if master.startswith("local") else {})
    options |= {"spark.sql.warehouse.dir": (directory / "warehouse").as_uri(), "spark.local.dir": str(directory)}
    builder = SparkSession.builder.appName("perennial").master(master)
    builder = builder.config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={logging.as_uri()}")
    for option, value in options.items():
        builder = builder.config(option, value)
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise UnusableEngine(f"Spark does not start: {str(error).partition(chr(10))[0]}") from error


def _stop_spark(session: Any) -> None:
    """With its Java process, which would else live as long as this one."""
    context = session.sparkContext
    gateway = context._gateway
    session.stop()
    gateway.shutdown()
    type(context)._gateway = type(context)._jvm = None
    gateway.proc.stdin.close()
    gateway.proc.wait()
