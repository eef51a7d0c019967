"""Service and Postgres killed again and again under retrying tills: nothing lost, nothing counted twice.

    python -m benchmarks.chaos [--short] [--service-kills 20] [--postgres-kills 10]

Tills send checkouts, each of a new event, and send again what got no answer. Some give up, as one does
whose power is cut; some repeat what was answered. Meanwhile a worker of the service, or the postmaster, is killed
(SIGKILL) at a moment drawn at random, and started again at once, until all kills are done. Then what is in
the database is compared with what the tills were told. Ends with 1 where a promise was broken. How long a
recovery took is printed beside its floor, the same start without load, and breaks nothing: machines differ.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.tables import customer_states, events
from benchmarks.tills import TILLS, Book, Tills
from benchmarks.victims import Postgres, Service, Victim

KILLS = {"service": 20, "postgres": 10}
SHORT_KILLS = 2
REACH_S = {"service": 1.0, "postgres": 5.0}
FLOOR_ROUNDS = 3
BETWEEN_KILLS_S = (0.2, 0.8)
SHOWN = 5


async def strike(
    victims: Mapping[str, Victim], names: Sequence[str], tills: Tills, seed: int
) -> dict[str, list[float]]:
    """Kills in this order; the seconds from each kill to the first good answer to what was asked after it."""
    draw, recoveries_s = random.Random(seed), defaultdict[str, list[float]](list)
    await tills.first_answer_since(0.0)
    for name in names:
        await asyncio.sleep(draw.uniform(*BETWEEN_KILLS_S))
        killed_s = time.monotonic()
        await asyncio.to_thread(victims[name].kill)
        served = asyncio.create_task(tills.first_answer_since(time.monotonic()))
        await asyncio.to_thread(victims[name].start)
        recoveries_s[name].append(await served - killed_s)
    return recoveries_s


async def run_under_fire(
    victims: Mapping[str, Victim], names: Sequence[str], tills: Tills, seed: int
) -> dict[str, list[float]]:
    """The recoveries; ends when every till has finished its last sale."""
    async with asyncio.TaskGroup() as group:
        group.create_task(tills.run())
        recoveries_s = await strike(victims, names, tills, seed)
        tills.stopping = True
    return recoveries_s


def measure_floors(service: Service, postgres: Postgres) -> dict[str, list[float]]:
    """Seconds from a kill to its replacement without load: of a worker, and of a Postgres with nobody connected."""
    floors_s = {"service": _time_restarts(service, service.await_readiness)}
    service.close()
    floors_s["postgres"] = _time_restarts(postgres, lambda: None)
    service.launch()
    service.await_readiness()
    return floors_s


def _time_restarts(victim: Victim, await_readiness: Callable[[], None]) -> list[float]:
    elapsed_s = []
    for _ in range(FLOOR_ROUNDS):
        began_s = time.monotonic()
        victim.kill()
        victim.start()
        await_readiness()
        elapsed_s.append(time.monotonic() - began_s)
    return elapsed_s


@dataclass(frozen=True, slots=True)
class Counted:
    """What the database holds: (event, customer) of every row, and customer → orders of the state."""

    rows: list[tuple[str, str]]
    orders: dict[str, int]


async def read_counted(url: str) -> Counted:
    """Straight from the tables."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(events.c.id, events.c.customer_id))).all()
        states = (await connection.execute(select(customer_states.c.customer_id, customer_states.c.orders))).all()
    await engine.dispose()
    return Counted(
        [(event_id, customer_id) for event_id, customer_id in rows],
        {customer_id: int(orders) for customer_id, orders in states},
    )


def find_breaches(book: Book, counted: Counted) -> dict[str, list[str]]:
    """Promise → what broke it: ids of events or customers, or answers."""
    times = Counter(event_id for event_id, _ in counted.rows)
    expected = Counter(customer_id for _, customer_id in counted.rows)
    customers = counted.orders.keys() | expected.keys()
    return {
        "acknowledged and lost": [event_id for event_id in book.acknowledged if event_id not in times],
        "counted twice": [event_id for event_id, rows in times.items() if rows > 1],
        "counted and never sent": [
            event_id for event_id, customer in counted.rows if book.sent.get(event_id) != customer
        ],
        "states that count otherwise than their events": [
            customer_id for customer_id in customers if counted.orders.get(customer_id, 0) != expected[customer_id]
        ],
        "repeats answered otherwise": book.otherwise,
        "answers that no till should get": book.unexpected,
    }


def report(book: Book, recoveries_s: Mapping[str, list[float]], floors_s: Mapping[str, list[float]]) -> None:
    """Prints what was seen."""
    kills = ", ".join(f"{name} killed {len(each)} times" for name, each in recoveries_s.items())
    print(f"{kills}, under {TILLS} tills")
    answers = ", ".join(f"{count} × {status}" for status, count in book.statuses.most_common())
    print(f"{len(book.sent)} events sent, {len(book.acknowledged)} acknowledged, {book.repeats} repeated ({answers})")
    for name, each in recoveries_s.items():
        late = sum(recovery_s > REACH_S[name] for recovery_s in each)
        print(
            f"recovery of the {name}: {_spread(each)}; floor {_spread(floors_s[name])}, "
            f"ratio {median(each) / median(floors_s[name]):.2f}; above {REACH_S[name]:g} s: {late} of {len(each)}"
        )
    if book.refusals_s:
        print(
            f"answered 503 within {median(book.refusals_s) * 1e3:.0f} ms, at most {max(book.refusals_s) * 1e3:.0f} ms"
        )


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


def run(kills: Mapping[str, int], workers: int, seed: int) -> int:
    """The number of promises broken."""
    names = [name for name, times in kills.items() for _ in range(times)]
    random.Random(seed).shuffle(names)
    with (
        tempfile.TemporaryDirectory(prefix="perennial-chaos-") as directory,
        closing(Postgres(Path(directory, "postgres"))) as postgres,
    ):
        service = Service(postgres.url, Path(directory), workers)
        created = service.run("keys", "create", "chaos", "--scope", "admin")
        created.check_returncode()
        service.launch()
        with closing(service):
            service.await_readiness()
            floors_s = measure_floors(service, postgres)
            tills = Tills(service.url, created.stdout.strip(), seed)
            victims: dict[str, Victim] = {"service": service, "postgres": postgres}
            recoveries_s = asyncio.run(run_under_fire(victims, names, tills, seed))
        report(tills.book, recoveries_s, floors_s)
        breaches = find_breaches(tills.book, asyncio.run(read_counted(postgres.url)))
        verified = service.run("verify")
        print(verified.stderr.strip().splitlines()[0])
        breaches["states that do not verify"] = verified.stdout.splitlines()
        if breaches["answers that no till should get"]:
            service.print_causes()
    for promise, found in breaches.items():
        print(f"{promise}: {len(found)}", *sorted(set(found))[:SHOWN], sep="\n    ")
    return sum(map(bool, breaches.values())) + bool(verified.returncode)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help=f"{SHORT_KILLS} kills of each")
    for name, times in KILLS.items():
        parser.add_argument(f"--{name}-kills", type=int, default=times)
    parser.add_argument("--workers", type=int, default=2, help="of the service; 1: it is killed whole")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    kills = {name: SHORT_KILLS if given.short else getattr(given, f"{name}_kills") for name in KILLS}
    return 1 if run(kills, given.workers, given.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
