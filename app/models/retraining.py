"""Scheduled retraining, as the service sees it: whether it is due, and a process of its own that does it.

The service never loads what training needs. Which process does it is settled by a lock in the database
(`retraining_lock`), held for as long as it takes; every service may start one.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.engine import alone, transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.lifecycle.events import DAY_US
from app.models import queries
from app.models.kinds import POLICY, RECOMMEND, SCORE

LOOK_SECONDS: Final = 600.0
"""How often a service looks whether a model is due."""
RETRY_SECONDS: Final = 6 * 3600.0
"""After a retraining that failed, there is too little history say, a service waits so long."""

_ROOT: Final = Path(__file__).resolve().parents[2]


async def is_due(connection: AsyncConnection, every_days: int, now_us: int, kind: str = SCORE) -> bool:
    """Whether the last model of a kind and of real events was registered so many days ago, or there is none."""
    last_us = await queries.read_last_registered_us(connection, kind)
    return last_us is None or now_us - last_us >= every_days * DAY_US


async def find_due(connection: AsyncConnection, every_days: int, now_us: int) -> list[str]:
    """The kinds that are due: scores; recommendations where the shop has a model of them; and policies where it has
    ever made one of real decisions."""
    kinds = [SCORE]
    if await queries.read_champion(connection, RECOMMEND) is not None:
        kinds.append(RECOMMEND)
    if await queries.read_last_registered_us(connection, POLICY) is not None:
        kinds.append(POLICY)
    return [kind for kind in kinds if await is_due(connection, every_days, now_us, kind)]


@asynccontextmanager
async def retraining_lock(engine: AsyncEngine) -> AsyncIterator[bool]:
    """Whether retraining is ours, for as long as the block lasts: nobody else's, however many replicas run."""
    async with alone(engine, queries.RETRAINING_LOCK) as driver:
        yield driver is not None


async def keep_retrained(engine: AsyncEngine, every_days: int) -> None:
    """Retrains for ever, each kind once in so many days over all processes together. A kind that failed waits."""
    waits_until_s: dict[str, float] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with transaction(engine) as connection:
                due = await find_due(connection, every_days, time.time_ns() // 1000)
        except (NotReady, SQLAlchemyError) as error:
            log.warning("retraining.failed", reason=type(error).__name__)
            continue
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        for kind in due:
            if time.monotonic() < waits_until_s.get(kind, 0.0):
                continue
            if await run_retraining(url, every_days, kind) != 0:
                waits_until_s[kind] = time.monotonic() + RETRY_SECONDS


async def run_retraining(database_url: str, every_days: int, kind: str = SCORE) -> int:
    """`perennial retrain --every-days N --kind KIND` in a process of its own; its exit code. It ends with this task."""
    environment = {**os.environ, "PERENNIAL_DATABASE_URL": database_url, "OMP_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "retrain", "--every-days", str(every_days), "--kind", kind),
        env=environment,
        cwd=_ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the service, which ends it
    )
    try:
        _, told = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    lines = told.decode(errors="replace").strip().splitlines()
    log_line = log.info if process.returncode == 0 else log.warning
    log_line("retraining.ended", kind=kind, code=process.returncode, said=lines[-1] if lines else "")
    return process.returncode or 0
