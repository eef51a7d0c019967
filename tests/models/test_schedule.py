"""Scheduled retraining: when it is due, what becomes of a verdict, and the process of its own."""

import asyncio

import pytest

from app.lifecycle.events import DAY_US
from app.models import retraining
from app.models.retraining import find_due, is_due, keep_retrained, run_retraining
from ml.training.settling import Verdict, settle

NOT_WORSE = Verdict(True, "Not worse than the champion of 500 customers: Brier .15000.")
WORSE = Verdict(False, "Worse than the champion of 500 customers: Brier .25000.")


@pytest.fixture
async def pair(registry, make_artefact):
    """Versions of champion and challenger."""
    champion, challenger = make_artefact(), make_artefact()
    await registry.register(champion)
    await registry.register(challenger)
    return champion.name, challenger.name


async def last_change(sql):
    return await sql.row("SELECT version, act, made_by, reason FROM model_changes ORDER BY change_id DESC LIMIT 1")


async def test_when_it_is_due(registry, make_artefact, sql):
    assert await registry.ask(is_due, 30, 0)
    await registry.register(make_artefact(simulated=True))
    assert await registry.ask(is_due, 30, 0)  # the demo shop's do not count
    await registry.register(make_artefact())
    registered_us = await sql.value("SELECT max(registered_us) FROM models")
    assert not await registry.ask(is_due, 30, registered_us + 30 * DAY_US - 1)
    assert await registry.ask(is_due, 30, registered_us + 30 * DAY_US)


async def test_policies_are_due_where_one_was_ever_made_of_real_decisions(registry, make_policy_artefact):
    """Also where it stayed a challenger: later there is more to judge by."""
    await registry.register(make_policy_artefact(simulated=True))
    assert await registry.ask(find_due, 30, 10**15) == ["score"]
    await registry.register(make_policy_artefact(metrics={}))
    assert await registry.ask(find_due, 30, 10**15) == ["score", "policy"]
    assert await registry.ask(find_due, 30, 2_000_000) == ["score"]


@pytest.mark.parametrize(
    ("verdict", "act", "states", "sentence"),
    [
        (NOT_WORSE, "promoted", ("retired", "champion"), "{challenger} is in force in the place of {champion}."),
        (
            WORSE,
            "kept",
            ("champion", "challenger"),
            "{challenger} stays a challenger; 'perennial models promote {challenger}' puts it in force all the same.",
        ),
    ],
)
async def test_a_verdict_is_carried_out_and_its_numbers_are_kept(
    verdict, act, states, sentence, registry, pair, engine, sql
):
    champion, challenger = pair
    told = await settle(engine, champion, challenger, verdict)
    assert told == f"{verdict.sentence} {sentence.format(champion=champion, challenger=challenger)}"
    assert await registry.states() == dict(zip(pair, states, strict=True))
    said = {"version": challenger, "act": act, "made_by": "retraining", "reason": verdict.sentence}
    assert await last_change(sql) == said


async def test_what_was_changed_meanwhile_is_left_as_it_is(registry, pair, engine, make_artefact):
    champion, challenger = pair
    newer = make_artefact()
    await registry.register(newer)
    told = await settle(engine, champion, challenger, NOT_WORSE)
    assert told.endswith("it is left as it is.")
    assert await registry.states() == {champion: "champion", challenger: "retired", newer.name: "challenger"}


async def test_the_process_of_its_own_says_why_it_cannot(sql, database_url, capfd, monkeypatch, tmp_path):
    """There are no events: it ends with the code of a refusal, and the service goes on."""
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    said = []
    monkeypatch.setattr("app.models.retraining.log.warning", lambda event, **told: said.append((event, told)))
    assert await run_retraining(database_url, 30) == 2
    ((event, told),) = said
    assert (event, told["code"]) == ("retraining.ended", 2)
    assert "There are no real events to learn from." in told["said"]


async def test_the_process_ends_with_the_service(sql, database_url, monkeypatch, wait_until, tmp_path):
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    started = []
    start = asyncio.create_subprocess_exec

    async def note(*arguments, **options):
        started.append(await start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    task = asyncio.create_task(run_retraining(database_url, 30))

    async def has_started():
        return started

    await wait_until(has_started)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert started[0].returncode is not None


async def test_a_service_looks_and_starts_it_only_when_it_is_due(pair, engine, sql, monkeypatch, wait_until):
    asked = []

    async def run(url, every_days, kind):
        asked.append((every_days, kind))
        return 0

    looked = []
    look = retraining.is_due

    async def is_due_now(connection, every_days, _, kind):
        looked.append(every_days)
        return await look(connection, every_days, 31 * DAY_US if len(looked) > 2 else 1, kind)

    monkeypatch.setattr(retraining, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(retraining, "run_retraining", run)
    monkeypatch.setattr(retraining, "is_due", is_due_now)
    keeping = asyncio.create_task(keep_retrained(engine, 30))

    async def has_asked():
        return asked

    await wait_until(has_asked)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert len(looked) > 2
    assert asked[0] == (30, "score")


async def test_recommendations_are_due_where_the_shop_has_them(registry, make_artefact, make_item_artefact, sql):
    """Each kind by its own age; the demo shop's models do not count, but say that recommendations are wanted."""
    await registry.register(make_artefact())
    registered_us = await sql.value("SELECT max(registered_us) FROM models")
    assert await registry.ask(find_due, 30, registered_us) == []
    await registry.register(make_item_artefact(simulated=True))
    assert await registry.ask(find_due, 30, registered_us) == ["recommend"]
    await registry.register(make_item_artefact())
    assert await registry.ask(find_due, 30, registered_us) == []
    assert await registry.ask(find_due, 30, registered_us + 31 * DAY_US) == ["score", "recommend"]


async def test_a_kind_that_failed_waits_and_the_other_goes_on(monkeypatch, engine, wait_until):
    asked = []

    async def run(url, every_days, kind):
        asked.append(kind)
        return 2 if kind == "score" else 0

    async def both(*_):
        return ["score", "recommend"]

    monkeypatch.setattr(retraining, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(retraining, "run_retraining", run)
    monkeypatch.setattr(retraining, "find_due", both)
    keeping = asyncio.create_task(keep_retrained(engine, 30))

    async def has_gone_on():
        return asked.count("recommend") > 2

    await wait_until(has_gone_on)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert asked.count("score") == 1
