"""The protocol of a connection, with a door before it (`app.http.door`)."""

import asyncio
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.foundation.errors import MEDIA_TYPE, Overloaded
from app.http.door import AGED_S, Line, Refusal, missing_of_request
from app.runtime.bounded_protocol import BoundedProtocol, JoinedWrites
from app.runtime.connections import Connections, Stage

TILL: Final = b"POST /v1/checkouts "
OTHERS: Final = (b"POST /v1/", b"GET /v1/")
MOST_HELD_BYTES: Final = 64 * 1024
"""A larger request is not held, but refused when its head has been read."""
WHOLE_S: Final = 1.0
"""After which a request whose body has not come is no more waited for, but read."""
_TURNED_AWAY: Final = Overloaded("More is asked than can be answered in time.")
_BEGINNING: Final = (Stage.KEPT, Stage.SILENT)
"""Nothing has been read yet of the next request."""


class Door:
    """What the connections of a process share: two lines, and how who is turned away is answered."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lines: tuple[Line, Line] | None = None
        self.refusal = Refusal(orjson.dumps(_TURNED_AWAY.as_json()), MEDIA_TYPE)

    def lines(self, loop: asyncio.AbstractEventLoop) -> tuple[Line, Line]:
        """Of tills, and of others; of the loop that serves."""
        if self._lines is None:
            tills = Line("tills", self._patience_s, loop.time, loop.call_at)
            self._lines = tills, Line("others", self._patience_s, loop.time, loop.call_at, before=tills)
        return self._lines


class DoorProtocol(BoundedProtocol):
    """Holds back what cannot be served in time, and turns it away unread.

    Only a request that is whole, plain, and alone on its connection is held; what else finds its line full is refused
    by its head.
    """

    def __init__(self, connections: Connections, door: Door, **options: Any) -> None:
        super().__init__(connections, **options)
        self._tills, self._others = door.lines(self.loop)
        self._refusal_of_door = door.refusal
        self._held = b""
        self._held_in = self._tills
        self._held_at = Stage.SILENT
        self._is_alone, self._missing = True, 0
        self._giving_up: asyncio.TimerHandle | None = None
        self._arrived_s: float | None = None
        self._resumed_s = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave_line()
        self._held = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._hold_more(data)
            return
        if self.stage in _BEGINNING:
            line = self._tills if data.startswith(TILL) else self._others if data.startswith(OTHERS) else None
            if line is not None and (line.is_full or self._is_aged) and self._hold(data, line):
                return
        super().data_received(data)

    @property
    def _is_aged(self) -> bool:
        """Whether what comes has waited through a rest: whoever sent it has waited too long by now."""
        return bool(self._resumed_s) and self.loop.time() < self._resumed_s + AGED_S

    def _hold(self, data: bytes, line: Line) -> bool:
        """Holds a request back; False: it is not of a kind that can be."""
        missing = missing_of_request(data)
        if missing is None or self.is_spare or len(data) + missing > MOST_HELD_BYTES or self.transport.is_closing():
            return False
        self._held, self._held_in, self._is_alone, self._missing = data, line, True, missing
        if missing:
            self._giving_up = self.loop.call_later(WHOLE_S, self.let_in)
        else:
            self._stand()
        return True

    def _hold_more(self, data: bytes) -> None:
        """Its body, if that was missing; else more than one request: the rest is read once the first is served."""
        self._held += data
        if self._missing:
            self._missing -= len(data)
            if self._missing > 0:
                return
            self._stop_giving_up()
            self._is_alone, self._missing = self._missing == 0, 0
            self._stand()
            return
        self._is_alone = False
        if len(self._held) > MOST_HELD_BYTES:
            self.flow.pause_reading()

    def _stand(self) -> None:
        self._arrived_s = self.loop.time()
        self._held_at, self.stage = self.stage, Stage.ANSWERING  # the next step is ours
        if self._is_aged:
            self._resumed_s = 0.0
            self._held_in.count_refused(1)
            self.turn_away()
        else:
            self._held_in.stand(self, len(self._held))

    def _stop_giving_up(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def let_in(self) -> None:
        """Reads the request that was held."""
        self._stop_giving_up()
        data, self._held, self._missing = self._held, b"", 0
        if self._arrived_s is not None and self.stage is Stage.ANSWERING:
            self.stage = self._held_at
        self.flow.resume_reading()
        super().data_received(data)
        self._arrived_s = None

    def turn_away(self) -> None:
        """Answers without having read the request."""
        self._held, self._arrived_s = b"", None
        answer, is_last = self._refusal_of_door(self.server_state.default_headers)
        cast("JoinedWrites", self.transport).write_whole(answer)
        self.since = self.loop.time()
        if is_last or not self._is_alone:
            self.stage = Stage.ENDING
            self.transport.close()
        else:
            self.stage = Stage.KEPT

    def rest(self) -> None:
        """Reads no more for now."""
        if not self.transport.is_closing():
            self.flow.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        if not self.transport.is_closing():
            self._resumed_s = self.loop.time()
            self.flow.resume_reading()

    def shutdown(self) -> None:
        """As uvicorn's; who is held is answered before."""
        if self._held:
            self._leave_line()
            self.let_in()
        super().shutdown()

    def _leave_line(self) -> None:
        self._stop_giving_up()
        if self._arrived_s is not None and self._held:
            self._held_in.forget(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """As uvicorn's, the task counted in its line."""
        path = cycle.scope["path"]
        line = self._tills if path == "/v1/checkouts" else self._others if path.startswith("/v1/") else None
        if line is not None and self._arrived_s is None and line.is_full:
            app = _refuse  # too large to be held, or not plain
            line.count_refused(1)
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if line is not None:
            line.enter(task)
            task.add_done_callback(line.leave)
            scope = cast("dict[str, Any]", cycle.scope)
            scope["line"] = line
            if self._arrived_s is not None:
                scope["arrived_s"] = self._arrived_s


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    """By the head: the body is not read, so the connection cannot go on."""
    answer = _TURNED_AWAY.response()
    answer.headers["connection"] = "close"
    await answer(scope, receive, send)
