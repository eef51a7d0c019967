"""SIGTERM again and again under load: nobody is cut, and what was answered is counted.

    python -m benchmarks.stops [--stops 100] [--workers 1 2] [--clients 24] [--seconds 5]

Clients ask for `/livez` and send checkouts in turn, half of them with a new connection for each, until they are not let
in any more. Cut is who was connected and got no whole answer. After each stop the service is started again. Ends with
1 where somebody was cut, or where what was answered is not what is counted.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.tables import events
from benchmarks.tills import make_order
from benchmarks.victims import Postgres, Service

DRAIN_S: Final = "1"
SETTINGS: Final = {"PERENNIAL_DRAIN_SECONDS": DRAIN_S, "PERENNIAL_PATIENCE_MS": "5000"}
TIMEOUT_S: Final = 30.0


class Seen:
    """What became of requests, and the ids of events that were answered."""

    def __init__(self) -> None:
        self.outcomes = Counter[str]()
        self.answered: set[str] = set()


async def ask(client: httpx.AsyncClient, event_id: str, seen: Seen) -> bool:
    """Whether the service may be asked again."""
    try:
        if int(event_id.rpartition("-")[2]) % 2:
            answer = await client.get("/livez")
        else:
            answer = await client.post("/v1/checkouts", json={"event": make_order(event_id, f"C-{event_id}")})
            if answer.is_success:
                seen.answered.add(event_id)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return False
    except httpx.TransportError as error:
        seen.outcomes[f"cut: {type(error).__name__}"] += 1
        return False
    seen.outcomes[str(answer.status_code)] += 1
    return True


async def keep_asking(url: str, key: str, name: str, seen: Seen, *, is_new_each_time: bool) -> None:
    limits = httpx.Limits(max_keepalive_connections=0 if is_new_each_time else 1)
    headers = {"Authorization": f"Bearer {key}"}
    timeout = httpx.Timeout(TIMEOUT_S, connect=0.5)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=timeout, limits=limits, trust_env=False
    ) as client:
        count = 0
        while await ask(client, f"{name}-{count}", seen):
            count += 1


async def stop_under_load(service: Service, key: str, number: int, clients: int, seconds: float, seen: Seen) -> None:
    async with asyncio.TaskGroup() as group:
        for client in range(clients):
            name = f"{number}-{client}"
            group.create_task(keep_asking(service.url, key, name, seen, is_new_each_time=client % 2 == 0))
        await asyncio.sleep(seconds)
        await asyncio.to_thread(service.close)


async def count(url: str) -> set[str]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = set((await connection.execute(select(events.c.id))).scalars())
    await engine.dispose()
    return found


def run(workers: int, stops: int, clients: int, seconds: float) -> bool:
    """Whether nobody was cut."""
    with (
        tempfile.TemporaryDirectory(prefix="perennial-stops-") as directory,
        closing(Postgres(Path(directory, "postgres"))) as postgres,
    ):
        service, seen = Service(postgres.url, Path(directory), workers, SETTINGS), Seen()
        created = service.run("keys", "create", "stops", "--scope", "admin")
        created.check_returncode()
        for number in range(stops):
            service.launch()
            with closing(service):
                service.await_readiness()
                asyncio.run(stop_under_load(service, created.stdout.strip(), number, clients, seconds, seen))
            service.forget()
        lost = seen.answered - asyncio.run(count(postgres.url))
    told = ", ".join(f"{times} × {outcome}" for outcome, times in seen.outcomes.most_common())
    print(f"workers: {workers}; stops: {stops}; answers: {told}; answered and not counted: {len(lost)}", flush=True)
    return not lost and not any(outcome.startswith("cut") for outcome in seen.outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load before each stop")
    given = parser.parse_args(arguments)
    held = [run(workers, given.stops, given.clients, given.seconds) for workers in given.workers]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
