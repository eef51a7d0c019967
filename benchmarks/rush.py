"""A rush on what there is little of, while workers and Postgres are killed: budgets and caps are exact all the same.

    python -m benchmarks.rush [--short] [--asks 10000] [--budget 1000] [--workers 4] [--seed 1]

So many ask at once for an action whose budget is for fewer, one in five only to prepare it, and 200 for one customer
who may be written to once. Half of what was prepared is shown, the other half runs out and is given back; then as many
as that ask again, and more. Workers of the service and the postmaster are killed (SIGKILL) meanwhile. At the end the
tables are counted, and compared with what was heard. Ends with 1 where a promise was broken.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.decisions.activating import give_back_all
from app.decisions.releasing import release_all_overdue
from benchmarks.askers import BUDGETED, CAPPED, COST, PLAIN, SEEN_S, WRITTEN, WRITTEN_TO, Ask, Askers, Heard
from benchmarks.victims import Postgres, Service, Victim

SHOWN: Final = 5
PREPARED_SHARE: Final = 0.2
SETTINGS: Final = {"PERENNIAL_CONTROL_SHARE": "0", "PERENNIAL_EXPLORATION": "0", "PERENNIAL_PATIENCE_MS": "20000"}
POLL_S: Final = 0.01


class Plan(NamedTuple):
    """How many ask, for how many, and how often who is killed."""

    asks: int = 10_000
    budget: int = 1_000
    written: int = 200
    worker_kills: int = 8
    postgres_kills: int = 2

    @property
    def cap(self) -> int:
        """Of the second best."""
        return self.budget // 2


SHORT: Final = Plan(asks=1_000, budget=100, written=50, worker_kills=2, postgres_kills=1)


class Counted(NamedTuple):
    """What the database holds: actions of contacts and of receipts, by decision; the counters; deadlocks since Postgres
    last started."""

    contacts: Mapping[str, set[str]]
    receipts: Mapping[str, set[str]]
    written_to: int
    counters: Mapping[str, tuple[int, int]]
    deadlocks: int

    def given(self, action_id: str) -> int:
        return sum(action_id in actions for actions in self.contacts.values())


_CONTACTS: Final = "SELECT decision_id, array_agg(action_id) FROM contacts GROUP BY 1"
_RECEIPTS: Final = """
SELECT decision_id, ARRAY(SELECT json_object_keys(receipt -> 'selection_probabilities')), activated_us FROM decisions
"""
_COUNTERS: Final = "SELECT action_id, given, spent_minor FROM action_counters"
_DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_WRITTEN_TO: Final = "SELECT count(*) FROM contacts WHERE customer_id = :customer_id"
_RUN_OUT: Final = ("contacts", "decisions")


async def count(engine: AsyncEngine) -> Counted:
    """Straight from the tables. What was given back is no receipt's action any more."""
    async with engine.connect() as connection:
        contacts = {row[0]: set(row[1]) for row in await connection.execute(text(_CONTACTS))}
        receipts = {row[0]: set() if row[2] == 0 else set(row[1]) for row in await connection.execute(text(_RECEIPTS))}
        counters = {row[0]: (row[1], row[2]) for row in await connection.execute(text(_COUNTERS))}
        written_to = (await connection.execute(text(_WRITTEN_TO), {"customer_id": WRITTEN_TO})).scalar_one()
        deadlocks = (await connection.execute(text(_DEADLOCKS))).scalar_one()
    return Counted(contacts, receipts, written_to, counters, deadlocks)


async def run_out(engine: AsyncEngine) -> int:
    """Lets the time of all that is prepared run out, and gives it back; of how many decisions."""
    async with engine.begin() as connection:
        for table in _RUN_OUT:
            over = f"UPDATE {table} SET reserved_until_us = 1 WHERE reserved_until_us IS NOT NULL"
            if table == "contacts":
                over += f" AND action_id <> '{WRITTEN}'"
            await connection.execute(text(over))
    now_us = time.time_ns() // 1000
    given_back = await give_back_all(engine, now_us)
    await release_all_overdue(engine, now_us)
    return given_back


def find_breaches(plan: Plan, heard: Heard, counted: Counted) -> dict[str, list[str]]:
    """Promise → what broke it: decisions, or what was counted."""
    expected = {BUDGETED: (plan.budget, round(plan.budget * COST * 100)), CAPPED: (plan.cap, 0)}
    limited = {each: actions & expected.keys() for each, actions in counted.receipts.items()}
    held = {each: counted.contacts.get(each, set()) & expected.keys() for each in counted.receipts}
    return {
        "limited actions given otherwise than they may be": [
            f"{action_id}: {counted.given(action_id)} of {most}"
            for action_id, (most, _) in expected.items()
            if counted.given(action_id) != most
        ],
        "counters that say otherwise": [
            f"{action_id}: {counted.counters[action_id]}"
            for action_id, wanted in expected.items()
            if counted.counters[action_id] != wanted
        ],
        "customers of a cap of one told otherwise": [str(counted.written_to)] if counted.written_to != 1 else [],
        "receipts without their contacts, or contacts without theirs": [
            *(each for each in counted.receipts if limited[each] != held[each]),
            *(counted.contacts.keys() - counted.receipts.keys()),
        ],
        "answers without their receipts": [each for each in heard.answers if each not in counted.receipts],
        "answers that nobody should get": heard.unexpected,
        "deadlocks": [str(counted.deadlocks)] if counted.deadlocks else [],
    }


async def strike(victims: Mapping[str, Victim], names: Sequence[str], askers: Askers, asks: int, seed: int) -> None:
    """Kills in this order, each when a share of the answers, drawn at random, has been heard."""
    draw = random.Random(seed)
    for name, share in zip(names, sorted(draw.uniform(0.02, 0.9) for _ in names), strict=True):
        while len(askers.heard.answers) < share * asks:  # noqa: ASYNC110 - others make the answers
            await asyncio.sleep(POLL_S)
        await asyncio.to_thread(victims[name].kill)
        await asyncio.to_thread(victims[name].start)


def make_asks(plan: Plan, seed: int) -> list[Ask]:
    draw = random.Random(seed)
    of_many = [
        Ask(f"C-{number}", max_actions=draw.choice((1, 1, 2)), is_shown=draw.random() >= PREPARED_SHARE)
        for number in range(plan.asks)
    ]
    return of_many + [Ask(WRITTEN_TO, "email")] * plan.written


async def rush(plan: Plan, askers: Askers, victims: Mapping[str, Victim], engine: AsyncEngine, seed: int) -> Counted:
    """The whole of it; what is counted at the end."""
    names = ["service"] * plan.worker_kills + ["postgres"] * plan.postgres_kills
    random.Random(seed).shuffle(names)
    await askers.prepare(plan.budget, plan.cap)
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(askers.ask_all(make_asks(plan, seed)))
        group.create_task(strike(victims, names, askers, plan.asks, seed))
    elapsed_s = time.monotonic() - began_s
    first = await count(engine)
    shown = askers.heard.prepared[::2]
    await asyncio.gather(*map(askers.activate, shown))
    given_back = await run_out(engine)
    between = await count(engine)
    await asyncio.sleep(SEEN_S)
    await askers.ask_all([Ask(f"D-{number}", max_actions=2) for number in range(plan.asks // 5)])
    print(
        f"{plan.asks + plan.written} decisions asked for at once, answered in {elapsed_s:.0f} s; "
        f"workers killed {plan.worker_kills} times, Postgres {plan.postgres_kills}"
    )
    print(f"given, of {plan.budget} and {plan.cap}: {first.given(BUDGETED)} and {first.given(CAPPED)}")
    print(
        f"prepared: {len(askers.heard.prepared)}; shown after: {len(shown)}; given back: {given_back}, "
        f"which leaves {between.given(BUDGETED)} and {between.given(CAPPED)}"
    )
    return await count(engine)


async def _run(plan: Plan, service: Service, key: str, victims: Mapping[str, Victim], url: str, seed: int) -> int:
    askers, engine = Askers(service.url, key, seed), create_async_engine(url)
    try:
        counted = await rush(plan, askers, victims, engine, seed)
    finally:
        await askers.close()
        await engine.dispose()
    heard, statuses = Counter[str](), askers.heard.statuses
    for actions in askers.heard.answers.values():
        heard.update(actions)
    told = ", ".join(f"{heard[each]} {each}" for each in (BUDGETED, CAPPED, PLAIN, WRITTEN))
    print(
        f"asked again: {counted.given(BUDGETED)} and {counted.given(CAPPED)}; heard of, with those given back: {told}"
    )
    print("answers:", ", ".join(f"{times} × {status}" for status, times in statuses.most_common()))
    breaches = find_breaches(plan, askers.heard, counted)
    for promise, found in breaches.items():
        print(f"{promise}: {len(found)}", *found[:SHOWN], sep="\n    ")
    return sum(map(bool, breaches.values()))


def run(plan: Plan, workers: int, seed: int) -> int:
    """The number of promises broken."""
    with (
        tempfile.TemporaryDirectory(prefix="perennial-rush-") as directory,
        closing(Postgres(Path(directory, "postgres"))) as postgres,
    ):
        service = Service(postgres.url, Path(directory), workers, SETTINGS)
        created = service.run("keys", "create", "rush", "--scope", "admin")
        created.check_returncode()
        service.launch()
        with closing(service):
            service.await_readiness()
            victims: dict[str, Victim] = {"service": service, "postgres": postgres}
            broken = 1
            try:
                broken = asyncio.run(_run(plan, service, created.stdout.strip(), victims, postgres.url, seed))
            finally:
                if broken:
                    service.print_causes()
            return broken


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help=f"{SHORT.asks} asks")
    for name in Plan._fields:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=Plan._field_defaults[name])
    parser.add_argument("--workers", type=int, default=4, help="of the service")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    told: dict[str, Any] = {name: getattr(given, name) for name in Plan._fields}
    return 1 if run(SHORT if given.short else Plan(**told), given.workers, given.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
