"""Sixty days of the demo shop with the learner on: what effects and policies are told to be, beside what they are.

    python -m benchmarks.demo_days [--customers 4000] [--days 60] [--json FILE]

The service runs in this process on a clock of its own (`time-machine`), from `--days` ago until now. Every order comes
by `POST /v1/checkouts`, everything else by `POST /v1/events`; once a week everybody is decided of for one message. What
an action brings is known (`benchmarks.persuaded`), so that it can be set beside what `GET /v1/effects` tells. After
half of the time a policy is learned by `perennial train policy` and promoted.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple, Self

import httpx
import time_machine
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from app.checkout.importing import run_import
from app.commands.main import app as commands
from app.database.engine import create_engine, transaction
from app.decisions.catalogue_queries import fill_action_catalogue
from app.foundation.settings import Settings
from app.http.auth import SCOPES, create_key
from app.ingest.rules import Rules
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.events import ORDER_COMPLETED
from app.runtime.main import create_app
from benchmarks.databases import as_text, create_tables, fresh_database, postgres
from benchmarks.persuaded import LIFTS, WINDOW_DAYS, Persuaded, Shown, orders_of
from ml.demo.preparing import SEED, fill_items
from ml.demo.simulate import simulate
from ml.training.commands import train_from_database

DAYS_BEFORE: Final = 730
MESSAGES: Final = "wechat"
EVENTS_AT_ONCE: Final = 500
ENVIRONMENT: Final = {
    "PERENNIAL_IDENTITY_KEY": "demo-days",
    "PERENNIAL_CONTROL_SHARE": "0.2",
    "PERENNIAL_USUAL_SHARE": "0.2",
    "PERENNIAL_EXPLORATION": "0.3",
    "PERENNIAL_ATTRIBUTION_DAYS": str(WINDOW_DAYS),
    "PERENNIAL_REWARD_WAIT_DAYS": str(WINDOW_DAYS),
    "PERENNIAL_PATIENCE_MS": "30000",
    "PERENNIAL_DEADLINE_ALLOWANCE_MS": "20000",
    "PERENNIAL_SWEEP_MINUTES": "0",
    "PERENNIAL_MONITORING_HOURS": "0",
    "PERENNIAL_LOG_LEVEL": "WARNING",
}
FEWEST_TOLD: Final = 30
"""Persons on either side, of effects that are shown."""
COSTS: Final = {action.action_id: action.cost for action in DEFAULT_ACTIONS}

Event = Mapping[str, Any]


class Asked(NamedTuple):
    """Who opens the app on a day, and of whom it is decided whether to send a message."""

    in_app: list[str]
    by_message: list[str]

    @classmethod
    def on(cls, day: int, customers: int) -> Self:
        """Each once a week, and once in two weeks."""
        due = [[number for number in range(1, customers + 1) if number % days == day % days] for days in (7, 14)]
        return cls(*([f"DEMO-{number:06d}" for number in numbers] for numbers in due))


class Days:
    """The shop as it is lived: events at their times, and what customers make of what they are shown."""

    def __init__(self, client: httpx.AsyncClient, clock: time_machine.Traveller, persuaded: Persuaded) -> None:
        self._client, self._clock, self._persuaded = client, clock, persuaded
        self._quiet: list[Event] = []

    async def live(self, day: datetime, events: Sequence[Event], asked: Asked) -> None:
        """One day: what happens anyway, what was brought, and at ten the apps that are opened and the messages."""
        message_at = day + timedelta(hours=10)
        moments = [(datetime.fromisoformat(event["time"]), event) for event in events]
        before = [each for each in moments if each[0] < message_at]
        await self._pass(before)
        await self._flush(message_at)
        for customer_id in asked.in_app:
            await self._open_app(customer_id, message_at)
        for customer_id in asked.by_message:
            await self._message(customer_id, message_at)
        await self._pass(moments[len(before) :])
        await self._flush(day + timedelta(days=1))

    async def _pass(self, moments: Sequence[tuple[datetime, Event]]) -> None:
        for at, event in moments:
            if event["type"] != ORDER_COMPLETED:
                self._quiet.append(event)
                continue
            await self._bring(at)
            await self._check_out(event, at)

    async def _bring(self, until: datetime) -> None:
        for event in self._persuaded.take_until(_us(until)):
            await self._check_out(event, datetime.fromisoformat(event["time"]))

    async def _flush(self, at: datetime) -> None:
        await self._bring(at)
        self._clock.move_to(at)
        for first in range(0, len(self._quiet), EVENTS_AT_ONCE):
            await self._post("/v1/events", self._quiet[first : first + EVENTS_AT_ONCE])
        self._quiet.clear()

    async def _check_out(self, event: Event, at: datetime) -> None:
        self._clock.move_to(at + timedelta(seconds=1))
        channel = event["data"]["channel"]
        answer = await self._post("/v1/checkouts", {"event": event, "channel": channel, "max_actions": 1})
        if outcomes := self._persuaded.answer(event["subject"], _us(at)):
            await self._post("/v1/outcomes", outcomes)
        self._show(event["subject"], answer["decision"], at)

    async def _open_app(self, customer_id: str, at: datetime) -> None:
        decision = await self._post("/v1/decisions", {"customer_id": customer_id, "channel": "app"})
        self._show(customer_id, decision, at)

    async def _message(self, customer_id: str, at: datetime) -> None:
        decision = await self._post("/v1/decisions", {"customer_id": customer_id, "channel": MESSAGES})
        if not decision["actions"]:
            return
        (action,) = decision["actions"]
        may = await self._post(f"/v1/decisions/{decision['decision_id']}/deliver", {})
        if not all(each["may_deliver"] for each in may["actions"]):
            return
        told = {"decision_id": decision["decision_id"], "action_id": action["action_id"], "outcome": "delivered"}
        await self._post("/v1/outcomes", told)
        self._show(customer_id, decision, at)

    def _show(self, customer_id: str, decision: Mapping[str, Any], at: datetime) -> None:
        for action in decision["actions"]:
            (stage,) = (each["value"] for each in action["reasons"] if each["code"] == "stage")
            until_us = _us(at + timedelta(days=WINDOW_DAYS))
            has_cost = COSTS[action["action_id"]] > 0
            shown = Shown(decision["decision_id"], action["action_id"], until_us, has_cost)
            self._persuaded.show(customer_id, stage, shown, _us(at))

    async def _post(self, path: str, body: Any) -> Any:
        answer = await self._client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def by_day(events: Sequence[Event], begin: datetime, days: int) -> list[list[Event]]:
    """Of each of the days from `begin` on, in time order."""
    found: list[list[Event]] = [[] for _ in range(days)]
    for event in events:
        found[(datetime.fromisoformat(event["time"]) - begin).days].append(event)
    return found


async def prepare(engine: AsyncEngine, settings: Settings, before: Sequence[Event]) -> str:
    """Catalogues, the shop's past, a model of it; a key."""
    async with transaction(engine) as connection:
        await fill_action_catalogue(connection, DEFAULT_ACTIONS, 1)
        _, key = await create_key(connection, "demo-days", SCOPES, 1)
    await fill_items(engine, settings)
    rules = Rules.read(settings)
    async for _ in run_import(engine, "demo-days", lambda _: iter(before), rules):
        pass
    print(await train_from_database(engine, settings, simulated=True), flush=True)
    return key


@asynccontextmanager
async def serving(settings: Settings, url: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The service in this process."""
    app = create_app(settings, url)
    transport = httpx.ASGITransport(app=app)
    head = {"Authorization": f"Bearer {key}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://demo", headers=head, timeout=60) as client,
    ):
        yield client


async def command(*words: str) -> tuple[int, str]:
    """The exit code of a command, and what it prints, on this process's clock."""
    result = await asyncio.to_thread(CliRunner().invoke, commands, list(words))
    return result.exit_code, result.output or str(result.exception)


async def must(*words: str) -> str:
    """What a command prints that may not fail."""
    code, printed = await command(*words)
    if code:
        raise SystemExit(f"perennial {' '.join(words)}: {printed}")
    return printed


async def learn() -> dict[str, Any]:
    """A policy of what was decided, in force; what it was expected to be worth, and who had to agree to what."""
    printed = await must("train", "policy", "--json")
    told: dict[str, Any] = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    if told["state"] != "champion":
        promote = ("models", "promote", told["version"], "--by", "analyst", "--reason", "half of the time is over")
        code, told["held_up"] = await command(*promote)
        if code:
            await must("models", "approve", told["version"], "--by", "merchant", "--reason", "seen and agreed to")
            await must(*promote)
    await asyncio.sleep(6)  # until the service has it
    return told


async def realised(client: httpx.AsyncClient, version: str) -> dict[str, Any] | None:
    """What the watch of policies says came of it."""
    await must("monitor")
    model = (await client.get(f"/v1/models/{version}")).raise_for_status().json()
    return next((report for report in model["reports"] if report["kind"] == "realised"), None)


async def read_brought(
    engine: AsyncEngine, persuaded: Persuaded, since: datetime, until: datetime, margin: float
) -> dict[str, dict[str, float]]:
    """Arm → how many decisions, and the margin of the orders that a decision brought, on average: what is true."""
    query = text(
        "SELECT decision_id, receipt #>> '{customer,arm}' AS arm FROM decisions"
        " WHERE decided_us >= :since_us AND decided_us < :until_us"
    )
    async with transaction(engine) as connection:
        rows = (await connection.execute(query, {"since_us": _us(since), "until_us": _us(until)})).all()
    sums: dict[str, list[float]] = {}
    for row in rows:
        sums.setdefault(row.arm, []).append(persuaded.brought.get(row.decision_id, 0.0) * margin)
    return {arm: {"decisions": len(found), "mean": fmean(found)} for arm, found in sorted(sums.items())}


def true_lift(effect: Mapping[str, Any]) -> float:
    """What an action brings at a stage, by `benchmarks.persuaded`."""
    return LIFTS.get(effect["action_id"], {}).get(effect["stage"], 0.0)


async def run(arguments: argparse.Namespace, url: str) -> dict[str, Any]:
    """All of it; what is to be told."""
    settings = Settings.from_environment()
    end = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=1)  # midnight there
    begin = end - timedelta(days=arguments.days)
    half = begin + timedelta(days=arguments.days // 2)
    world = list(simulate(SEED, arguments.customers, end, DAYS_BEFORE + arguments.days, settings.currency))
    before = [event for event in world if datetime.fromisoformat(event["time"]) < begin]
    days = by_day(world[len(before) :], begin, arguments.days + 1)
    engine = create_engine(url)
    with time_machine.travel(begin, tick=True) as clock:
        key = await prepare(engine, settings, before)
        persuaded = Persuaded(SEED, orders_of(before))
        async with serving(settings, url, key) as client:
            shop, policy = Days(client, clock, persuaded), {}
            for day in range(arguments.days):
                at = begin + timedelta(days=day)
                if at == half:
                    clock.move_to(at)
                    policy = await learn()
                await shop.live(at, days[day], Asked.on(day, arguments.customers))
                print(f"day {day + 1}: {len(persuaded.brought)} decisions have brought an order", flush=True)
            clock.move_to(end + timedelta(days=WINDOW_DAYS, minutes=1))
            found = {"policy": policy, "realised": await realised(client, policy["version"])}
            for name, since, until in (("before", begin, half), ("after", half, end)):
                period = {"from": since.isoformat(), "to": until.isoformat()}
                effects = (await client.get("/v1/effects", params=period)).raise_for_status().json()
                for effect in effects["actions"]:
                    effect["true"] = true_lift(effect)
                found[name] = effects
                found[f"brought {name}"] = await read_brought(engine, persuaded, since, until, settings.margin)
            found["receipts"] = (
                await client.get("/v1/decisions", params={"since": half.isoformat(), "limit": 200})
            ).json()
    await engine.dispose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo_days")
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write all that was found to this file")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="perennial-days-") as home,
        postgres(None) as server,
        fresh_database(server, "demo_days") as database,
    ):
        create_tables(database)
        url = as_text(database)
        os.environ.update(ENVIRONMENT, PERENNIAL_HOME=home, PERENNIAL_DATABASE_URL=url)
        found = asyncio.run(run(arguments, url))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    show(found)


def show(found: Mapping[str, Any]) -> None:
    """The policy and what came of it, the arms, and the actions of which enough is known."""
    policy = found["policy"]
    print(json.dumps({name: policy.get(name) for name in ("state", "held_up", "metrics")}, indent=1))
    print(json.dumps(found["realised"], indent=1))
    for name in ("before", "after"):
        print(f"\n{name} the policy. Truly brought a decision: {found[f'brought {name}']}")
        for arm in found[name]["arms"]:
            print(f"  {arm['arm']:18} {arm['persons']:5} persons, value {arm['value']:.2f}, {arm['value_uplift']}")
        for effect in found[name]["actions"]:
            if min(effect["treated"]["persons"], effect["control"]["persons"]) >= FEWEST_TOLD:
                print(f"  {_describe(effect)}")


def _describe(effect: Mapping[str, Any]) -> str:
    told = effect["uplift"]
    return (
        f"{effect['action_id']:26} {effect['stage']:10} {effect['channel']:7}"
        f" {effect['treated']['persons']:5} {effect['control']['persons']:5}"
        f" {told['estimate']:+.3f} ({told['low']:+.3f} … {told['high']:+.3f}), truly {effect['true']:+.3f}"
    )


if __name__ == "__main__":
    main()
