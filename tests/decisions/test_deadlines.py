"""A deadline is kept though the database is slow, and what is answered is what is kept."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.decisions.deadlines import Deadline, deadline_of
from app.foundation.metrics import FALLBACKS
from app.foundation.settings import Settings
from tests.decisions.acting import action_of, put_policy

DEADLINE_MS = 300
STALLED = """
CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER stalled AFTER INSERT ON decisions DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION stall();
"""


@pytest.fixture(scope="module")
async def timely(anyio_backend, serve):
    """A service whose answers may come two seconds late, and no later."""
    async with serve(deadline_allowance_ms=2000, patience_ms=20_000) as service:
        yield service


@pytest.fixture
def till(timely, sql):
    """Checks out, and tells status and answer."""

    async def check_out(event, **wanted):
        body = {"event": event, "channel": "store", "max_actions": 2, **wanted}
        response = await timely.client.post("/v1/checkouts", json=body)
        return response.status_code, response.json()

    return check_out


@asynccontextmanager
async def locked(sql, table, mode="EXCLUSIVE"):
    """For as long as the block lasts nobody can write to the table, or not even read it."""
    async with sql.engine.begin() as other:
        await other.exec_driver_sql(f"LOCK TABLE {table} IN {mode} MODE")
        yield


async def counts(sql):
    return await sql.row(
        "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM decisions) AS decisions,"
        " (SELECT count(*) FROM offers) AS offers"
    )


@pytest.mark.parametrize("table", ["decisions", "offers"])
async def test_a_sale_counts_in_time_though_its_receipt_cannot_be_written(till, sql, shop, table):
    event, unkept = shop.order(), FALLBACKS.values.get(("no_receipt",), 0)
    async with locked(sql, table):
        status, first = await till(event, deadline_ms=DEADLINE_MS)
        assert (status, first["event"], first["score"]["stage"]) == (200, {"status": "accepted"}, "new")
        decision = first["decision"]
        assert (decision["actions"], decision["degraded"], decision["degraded_because"]) == ([], True, "no_receipt")
        assert await sql.value("SELECT orders FROM customer_states") == 1
    assert FALLBACKS.values["no_receipt",] == unkept + 1
    assert await counts(sql) == {"events": 1, "decisions": 0, "offers": 0}
    status, repeat = await till(event, deadline_ms=20_000)
    assert (status, repeat["event"]) == (200, {"status": "duplicate"})
    assert repeat["decision"]["actions"]  # what was not kept was not decided: the repeat is the first
    assert await till(event) == (status, repeat)
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_stages_that_cannot_be_recorded_hold_no_till_back(till, sql, shop):
    async with locked(sql, "stages"):
        status, first = await till(shop.order(), deadline_ms=DEADLINE_MS)
    assert (status, first["event"], first["decision"]["actions"]) == (200, {"status": "accepted"}, [])
    assert await sql.value("SELECT count(*) FROM decisions") == 0


async def test_a_sale_that_is_not_counted_in_time_is_503_and_counts_once(till, sql, shop, wait_until):
    event = shop.order()
    async with locked(sql, "events"):
        status, problem = await till(event, deadline_ms=DEADLINE_MS)
        assert (status, problem["type"]) == (503, "urn:perennial:problem:not-ready")

    async def is_counted():
        return (await counts(sql))["events"]

    assert await wait_until(is_counted) == 1
    status, repeat = await till(event)
    assert (status, repeat["event"]) == (200, {"status": "duplicate"})
    assert repeat["decision"]["actions"]  # nobody had heard of another decision
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_who_can_wait_is_decided_for_and_holds_nobody_up(till, sql, shop):
    """Both go as one batch: they are a customer's, and come together."""
    async with locked(sql, "decisions"):
        hasty, patient = (
            asyncio.create_task(till(shop.order(), deadline_ms=deadline_ms)) for deadline_ms in (DEADLINE_MS, 15_000)
        )
        status, answer = await hasty
        assert (status, answer["decision"]["degraded_because"]) == (200, "no_receipt")
        assert not patient.done()
    status, answer = await patient
    assert (status, answer["event"], bool(answer["decision"]["actions"])) == (200, {"status": "accepted"}, True)
    assert await sql.value("SELECT orders FROM customer_states") == 2
    assert await sql.value("SELECT count(*) FROM decisions") == 1


async def test_a_decision_whose_receipt_cannot_be_written_is_none(timely, sql):
    body = {"customer_id": "C-1", "max_actions": 2, "deadline_ms": DEADLINE_MS}
    async with locked(sql, "decisions"):
        late = (await timely.client.post("/v1/decisions", json=body)).json()
    assert (late["actions"], late["degraded_because"], late["in_control_group"]) == ([], "no_receipt", False)
    in_time = (await timely.client.post("/v1/decisions", json={**body, "deadline_ms": 20_000})).json()
    assert in_time["actions"]
    assert await sql.rows("SELECT decision_id FROM decisions") == [{"decision_id": in_time["decision_id"]}]


@pytest.fixture
async def limited(timely):
    """An action that is given once over all customers, and a cap of one contact."""
    cap = {"scope": "all", "most": 1, "window_days": 7, "channels": ["store"]}
    await put_policy(timely.client, {"caps": [cap], "quiet_hours": []})
    await timely.client.put("/v1/actions/limited", json=action_of("limited", effect=1, total_cap=1))
    yield "limited"
    await timely.client.delete("/v1/actions/limited")
    await put_policy(timely.client, {})


@pytest.mark.parametrize("table", ["contact_turns", "action_counters", "contacts"])
async def test_of_what_is_not_settled_in_time_nothing_is_kept(timely, till, sql, shop, limited, table):
    """Nothing of what it would have given: a sale's receipt says that it was late, a decision has none."""
    body = {"customer_id": "C-1", "max_actions": 1, "deadline_ms": DEADLINE_MS}
    async with locked(sql, table):
        late = (await timely.client.post("/v1/decisions", json=body)).json()
        status, sold = await till(shop.order("C-2"), deadline_ms=DEADLINE_MS)
    assert (late["actions"], late["degraded_because"]) == ([], "no_receipt")
    assert (status, sold["event"]["status"], sold["decision"]["degraded_because"]) == (200, "accepted", "deadline")
    assert await counts(sql) == {"events": 1, "decisions": 1, "offers": 0}
    (kept,) = await sql.rows("SELECT receipt, decision_id FROM decisions")
    assert (kept["decision_id"], kept["receipt"]["is_late"]) == (sold["decision"]["decision_id"], True)
    assert kept["receipt"]["selection_probabilities"] == {}
    assert await sql.rows("SELECT * FROM contacts") == []
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'limited'") == 0
    in_time = (await timely.client.post("/v1/decisions", json={**body, "deadline_ms": 20_000})).json()
    assert [action["action_id"] for action in in_time["actions"]] == [limited]
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'limited'") == 1


async def test_a_decision_behind_one_that_can_wait_is_withdrawn(timely, sql):
    async with locked(sql, "decisions"):
        patient = asyncio.create_task(timely.client.post("/v1/decisions", json={"customer_id": "C-1"}))
        await sql.wait_for_lock()
        body = {"customer_id": "C-2", "deadline_ms": DEADLINE_MS}
        late = (await timely.client.post("/v1/decisions", json=body)).json()
        assert (late["actions"], late["degraded_because"]) == ([], "no_receipt")
    kept = (await patient).json()
    assert kept["actions"]
    assert await sql.rows("SELECT decision_id FROM decisions") == [{"decision_id": kept["decision_id"]}]


async def test_a_decision_about_someone_who_cannot_be_read_in_time(timely, sql, shop):
    await timely.client.post("/v1/events", json=shop.order())
    async with locked(sql, "customer_states", "ACCESS EXCLUSIVE"):
        body = {"customer_id": "C-1", "deadline_ms": DEADLINE_MS}
        late = (await timely.client.post("/v1/decisions", json=body)).json()
    assert (late["actions"], late["degraded_because"], late["in_control_group"]) == ([], "no_receipt", None)
    assert (await counts(sql))["decisions"] == 0


@pytest.fixture
async def slow_commits(sql):
    """`async with slow_commits():` a transaction with a receipt cannot commit within it."""
    async with sql.engine.begin() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        await raw.execute(STALLED)

    @asynccontextmanager
    async def held():
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("SELECT pg_advisory_xact_lock(4711)")
            yield

    yield held
    await sql.rows("DROP TRIGGER stalled ON decisions")
    await sql.rows("DROP FUNCTION stall")


async def test_a_commit_that_does_not_return_is_503_and_the_repeat_is_told_what_was_kept(
    till, sql, shop, slow_commits, wait_until
):
    event = shop.order()
    async with slow_commits():
        assert (await till(event, deadline_ms=DEADLINE_MS))[0] == 503

    async def kept():
        return await sql.rows("SELECT answer FROM decisions")

    ((answer),) = await wait_until(kept)
    status, repeat = await till(event)
    assert (status, repeat) == (200, {"event": {"status": "duplicate"}, **answer["answer"]})
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_a_decision_whose_commit_does_not_return_is_503(timely, sql, slow_commits):
    async with slow_commits():
        body = {"customer_id": "C-1", "deadline_ms": DEADLINE_MS}
        assert (await timely.client.post("/v1/decisions", json=body)).status_code == 503


def test_what_is_done_as_time_passes():
    deadline = Deadline(10.0, 10.05, 10.1)
    assert [deadline.lateness(now_s) for now_s in (9.9, 10.0, 10.05)] == [None, "deadline", "no_receipt"]
    assert [deadline.limit_s(now_s) for now_s in (9.9, 10.0, 10.05)] == [10.0, 10.05, None]


@pytest.mark.parametrize(
    ("deadline_ms", "read_after_s", "left_ms"),
    [
        (200, 0.0, (200, 250, 300)),
        (None, 0.0, (300, 350, 400)),
        (60_000, 0.0, (300, 350, 400)),
        (200, 1.0, (-800, 50, 100)),  # the body came late; its sale is to be counted all the same
    ],
)
def test_a_deadline_is_within_the_patience(deadline_ms, read_after_s, left_ms, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    found = deadline_of(deadline_ms, 1000.0 - read_after_s, Settings(patience_ms=400, deadline_allowance_ms=100))
    assert [round(1000 * (at_s - 1000.0)) for at_s in found] == list(left_ms)
