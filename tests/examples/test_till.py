"""The till's client against the real service, through a wire that hangs, refuses, cuts and loses answers."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import orjson
import pytest

from benchmarks.processes import PERENNIAL, free_port, server_environment
from examples import till as till_module
from examples.outbox import Outbox
from examples.till import Outcome, Till, make_order

SOURCE = "/pos/store-1/till-1"
NO_HANG_S = 5.0  # far above any deadline here, far below any wait of the faults
ROOT = Path(__file__).resolve().parents[2]
DEGRADED = {
    "event": {"status": "accepted"},
    "score": None,
    "decision": {"decision_id": "d", "customer_id": "C-1", "in_control_group": False, "degraded": True, "actions": []},
}


def page(status, body=b"<html>Log in</html>", media_type="text/html", **fields):
    """An answer as it goes over the wire."""
    named = {"content-type": media_type, "content-length": len(body), "connection": "close", **fields}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def problem(status, **fields):
    return page(status, orjson.dumps({"status": status, "detail": "no"}), "application/problem+json", **fields)


class Wire:
    """A listening socket before the service. `fault(body)` gives what happens to a request: None, nothing."""

    def __init__(self, service):
        self._inner = service.connect()
        self.requests = []
        self._over = asyncio.Event()
        self._serving = set()
        self.fault = lambda body: None

    @asynccontextmanager
    async def listening(self):
        async with self._inner, await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self
            self._over.set()
            await asyncio.gather(*self._serving)

    async def _serve(self, reader, writer):
        self._serving.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(fields["content-length"]))
            self.requests.append(orjson.loads(body))
            token = next(line for line in head if line.lower().startswith("authorization")).partition(": ")[2]
            await self._answer(writer, body, token)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the till went away
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer, body, token):
        fault = self.fault(orjson.loads(body))
        if isinstance(fault, bytes):
            writer.write(fault)
        elif fault == "hang":
            await self._over.wait()
        elif fault == "trickle":
            while not self._over.is_set():
                writer.write(b"H")
                await asyncio.sleep(0.05)
        elif fault != "cut":
            headers = {"Authorization": token, "Content-Type": "application/json"}
            answer = await self._inner.post("/v1/checkouts", content=body, headers=headers)
            if fault != "lose the answer":
                after = {"retry-after": answer.headers["retry-after"]} if "retry-after" in answer.headers else {}
                writer.write(page(answer.status_code, answer.content, answer.headers["content-type"], **after))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """Here and in processes started from here."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def wire(service):
    async with Wire(service).listening() as wire:
        yield wire


@pytest.fixture
def make_till(service, tmp_path, monkeypatch):
    """Tills on one outbox, one after the other, that try again soon."""
    monkeypatch.setattr(till_module, "RETRY_LEAST_S", 0.005)
    made: list[Till] = []

    def make(url, key=service.key, **options):
        while made:
            made.pop().close()
        made.append(Till(url, key, tmp_path / "till.sqlite", **{"deadline_s": 1.0, "margin_s": 1.0, **options}))
        return made[-1]

    yield make
    while made:
        made.pop().close()


def sale(number=1, customer_id="C-1"):
    return make_order(SOURCE, f"R-{number}", Decimal("12.80"), customer_id)


async def sell(till, event=None, **wish):
    return await asyncio.to_thread(till.check_out, event or sale(), **wish)


@pytest.fixture
def emptied(wait_until):
    async def until(till, left=0):
        async def look():
            return till.outbox.count_waiting() == left

        await wait_until(look)

    return until


async def orders_of(sql, customer_id="C-1"):
    rows = await sql.rows("SELECT orders FROM customer_states WHERE customer_id = :id", id=customer_id)
    return rows[0]["orders"] if rows else 0


async def test_a_sale_is_counted_and_answered_with_what_to_show(wire, make_till, sql):
    till = make_till(wire.url)
    outcome = await sell(till, max_actions=2)
    assert (outcome.status, outcome.in_control_group) == ("accepted", False)
    assert outcome.titles(datetime.now(UTC)) == ["Join the membership"]
    assert outcome.titles(datetime.now(UTC) + timedelta(days=400)) == []
    assert (await orders_of(sql), till.outbox.count_waiting()) == (1, 0)
    assert wire.requests[0]["deadline_ms"] == 1000


FAULTS = {
    "hangs": "hang",
    "trickles": "trickle",
    "cuts": "cut",
    "loses the answer": "lose the answer",
    "has no database": problem(503, retry_after=0),
    "is overloaded": problem(429),
    "has a defect": problem(500),
    "is behind a broken proxy": page(502),
    "is behind a login page": page(200),
    "is behind a page that says no": page(403),
    "answers something else": page(200, b'{"event": 1}', "application/json"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_sale_does_not_wait_and_counts_once(wire, make_till, sql, emptied, fault):
    till = make_till(wire.url, deadline_s=0.1, margin_s=0.2)
    wire.fault = lambda body: fault
    started_s = time.monotonic()
    outcome = await sell(till)
    assert time.monotonic() - started_s < NO_HANG_S
    assert outcome == Outcome("queued")
    assert (till.outbox.count_waiting(), till.outbox.refusals()) == (1, [])
    wire.fault = lambda body: None
    await emptied(make_till(wire.url))
    assert await orders_of(sql) == 1
    assert len({request["event"]["time"] for request in wire.requests}) == 1


async def test_sales_without_a_service_go_when_there_is_one(wire, make_till, sql, emptied):
    till = make_till(f"http://127.0.0.1:{free_port()}")
    for number in range(5):
        assert (await sell(till, sale(number))).status == "queued"
    await emptied(make_till(wire.url))
    assert await orders_of(sql) == 5
    assert sorted(request["event"]["data"]["order_id"] for request in wire.requests) == [f"R-{n}" for n in range(5)]


async def test_what_goes_later_asks_for_no_action(wire, make_till, sql, emptied):
    """Nobody would see it, and it would not be offered for a month."""
    wire.fault = lambda body: "cut" if body["max_actions"] else None
    till = make_till(wire.url)
    assert (await sell(till)).status == "queued"
    await emptied(till)
    assert await sql.rows("SELECT * FROM offers") == []


async def test_many_sales_over_a_bad_wire_count_once_each(wire, make_till, sql, emptied):
    till = make_till(wire.url)
    what = iter(["lose the answer", None, "cut", problem(503), None] * 1000)
    wire.fault = lambda body: next(what)
    outcomes = await asyncio.gather(*(sell(till, sale(number, f"C-{number % 3}")) for number in range(30)))
    assert {outcome.status for outcome in outcomes} == {"accepted", "queued"}
    await emptied(till)
    assert [await orders_of(sql, f"C-{n}") for n in range(3)] == [10, 10, 10]
    assert len(wire.requests) > 30


async def test_the_same_sale_again_is_a_duplicate(wire, make_till, sql):
    till, event = make_till(wire.url), sale()
    first, second = await sell(till, event), await sell(till, event)
    assert (first.status, second.status) == ("accepted", "duplicate")
    assert second.actions == first.actions
    assert await orders_of(sql) == 1


async def test_a_refused_sale_is_kept_and_holds_up_no_other(wire, make_till, sql):
    till = make_till(wire.url)
    wrong_clock = {**sale(1), "time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert (await sell(till, wrong_clock)).status == "refused"
    assert (await sell(till, sale(2))).status == "accepted"
    (refusal,) = till.outbox.refusals()
    assert refusal.startswith("422 ")
    assert till.outbox.count_waiting() == 0


async def test_refused_sales_go_once_the_key_is_mended(wire, make_till, sql, emptied):
    assert (await sell(make_till(wire.url, "perennial_wrong"))).status == "refused"
    till = make_till(wire.url)
    till.requeue()
    await emptied(till)
    assert (await orders_of(sql), till.outbox.refusals()) == (1, [])


async def test_a_sale_that_always_fails_holds_up_no_other(wire, make_till, sql, emptied):
    wire.fault = lambda body: "cut"
    till = make_till(wire.url)
    for number in range(4):
        assert (await sell(till, sale(number))).status == "queued"
    wire.fault = lambda body: problem(500) if body["event"]["data"]["order_id"] == "R-0" else None
    await emptied(till, left=1)
    assert await orders_of(sql) == 3


async def test_a_degraded_answer_is_an_answer(wire, make_till):
    wire.fault = lambda body: page(200, orjson.dumps(DEGRADED), "application/json")
    till = make_till(wire.url)
    assert await sell(till) == Outcome("accepted", (), degraded=True)
    assert till.outbox.count_waiting() == 0


async def test_pauses_double_up_to_a_minute(wire, make_till, monkeypatch, wait_until):
    wire.fault = lambda body: "cut"
    most_s = []

    def draw_none(low, high):
        most_s.append(high)
        return 0.0

    monkeypatch.setattr("examples.till.random.uniform", draw_none)
    till = make_till(wire.url)
    monkeypatch.setattr(till_module, "RETRY_LEAST_S", 0.5)
    await sell(till)

    async def look():
        return len(most_s) >= 9

    await wait_until(look)
    assert most_s[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_the_service_says_when_to_come_again(wire, make_till, monkeypatch):
    wire.fault = lambda body: problem(503, retry_after=30)
    monkeypatch.setattr("examples.till.random.uniform", lambda low, high: 0.0)
    await sell(make_till(wire.url))
    await asyncio.sleep(0.3)  # without the header dozens would have come
    assert len(wire.requests) == 1


async def test_an_outbox_that_cannot_be_written_stops_no_sale(wire, make_till, sql):
    till = make_till(wire.url)
    till.outbox.close()
    assert (await sell(till, sale(1))).status == "accepted"
    wire.fault = lambda body: "cut"
    assert (await sell(till, sale(2))).status == "unsaved"
    assert await orders_of(sql) == 1


async def test_a_closed_till_keeps_the_sale(wire, make_till, tmp_path):
    till = make_till(wire.url)
    till.close()
    till.outbox = Outbox(tmp_path / "till.sqlite")
    assert (await sell(till)).status == "queued"
    assert till.outbox.count_waiting() == 1


async def test_what_is_no_json_is_refused_at_the_till(wire, make_till):
    event = make_order(SOURCE, "R-1", Decimal("NaN"), "C-1")
    assert (await sell(make_till(wire.url), event)).status == "refused"
    assert wire.requests == []


async def test_a_sale_to_nobody_is_counted_and_answered(wire, make_till, sql):
    event = sale(customer_id=None)
    assert "subject" not in event
    assert (await sell(make_till(wire.url), event)).status == "accepted"
    assert await sql.value("SELECT count(*) FROM events") == 1


async def test_a_sale_may_name_a_card(wire, make_till, sql):
    card = [{"kind": "card", "value": "6200 0001"}]
    event = make_order(SOURCE, "R-1", Decimal("12.80"), identifiers=card)
    assert (await sell(make_till(wire.url), event)).status == "accepted"
    assert await sql.value("SELECT count(*) FROM events WHERE CAST(data AS text) LIKE '%6200%'") == 0


async def test_the_outbox_survives_its_process(wire, make_till, sql, tmp_path, emptied, wait_until):
    wire.fault = lambda body: "hang"
    command = ["-m", "examples.till", "--url", wire.url, "--key", "perennial_x", "--outbox", tmp_path / "till.sqlite"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--customer", "C-1", "--total", "12.80", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )

    async def look():
        return wire.requests

    await wait_until(look)
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    wire.fault = lambda body: None
    await emptied(make_till(wire.url))
    assert await orders_of(sql) == 1


async def test_the_script_tells_what_became_of_the_sale(wire, service, sql, tmp_path):
    command = ["-m", "examples.till", "--url", wire.url, "--key", service.key, "--outbox", tmp_path / "till.sqlite"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--customer", "C-1", "--total", "12.80", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    lines = said.decode().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("accepted", "0 wait, 0 refused", 3)
    assert await orders_of(sql) == 1


@asynccontextmanager
async def serving(url, **settings):
    """`perennial serve` in a process of its own, once it is ready; ended by force."""
    settings = {f"PERENNIAL_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(PERENNIAL, "serve", env=server_environment(settings))
    try:
        async with httpx.AsyncClient(base_url=url) as client:
            while not await is_ready(client):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def is_ready(client):
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_service_killed_with_the_sale_in_its_hands(sql, make_till, database_url, tmp_path, emptied):
    """The event is in a transaction that waits for a lock when the process is killed; started again, it counts once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"port": port, "database_url": database_url, "home": tmp_path / "home", "log_level": "WARNING"}
    till = make_till(url, deadline_s=NO_HANG_S)
    async with serving(url, **settings) as process, sql.engine.begin() as connection:
        await connection.exec_driver_sql("LOCK TABLE customer_states")
        selling = asyncio.create_task(sell(till))
        await sql.wait_for_lock()
        process.kill()
        assert (await selling).status == "queued"
    assert await orders_of(sql) == 0
    async with serving(url, **settings):
        await emptied(till)
    assert await orders_of(sql) == 1
