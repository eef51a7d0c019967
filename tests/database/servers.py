"""Servers that tests start, ask and look for, in this process and in others."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

QUICK = {"fsync": "off", "shared_buffers": "16MB"}
REPOSITORY = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")

START_IN_OWNER = f"""
import sys
from pathlib import Path
from app.database.embedded import start_embedded
server = start_embedded(Path(sys.argv[1]), settings={QUICK!r})
print(server.pid, flush=True)
"""
WAIT = "sys.stdin.read()\n"


def ask(url, *statements):
    """The first value of the last statement."""

    async def run():
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                results = [await connection.execute(text(statement)) for statement in statements]
                return results[-1].scalar() if results[-1].returns_rows else None
        finally:
            await engine.dispose()

    return asyncio.run(run())


def living(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid):
    return [pid, *(child.pid for child in psutil.Process(pid).children())]
