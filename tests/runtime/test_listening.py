"""A stop resets nobody who waits to be let in, however many come one after the other."""

import asyncio
import contextlib
import signal
import socket

import pytest
from fastapi import FastAPI

from app.foundation.settings import Settings
from app.runtime.listening import keep_newcomers_out
from app.runtime.server import Server

ASKED = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_who_was_let_in_by_the_system_is_served_and_nobody_else_begins():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        before = socket.create_connection(listening.getsockname())
        assert keep_newcomers_out(listening.fileno())
        with pytest.raises(TimeoutError):
            socket.create_connection(listening.getsockname(), timeout=0.2)
        accepted, _ = listening.accept()
        with before, accepted:
            before.sendall(b"asked")
            assert accepted.recv(5) == b"asked"
            accepted.sendall(b"told")
            assert before.recv(4) == b"told"


def test_what_is_no_socket_is_told(tmp_path):
    with (tmp_path / "a").open("w") as file:
        assert not keep_newcomers_out(file.fileno())


async def ask(address):
    """`cut` where it was connected and not answered; `refused` where it was never connected."""
    try:
        async with asyncio.timeout(0.5):
            reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return "refused"
    try:
        writer.write(ASKED)
        answer = await reader.read()
        return "answered" if answer.startswith(b"HTTP/1.1 404") else f"cut: {answer!r}"
    except OSError as error:
        return f"cut: {error!r}"
    finally:
        writer.close()


async def stop_under_load(wait_until):
    """What became of those who came with a new connection each, while the server stopped."""
    ready, outcomes = asyncio.Event(), list[str]()
    server = Server(FastAPI(), Settings(port=0, drain_seconds=0), ready.set)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())
    await ready.wait()
    address = server.servers[0].sockets[0].getsockname()[:2]

    async def come():
        while (outcome := await ask(address)) != "refused":
            outcomes.append(outcome)

    clients = [asyncio.create_task(come()) for _ in range(24)]

    async def are_many():
        return len(outcomes) >= 100

    await wait_until(are_many)
    server.handle_exit(signal.SIGTERM, None)
    await asyncio.gather(serving, *clients)
    return outcomes


async def test_a_stop_cuts_nobody_who_comes_with_a_connection_of_their_own(wait_until):
    for _ in range(3):
        assert set(await stop_under_load(wait_until)) == {"answered"}
