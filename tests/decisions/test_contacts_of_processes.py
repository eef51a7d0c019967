"""Caps and budgets across processes, of which one is killed."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from typing import Any

import httpx
import pytest

from app.database.engine import create_engine
from app.database.schema import migrate
from tests.decisions.acting import action_of, consent, decide, put_policy
from tests.processes import make_key, starting
from tests.second_connection import Sql

MOST = 60
DECISIONS = 240


@pytest.fixture
async def alone(make_database, tmp_path, wait_until):
    """A database of its own, and the service on it as a process of two workers."""
    url = make_database()
    await asyncio.to_thread(migrate, url)
    engine = create_engine(url)
    async with starting(url, tmp_path, wait_until) as start:
        service = await start(workers=2, control_share=0, exploration=0, patience_ms=20_000)
        yield service, await make_key(engine), Sql(engine)
    await engine.dispose()


async def test_neither_processes_nor_a_kill_exceed_a_cap_or_a_budget(alone, shop):
    """A worker is killed while it decides: what it had not committed is not given, what it had is."""
    service, key, sql = alone
    async with service.client(key, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        for action in (action_of("budgeted", effect=1, cost=1, budget=MOST), action_of("plain")):
            assert (await client.put(f"/v1/actions/{action['action_id']}", json=action)).status_code == 200
        for action in (await client.get("/v1/actions")).json()["actions"]:
            if action["action_id"] not in ("budgeted", "plain"):
                await client.delete(f"/v1/actions/{action['action_id']}")
        await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 7}], "quiet_hours": []})
        await consent(client, shop, "C-1")
        await asyncio.sleep(3)  # seen by the others within two seconds

        answers: list[dict[str, Any]] = []

        async def ask(customer_id, channel):
            with contextlib.suppress(httpx.TransportError, AssertionError):
                answers.append(await decide(client, customer_id, channel=channel))

        asked = [ask("C-1", "email") for _ in range(40)]
        asked += [ask(f"N-{number}", "store") for number in range(DECISIONS)]
        random.Random(1).shuffle(asked)
        asking = asyncio.gather(*asked)
        while len(answers) < 30:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        os.kill(service.workers()[0], signal.SIGKILL)
        await asking
        await asyncio.gather(*(decide(client, f"M-{number}", channel="store") for number in range(MOST)))

    given = Counter(action["action_id"] for answer in answers for action in answer["actions"])
    assert await sql.value("SELECT count(*) FROM contacts WHERE customer_id = 'C-1'") == 1
    kept = "SELECT count(*) FROM contacts WHERE action_id = 'budgeted'"
    assert await sql.value(kept) == MOST
    assert 0 < given["budgeted"] <= MOST, "an answer that was lost may be kept"
    counter = await sql.row("SELECT given, spent_minor FROM action_counters WHERE action_id = 'budgeted'")
    assert counter == {"given": MOST, "spent_minor": 100 * MOST}
    receipts = "SELECT count(*) FROM decisions WHERE receipt -> 'selection_probabilities' ->> 'budgeted' IS NOT NULL"
    assert await sql.value(receipts) == MOST, "as many as are counted"
