"""How often the hot paths go to the database: once more is once too often."""

import asyncio
import re

import pytest
from sqlalchemy import event as sqlalchemy_event

import app.checkout.queries
import app.customers.queries
import app.decisions.queries
import app.ingest.queries
import app.stages.queries
from app.database.engine import Statement
from app.ingest.intake import Intake

MODULES = (
    app.customers.queries,
    app.decisions.queries,
    app.checkout.queries,
    app.ingest.queries,
    app.stages.queries,
)
NAMES = {
    statement.text: name
    for module in (
        app.customers.queries,
        app.decisions.queries,
        app.checkout.queries,
        app.ingest.queries,
        app.stages.queries,
    )
    for name, statement in vars(module).items()
    if isinstance(statement, Statement)
}

LOOKS_FOR_TOMBSTONES = re.compile(
    r"BEGIN; SELECT pg_advisory\w+\(\d+\); SELECT FROM erased_ids WHERE id_hash IN \([^()]+\)"
)
"""In the round trip that begins a transaction."""


def name_of(query):
    return "BEGIN" if LOOKS_FOR_TOMBSTONES.fullmatch(query) else NAMES.get(query, query.rstrip(";"))


async def warm_up(service, shop):
    """The driver asks for the types of a statement when it sees it first."""
    client, intake = service.client, service.resources.of(Intake)
    names = [f"warm-up-{number}" for number in range(50)]
    of_lanes = [next(name for name in names if intake.till(name) is till) for till in intake.tills]
    for event in [shop.order(name) for name in of_lanes] * 2:
        await client.post("/v1/checkouts", json={"event": event})
    await client.post("/v1/decisions", json={"customer_id": of_lanes[0]})
    await client.post("/v1/events", json=[shop.order("warm-up-bulk"), shop.order(of_lanes[0], total=None)])


@pytest.fixture
async def statements(serve, sql, shop):
    """A service of its own that keeps to itself, and the statements that it sends, by name."""
    async with serve() as service:
        seen = []

        def note(record):
            seen.append(name_of(record.query))

        resources = service.resources
        for task in resources._background:
            task.cancel()
        connections = [await driver.connection() for driver in resources._drivers]
        for connection in connections:
            connection.add_query_logger(note)
        sync_engine = resources.engine.sync_engine
        sqlalchemy_event.listen(sync_engine, "before_cursor_execute", lambda *_: seen.append("by SQLAlchemy"))
        await warm_up(service, shop)
        seen.clear()
        service.seen = seen
        yield service
        for connection in connections:
            connection.remove_query_logger(note)


async def test_a_checkout(statements, shop):
    event = shop.order(total=80)
    await statements.client.post("/v1/checkouts", json={"event": event})
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "WRITE_DECISIONS", "RECORD_STAGES", "COMMIT"]
    statements.seen.clear()
    await statements.client.post("/v1/checkouts", json={"event": shop.order(total=80)})
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "WRITE_DECISIONS", "COMMIT"]  # the stage is the same
    statements.seen.clear()
    await statements.client.post("/v1/checkouts", json={"event": event})
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "KNOWN_EVENTS", "READ_ANSWERS", "COMMIT"]


async def test_an_event_and_a_batch(statements, shop):
    await statements.client.post("/v1/events", json=shop.order())
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "RECORD_STAGES", "COMMIT"]
    statements.seen.clear()
    await statements.client.post("/v1/events", json=[shop.order(f"C-{n}") for n in range(1000)])
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "RECORD_STAGES", "COMMIT"] * 4  # slices, which give way
    statements.seen.clear()
    await statements.client.post("/v1/events", json=[shop.order(total=None), shop.order("C-2")])
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "KEEP_REJECTED", "COMMIT"]


async def test_a_score(statements, shop):
    await statements.client.post("/v1/events", json=shop.order())
    statements.seen.clear()
    await statements.client.get("/v1/customers/C-1/score")
    assert statements.seen == ["READ_STATES"]


async def test_a_decision(statements, shop):
    await statements.client.post("/v1/events", json=shop.order())
    statements.seen.clear()
    await statements.client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store"})
    assert statements.seen == ["READ_STATES", "BEGIN", "WRITE_DECISIONS", "COMMIT"]


async def test_scores_of_a_batch(statements, shop):
    await statements.client.post("/v1/events", json=[shop.order(f"C-{n}") for n in range(100)])
    statements.seen.clear()
    body = {"customer_ids": [f"C-{n}" for n in range(100)]}
    await statements.client.post("/v1/scores:batch", json=body)
    assert statements.seen == ["by SQLAlchemy"]
    statements.seen.clear()
    await statements.client.post("/v1/scores:batch", json={**body, "as_of": shop.ago(seconds=0)})
    slices, odd = divmod(len(statements.seen), 2)  # of each: of whom something has left, and the states
    assert (set(statements.seen), odd) == ({"by SQLAlchemy"}, 0)
    assert 2 <= slices <= 20, "as many as the pace of the machine makes of a hundred"


async def test_what_collects_while_a_statement_is_under_way_goes_as_one(statements, sql, shop):
    def check_out(number):
        body = {"event": shop.order(f"C-{number}")}
        return asyncio.create_task(statements.client.post("/v1/checkouts", json=body))

    intake = statements.resources.of(Intake)
    numbers = [number for number in range(200) if intake.till(f"C-{number}") is intake.tills[0]]
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        requests = [check_out(numbers[0])]
        await sql.wait_for_lock()
        requests += [check_out(number) for number in numbers[1:]]
        async with asyncio.timeout(20):
            while len(intake.tills[0]._waiting) < len(numbers) - 1:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
    responses = await asyncio.gather(*requests)
    assert {response.status_code for response in responses} == {200}
    assert statements.seen == ["BEGIN", "COUNT_EVENTS", "WRITE_DECISIONS", "RECORD_STAGES", "COMMIT"] * 2


async def test_the_lanes_do_not_wait_for_each_other(statements, sql, shop):
    names = [f"C-{number}" for number in range(50)]
    await statements.client.post("/v1/events", json=[shop.order(name) for name in names])
    held = names[0]
    other_lane = next(
        name
        for name in names
        if statements.resources.of(Intake).till(name) is not statements.resources.of(Intake).till(held)
    )
    async with sql.engine.begin() as other:
        await other.exec_driver_sql(f"SELECT FROM customer_states WHERE customer_id = '{held}' FOR UPDATE")
        waiting = asyncio.create_task(statements.client.post("/v1/events", json=shop.order(held)))
        await sql.wait_for_lock()
        response = await statements.client.post("/v1/events", json=shop.order(other_lane))
        assert response.status_code == 200
    assert (await waiting).status_code == 200


async def test_the_first_checkout_of_a_process_has_its_statements_planned_already(serve, sql, shop):
    async with serve() as service:
        seen = []
        for driver in service.resources._drivers:
            (await driver.connection()).add_query_logger(lambda record: seen.append(record.query))
        await service.client.post("/v1/checkouts", json={"event": shop.order()})
        known = [name_of(query) for query in seen]
    assert known == ["BEGIN", "COUNT_EVENTS", "WRITE_DECISIONS", "RECORD_STAGES", "COMMIT"]
