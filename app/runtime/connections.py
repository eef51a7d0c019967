"""The connections of this process: how many there may be, how long each may take over what, and who goes first.

Nothing here is done for each request but what is a comparison of two numbers: a connection notes in which stage
it is and since when, and one sweep a second looks at all of them.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from app.foundation import metrics
from app.foundation.logs import log
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.runtime import descriptors

SPARE: Final = 16
"""Connections beyond the bound that are let in for a probe's one request."""
OTHERS_SHARE: Final = 1 / 8
"""Of all connections, what one address leaves to the others unless a setting says otherwise."""
VICTIMS: Final = 64
"""How many are looked for at once when there is no room: looking through all of them takes its time."""
COMING_SECONDS: Final = 1.0
"""A request that has been coming for less than this is not cut off for another."""
TELL_SECONDS: Final = 60.0
"""Between two lines of the log that count what was cut and refused; and how long /health warns of it."""


class Stage(IntEnum):
    """Where a connection stands. The earlier ones are the first to go when there is no room."""

    ENDING = 0
    """It was cut; what was answered may still be read."""
    SILENT = 1
    """Nothing has come yet."""
    HEAD = 2
    """A request has begun, its head is not whole."""
    WAITING = 3
    """Who asks has no valid key, and waits for their turn."""
    DROPPING = 4
    """It was answered before its body was whole; what still comes of it is dropped."""
    BODY = 5
    KEPT = 6
    """It was answered, and may ask again."""
    ANSWERING = 7
    """The next step is ours, or the client's that it reads."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take, each told by what follows it. A sweep a second cuts off what takes longer."""

    url_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024
    """Of all headers with the line of the request; also of what frames the parts of a body beside the body itself."""
    headers: int = 100
    silent_s: float = 10.0
    head_s: float = 5.0
    body_s: float = 10.0
    body_bytes_per_s: int = 1024
    body_grace_s: float = 2.0
    """After which a body is to come as fast as that."""
    kept_s: float = 65.0
    """Longer than the sixty seconds for which balancers keep a connection: theirs is the first to close it."""
    reading_s: float = 10.0
    """A client that takes nothing of its answer for so long, while there is more than the system holds for it."""
    dropping_s: float = 2.0
    dropped_bytes: int = 1024 * 1024
    ending_s: float = 1.0
    ticks_per_sweep: int = 10
    """A tick is a tenth of a second."""


class Connection(Protocol):
    """What is known of one here."""

    stage: Stage
    since: float
    """When the stage began, in the loop's time."""
    address: str
    client: tuple[str, int] | None
    body_bytes: int
    unread_since: float | None
    """Since when the client has not taken what was written; None: it takes it."""
    is_spare: bool

    def cut(self, status: int | None) -> None:
        """Ends it, with an answer where there is a status."""

    def abort(self) -> None:
        """Ends it without waiting for anything."""

    def is_held_up(self) -> bool:
        """Whether it is us who do not read, so that a slow body is not the client's fault."""

    def begin_waiting(self) -> None:
        """Who asks is to wait for their turn."""

    def end_waiting(self) -> None:
        """It is their turn, or there is none."""


class Connections:
    """All of this process, by address. `bound` is the most at once, `per_address` of one address."""

    def __init__(self, wanted: int, per_address: int | None, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.bound = descriptors.room_for_connections(wanted, descriptors.raise_limit())
        self.per_address = min(self.bound, per_address or self.bound - int(self.bound * OTHERS_SHARE))
        self._by_address: defaultdict[str, dict[object, Connection]] = defaultdict(dict)
        self._victims: dict[str | None, tuple[Stage, list[Connection]]] = {}
        self._number = 0
        self._counted: Counter[str] = Counter()
        self._told_at = time.monotonic()
        self._warned_at: dict[str, float] = {}

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Connection]:
        for found in self._by_address.values():
            yield from found.values()

    def enter(self, connection: Connection) -> bool:
        """Lets one in, in the place of another if there is no room. False: it must go."""
        same = self._by_address[connection.address]
        is_let_in = self._has_room(len(same), connection)
        same[connection.client or connection] = connection
        self._number += 1
        return is_let_in

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        same = self._by_address.get(connection.address, {})
        if self._is_here(connection):  # not yet another of the same port
            del same[connection.client or connection]
            self._number -= 1
            if not same:
                del self._by_address[connection.address]

    def find(self, client: tuple[str, int] | None) -> Connection | None:
        """The connection of a client's address and port."""
        return None if client is None else self._by_address.get(network_of(client[0]), {}).get(client)

    def _has_room(self, same: int, connection: Connection) -> bool:
        if same >= self.per_address and not self._make_room(connection.address):
            self.count("refused_address")
            return False
        if self._number < self.bound or self._make_room(None):
            return True
        self.count("refused_all")
        connection.is_spare = True
        return self._number < self.bound + SPARE

    def _make_room(self, address: str | None) -> bool:
        """Cuts off whoever is missed least: of an address, or of all. False: everybody is being served."""
        for _ in range(2):
            stage, found = self._victims.get(address, (Stage.ENDING, []))
            while found:
                victim = found.pop()
                if victim.stage is stage and self._is_here(victim):
                    self.count(f"displaced_{stage.name.lower()}")
                    victim.abort()
                    self.leave(victim)
                    return True
            self._victims[address] = self._find_victims(address)
        return False

    def _is_here(self, connection: Connection) -> bool:
        same = self._by_address.get(connection.address, {})
        return same.get(connection.client or connection) is connection

    def _find_victims(self, address: str | None) -> tuple[Stage, list[Connection]]:
        """Those of the earliest stage; the last of the list, longest in it, is the first to go."""
        among = self if address is None else self._by_address.get(address, {}).values()
        found = [each for each in among if self._may_go(each)]
        stage = min((each.stage for each in found), default=Stage.ENDING)
        waiting = sorted((each for each in found if each.stage is stage), key=lambda each: each.since)
        return stage, waiting[:VICTIMS][::-1]

    def _may_go(self, connection: Connection) -> bool:
        """Not whose request is just coming in, and not whom we serve."""
        if connection.stage in (Stage.HEAD, Stage.BODY):
            return asyncio.get_running_loop().time() - connection.since > COMING_SECONDS
        return connection.stage is not Stage.ANSWERING

    def count(self, reason: str) -> None:
        """Counts what was cut or refused, for the log, `/metrics` and `/health`."""
        metrics.CONNECTIONS_CUT.add((reason,))
        self._counted[reason] += 1
        if reason.startswith(("refused", "displaced")):
            self._warned_at["room"] = time.monotonic()

    def sweep(self, now: float) -> None:
        """Cuts off what takes too long. `now` in the loop's time."""
        for connection in list(self):
            self._look_at(connection, now)
        self._victims.clear()
        if not descriptors.are_left():
            self.count("no_descriptor")
            self._warned_at["descriptors"] = time.monotonic()
        if self._counted and time.monotonic() - self._told_at >= TELL_SECONDS:
            log.warning("connections.cut", **self._counted)
            self._counted.clear()
            self._told_at = time.monotonic()

    def _look_at(self, connection: Connection, now: float) -> None:
        limits, stage, took_s = self.limits, connection.stage, now - connection.since
        if stage is Stage.ENDING:
            if took_s > limits.ending_s:
                connection.abort()
        elif connection.unread_since is not None and now - connection.unread_since > limits.reading_s:
            self.count("unread")
            connection.abort()
        elif stage is Stage.SILENT and took_s > limits.silent_s:
            self._cut(connection, "silent", None)
        elif stage is Stage.HEAD and took_s > limits.head_s:
            self._cut(connection, "slow_head", 408)
        elif stage is Stage.BODY:
            self._look_at_body(connection, took_s)
        elif stage is Stage.KEPT and took_s > limits.kept_s:
            connection.cut(None)
        elif stage is Stage.DROPPING and took_s > limits.dropping_s:
            self._cut(connection, "unwanted_body", None)

    def _look_at_body(self, connection: Connection, took_s: float) -> None:
        limits = self.limits
        if connection.is_held_up():
            connection.since += limits.ticks_per_sweep / 10
        elif took_s > limits.body_s or (
            took_s > limits.body_grace_s
            and connection.body_bytes < (took_s - limits.body_grace_s) * limits.body_bytes_per_s
        ):
            self._cut(connection, "slow_body", 408)

    def _cut(self, connection: Connection, reason: str, status: int | None) -> None:
        self.count(reason)
        connection.cut(status)

    def check(self) -> CheckOut:
        """For /health: whether somebody was turned away of late."""
        recent = [name for name, at in self._warned_at.items() if time.monotonic() - at < TELL_SECONDS]
        output = None
        if "descriptors" in recent:
            output = "There was no file descriptor left: connections were reset. Raise 'ulimit -n'."
        elif recent:
            output = f"There was no room for a connection among {self.bound}, of one address {self.per_address}."
        return CheckOut(
            status="warn" if recent else "pass",
            componentType="component",
            observedValue=self._number,
            observedUnit="connections",
            output=output,
        )

    def gauges(self) -> Iterator[GaugeValue]:
        """How many there are, and how many there may be."""
        yield "perennial_connections", (), self._number
        yield "perennial_connections_max", (), self.bound


def network_of(host: str) -> str:
    """An IPv6 client has a whole /64 to itself."""
    return ":".join(host.split(":")[:4]) if ":" in host else host
