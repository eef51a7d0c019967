"""Clients that send without end, slowly, nothing, or too many at once; on a socket, with limits that make tests quick.

The server runs on its own loop, uvloop, in a thread, as it does in a process of its own.
"""

import asyncio
import contextlib
import itertools
import socket
import threading

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from app.foundation import metrics
from app.foundation.settings import Settings
from app.runtime import descriptors
from app.runtime.connections import Connections, Limits, Stage
from app.runtime.server import Server

QUICK = {"ticks_per_sweep": 1, "ending_s": 0.05}
PIECE = b"a" * 65_536
LARGE = b"x" * 1024 * 1024 * 16


def make_app():
    app = FastAPI()

    @app.get("/livez")
    async def livez():
        return {}

    @app.post("/length")
    async def length(request: Request):
        return len(await request.body())

    @app.post("/deaf")
    async def deaf():
        """Answers before it has read anything."""
        return {}

    @app.get("/large")
    async def large():
        return PlainTextResponse(LARGE)

    @app.get("/wait")
    async def wait():
        while not app.state.go_on.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)

    app.state.go_on = threading.Event()
    return app


class Running:
    """A server on a free port of loopback, and connections to it."""

    def __init__(self, server):
        self.server = server
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self.writers = []

    @property
    def connections(self):
        return self.server.connections

    async def connect(self, address="127.0.0.1", **options):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0), **options)
        self.writers.append(writer)
        return reader, writer

    async def ask(self, sent, address="127.0.0.1"):
        """The status that is answered to these bytes; None: it is closed without an answer."""
        reader, writer = await self.connect(address)
        writer.write(sent)
        return await status_of(reader)

    async def go_on_until_cut(self, pieces):
        """What is answered to so many pieces that do not end, until the connection is cut."""
        reader, writer = await self.connect()
        answered = asyncio.create_task(reader.read(12))
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
                if answered.done() or reader.at_eof() or writer.is_closing():
                    break
        with contextlib.suppress(ConnectionError):
            return int((await answered)[9:12])


async def status_of(reader):
    try:
        line = await reader.readline()
    except ConnectionError:
        return None
    return int(line.split()[1]) if line else None


def cut(reason):
    return metrics.CONNECTIONS_CUT.values.get((reason,), 0)


@pytest.fixture
async def run():
    async with contextlib.AsyncExitStack() as running:

        @contextlib.asynccontextmanager
        async def start(app, bound, per_address, limits):
            app.state.connections = Connections(bound, per_address, Limits(**{**QUICK, **limits}))
            ready = threading.Event()
            server = Server(app, Settings(port=0), ready.set)
            thread = threading.Thread(target=server.run)
            thread.start()
            found = None
            try:
                assert await asyncio.to_thread(ready.wait, 30)
                found = Running(server)
                yield found
            finally:
                app.state.go_on.set()
                for writer in () if found is None else found.writers:
                    writer.transport.abort()
                server.should_exit = True
                await asyncio.to_thread(thread.join, 30)

        async def run(bound=100, per_address=None, **limits):
            return await running.enter_async_context(start(make_app(), bound, per_address, limits))

        yield run


def get(path, *headers):
    return b"".join([b"GET %b HTTP/1.1\r\nHost: a\r\n" % path, *headers, b"\r\n"])


def post(path, body, *headers, length=None):
    length = len(body) if length is None else length
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (path, length, b"".join(headers), body)


HEAD = b"GET /livez HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("begin", "pieces", "status"),
    [
        (b"GET /", itertools.repeat(PIECE), 414),
        (b"", itertools.repeat(b"\r\n" * 8192), 431),
        (HEAD + b"X-Long: ", itertools.repeat(PIECE), 431),
        (HEAD, (b"X-%d: a\r\n" % number for number in itertools.count()), 431),
        (HEAD + b"A" * 100, itertools.repeat(PIECE), 431),
    ],
    ids=["url", "line ends", "header", "headers", "name"],
)
async def test_a_head_without_end_is_cut_while_it_comes(run, begin, pieces, status):
    running = await run()
    assert await running.go_on_until_cut(itertools.chain([begin], pieces)) in (status, None)
    assert cut({414: "url_too_long", 431: "headers_too_large"}[status])
    assert await running.ask(get(b"/livez")) == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get(b"/livez?" + b"a" * 8000), 200),
        (get(b"/livez?" + b"a" * 8192), 414),
        (get(b"/livez", b"X: %b\r\n" % (b"a" * 32_000)), 200),
        (get(b"/livez", b"X: %b\r\n" % (b"a" * 33_000)), 431),
        (get(b"/livez", *[b"X: %b\r\n" % (b"a" * 1000)] * 34), 431),
        (get(b"/livez", *[b"X: a\r\n"] * 99), 200),
        (get(b"/livez", *[b"X: a\r\n"] * 100), 431),
        (b"NO HTTP\r\n\r\n", 400),
    ],
)
async def test_how_large_a_head_may_be(run, request_, status):
    running = await run()
    reader, writer = await running.connect()
    writer.write(request_)
    assert await status_of(reader) == status
    if status != 200:
        answer = await reader.read()  # to its end: the connection is closed
        assert b"connection: close" in answer
        assert b"urn:perennial:problem:" in answer


async def test_a_body_and_requests_behind_it_are_no_part_of_a_head(run):
    running = await run()
    reader, writer = await running.connect()
    body = b"b" * 100_000
    requests = post(b"/length", body) * 3 + HEAD
    writer.write(requests)
    await writer.drain()
    answers = await reader.readuntil(b"100000")
    answers += await reader.readuntil(b"100000")
    answers += await reader.readuntil(b"100000")
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    writer.write(b"\r\n")
    assert await status_of(reader) == 200


@pytest.mark.parametrize("trailer", [b"X-Long: " + b"a" * 40_000, b"X: a\r\n" * 200], ids=["long", "many"])
async def test_a_body_ends_without_long_trailers(run, trailer):
    running = await run()
    head = b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
    reader, writer = await running.connect()
    writer.write(head)
    await writer.drain()
    await asyncio.sleep(0.05)  # a piece of its own
    writer.write(trailer)
    assert await status_of(reader) == 431


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"", None, "silent"),
        (b"GET /livez HTT", 408, "slow_head"),
        (HEAD + b"X: a\r\n", 408, "slow_head"),
        (post(b"/length", b"a", length=10), 408, "slow_body"),
    ],
)
async def test_a_slow_client_is_cut_off(run, sent, status, reason):
    running = await run(silent_s=0.3, head_s=0.3, body_s=0.3)
    before = cut(reason)
    assert await running.ask(sent) == status
    assert cut(reason) == before + 1
    assert len(running.connections) == 0 or running.connections.check().observedValue <= 1


async def test_a_head_that_trickles_is_cut_off_though_something_comes_all_the_time(run):
    running = await run(head_s=0.3)
    assert await running.go_on_until_cut(trickle(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 90)) == 408


def trickle(text):
    yield from (text[place : place + 1] for place in range(len(text)))
    while True:
        yield b""


async def test_a_body_slower_than_its_rate_is_cut_off(run):
    running = await run(body_s=60, body_grace_s=0.1, body_bytes_per_s=1024 * 1024)
    assert await running.ask(post(b"/length", b"a" * 1000, length=2000)) == 408


async def test_a_connection_is_kept_between_requests_for_its_own_time(run):
    running = await run(silent_s=0.1, head_s=0.1, kept_s=0.8)
    reader, writer = await running.connect()
    for _ in range(2):
        writer.write(get(b"/livez"))
        await reader.readuntil(b"{}")
        await asyncio.sleep(0.4)
    assert await reader.read() == b""


async def test_a_client_that_does_not_read_its_answer_is_cut_off(run):
    running = await run(reading_s=0.2)
    before = cut("unread")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", running.port))
        client.send(get(b"/large"))
        await until(lambda: cut("unread") > before and not len(running.connections))
        client.setblocking(True)
        with pytest.raises(ConnectionResetError):  # the system holds nothing for it any more
            read_all(client)


async def test_what_is_answered_early_may_go_on_for_a_while_alone(run):
    running = await run(dropping_s=0.2)
    reader, writer = await running.connect()
    writer.write(post(b"/deaf", b"a", length=3))
    await reader.readuntil(b"{}")
    writer.write(b"bc" + get(b"/livez"))  # it ends in time, and asks again
    await reader.readuntil(b"{}")
    writer.write(post(b"/deaf", b"a", length=10_000_000))
    await reader.readuntil(b"{}")
    assert await reader.read() == b""


async def test_requests_one_after_the_other_in_one_piece_are_answered_in_turn(run):
    running = await run()
    reader, writer = await running.connect()
    writer.write(get(b"/livez") * 50)
    for _ in range(50):
        await reader.readuntil(b"{}")


async def test_the_silent_are_the_first_to_go_where_there_is_no_room(run):
    running = await run(bound=20, per_address=20)
    kept, kept_writer = await running.connect()
    kept_writer.write(get(b"/livez"))
    await kept.readuntil(b"{}")
    silent = [await running.connect() for _ in range(60)]
    assert await running.ask(get(b"/livez")) == 200
    assert len(running.connections) <= 20
    assert [await reader.read() for reader, _ in silent[:39]] == [b""] * 39
    kept_writer.write(get(b"/livez"))
    assert await status_of(kept) == 200
    assert running.connections.check().status == "warn"


async def test_where_everybody_is_being_served_a_probe_still_gets_in(run):
    running = await run(bound=16, per_address=16)
    waiting = [await running.connect() for _ in range(16)]
    for _, writer in waiting:
        writer.write(get(b"/wait"))
    await until(lambda: sum(each.stage is Stage.ANSWERING for each in running.connections) == 16)
    assert await running.ask(get(b"/wait"), "127.0.0.2") == 503
    assert await running.ask(get(b"/livez"), "127.0.0.2") == 200


async def test_one_address_leaves_room_for_others(run):
    running = await run(bound=20, per_address=5)
    waiting = [await running.connect() for _ in range(5)]
    for _, writer in waiting:
        writer.write(get(b"/wait"))
    await until(lambda: sum(each.stage is Stage.ANSWERING for each in running.connections) == 5)
    before = cut("refused_address")
    assert await running.ask(get(b"/livez")) in (503, None)
    assert cut("refused_address") == before + 1
    assert await running.ask(get(b"/livez"), "127.0.0.2") == 200


def read_all(client):
    while client.recv(65_536):
        pass


async def until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)


def test_an_address_has_seven_eighths_unless_a_setting_says_otherwise():
    assert (Connections(800, None).per_address, Connections(800, 7).per_address) == (700, 7)


def test_there_are_as_many_connections_as_descriptors_allow():
    assert descriptors.room_for_connections(8192, 1024) == 1024 - descriptors.RESERVED
    assert descriptors.room_for_connections(500, 1024) == 500
    assert descriptors.room_for_connections(500, 100) == descriptors.FEWEST


async def test_no_descriptor_left_is_counted_and_warned_of(monkeypatch):
    connections = Connections(100, None)
    assert connections.check().status == "pass"
    monkeypatch.setattr("app.runtime.descriptors.are_left", lambda: False)
    before = cut("no_descriptor")
    connections.sweep(0.0)
    assert cut("no_descriptor") == before + 1
    assert connections.check().status == "warn"
    assert "ulimit" in str(connections.check().output)
