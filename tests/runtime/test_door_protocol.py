"""The door on real connections: what is read, held, answered unread, and served."""

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn

from app.http import door
from app.runtime import door_protocol
from app.runtime.connections import Connections
from app.runtime.door_protocol import Door, DoorProtocol


class Served:
    """An application that notes what reaches it; `go` lets it answer."""

    def __init__(self):
        self.scopes = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        self.scopes.append(scope)
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


class Service:
    def __init__(self, app, server, shared):
        self.app, self.server, self.shared = app, server, shared
        self.writers = []
        self.port = server.servers[0].sockets[0].getsockname()[1]

    @property
    def tills(self):
        return self.shared.lines(asyncio.get_running_loop())[0]

    async def connect(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer


@asynccontextmanager
async def serving():
    app, shared = Served(), Door(0.4)
    kind: Any = partial(DoorProtocol, Connections(100, 100), shared)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=kind, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    service = Service(app, server, shared)
    reader, writer = await service.connect()
    assert (await ask(reader, writer, checkout(b"warm")))[0] == 200
    yield service
    app.go.set()
    for writer in service.writers:
        writer.close()
    await server.shutdown()


@pytest.fixture
async def service():
    async with serving() as service:
        yield service


@pytest.fixture
async def full(service, monkeypatch):
    """Nobody is let in any more."""
    monkeypatch.setattr(door, "WINDOW_S", 1e9)
    service.tills.limit = 0.0
    service.app.scopes.clear()
    return service


def checkout(body, more=b""):
    return b"POST /v1/checkouts HTTP/1.1\r\nHost: t\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


async def read(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def ask(reader, writer, data):
    writer.write(data)
    return await read(reader)


async def test_what_cannot_be_served_in_time_is_turned_away_unread_and_the_connection_goes_on(full):
    reader, writer = await full.connect()
    status, headers, body = await ask(reader, writer, checkout(b"{}"))
    assert status == 503
    assert json.loads(body)["type"] == "urn:perennial:problem:overloaded"
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["retry-after"]) >= 1
    assert not full.app.scopes
    full.tills.limit = 10.0
    status, _, body = await ask(reader, writer, checkout(b"again"))
    assert (status, body) == (200, b"again")


async def test_a_body_that_comes_after_its_head_is_held_like_one_that_comes_with_it(full):
    reader, writer = await full.connect()
    data = checkout(b"0123456789")
    writer.write(data[:-10])
    await asyncio.sleep(0.02)
    writer.write(data[-10:-5])
    await asyncio.sleep(0.02)
    status, _, _ = await ask(reader, writer, data[-5:])
    assert status == 503
    assert not full.app.scopes
    full.tills.limit = 10.0
    assert await _status_and_body(reader, writer, checkout(b"next")) == (200, b"next")


async def _status_and_body(reader, writer, data):
    status, _, body = await ask(reader, writer, data)
    return status, body


async def test_who_is_held_is_served_as_soon_as_there_is_room_and_told_since_when_they_have_stood(service):
    service.app.scopes.clear()
    service.tills.limit = 1.0
    service.app.go.clear()
    first, second = await service.connect(), await service.connect()
    first[1].write(checkout(b"first"))
    await asyncio.sleep(0.02)
    second[1].write(checkout(b"second"))
    await asyncio.sleep(0.02)
    assert len(service.app.scopes) == 1
    service.app.go.set()
    assert (await read(first[0]))[2] == b"first"
    assert (await read(second[0]))[2] == b"second"
    assert "arrived_s" not in service.app.scopes[0]
    assert service.app.scopes[1]["arrived_s"] > 0


async def test_probes_pass_while_nobody_is_let_in(full):
    reader, writer = await full.connect()
    status, _, _ = await ask(reader, writer, b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
    assert status == 200


async def test_the_others_are_let_in_while_no_till_is(full):
    reader, writer = await full.connect()
    status, _, _ = await ask(reader, writer, b"GET /v1/kpis HTTP/1.1\r\nHost: t\r\n\r\n")
    assert status == 200


async def test_what_is_too_large_to_be_held_is_refused_by_its_head(full, monkeypatch):
    monkeypatch.setattr(door_protocol, "MOST_HELD_BYTES", 100)
    reader, writer = await full.connect()
    status, headers, _ = await ask(reader, writer, checkout(b"x" * 200))
    assert status == 503
    assert headers["connection"] == "close"
    assert await reader.read() == b""
    assert not full.app.scopes


async def test_who_sends_a_second_request_before_the_answer_is_turned_away_with_the_connection(full):
    reader, writer = await full.connect()
    writer.write(checkout(b"one"))
    await asyncio.sleep(0.02)
    status, _, _ = await ask(reader, writer, checkout(b"two"))
    assert status == 503
    assert await reader.read() == b""
    assert not full.app.scopes


async def test_requests_sent_in_one_go_are_all_answered_once_there_is_room(service):
    service.tills.limit = 1.0
    service.app.go.clear()
    first, second = await service.connect(), await service.connect()
    first[1].write(checkout(b"first"))
    await asyncio.sleep(0.02)
    second[1].write(checkout(b"one"))
    await asyncio.sleep(0.02)
    second[1].write(checkout(b"two"))
    await asyncio.sleep(0.02)
    service.app.go.set()
    assert (await read(second[0]))[2] == b"one"
    assert (await read(second[0]))[2] == b"two"


async def test_who_goes_away_while_held_is_not_served(full):
    _, writer = await full.connect()
    writer.write(checkout(b"gone"))
    await asyncio.sleep(0.02)
    assert full.tills.standing == 1
    writer.close()
    await asyncio.sleep(0.05)
    assert not full.tills.standing
    full.tills.limit = 10.0
    full.tills.leave("nobody")
    assert not full.app.scopes


async def test_who_is_held_when_the_service_stops_is_served_first(full):
    reader, writer = await full.connect()
    writer.write(checkout(b"held"))
    await asyncio.sleep(0.02)
    full.tills.limit = 10.0
    stopping = asyncio.create_task(full.server.shutdown())
    status, _, body = await read(reader)
    assert (status, body) == (200, b"held")
    await stopping


async def test_a_body_that_does_not_come_is_not_held_for_ever(full, monkeypatch):
    monkeypatch.setattr(door_protocol, "WHOLE_S", 0.01)
    full.tills.limit = 0.0
    reader, writer = await full.connect()
    status, headers, _ = await ask(reader, writer, checkout(b"0123456789")[:-5])
    assert status == 503
    assert headers["connection"] == "close"


async def test_what_is_inside_is_counted_until_it_is_answered(service):
    service.app.go.clear()
    reader, writer = await service.connect()
    writer.write(checkout(b"x"))
    await asyncio.sleep(0.02)
    assert len(service.tills.inside) == 1
    service.app.go.set()
    await read(reader)
    await asyncio.sleep(0.01)
    assert not service.tills.inside


async def test_who_asks_again_at_once_rests_and_what_lay_there_meanwhile_has_waited_too_long(full, monkeypatch):
    monkeypatch.setattr(door, "MOST_UNRESTED", 0)
    monkeypatch.setattr(door, "SHORTEST_REST_S", 0.1)
    monkeypatch.setattr(door_protocol, "AGED_S", 60.0)
    full.tills._served = full.tills._served_before = 0  # as many as were served in the second before need no rest
    reader, writer = await full.connect()
    assert (await ask(reader, writer, checkout(b"one")))[0] == 503
    full.tills.limit = 10.0
    full.tills.inside |= dict.fromkeys(range(10), 0.0)
    writer.write(checkout(b"two"))
    await asyncio.sleep(0.02)
    full.tills.inside.clear()
    assert (await read(reader))[0] == 503
    assert await _status_and_body(reader, writer, checkout(b"three")) == (200, b"three")
