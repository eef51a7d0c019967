"""The door: how many requests are let in, who waits before it, and who is turned away.

A request costs most once it is read: parsed, checked, put into a batch. So the ones that cannot be served in time are
held back as the bytes they came as, and turned away with bytes that were made before.

A *line* lets in as many at once as are answered within `AIM_S`, by what it sees: how long those take who are in. The
others stand before it, for as long as they can still be answered within the patience. The first come is the first in,
until the line is so long that those at its head would hardly be answered in time: then the last come is, since of all
who stand there they have the most time left.
"""

import random
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import cycle
from typing import Final, Protocol

from app.foundation.logs import log
from app.foundation.metrics import REFUSALS

AIM_S: Final = 0.1
"""How long those are to take who have been let in."""
WINDOW_S: Final = 0.05
"""How long is looked at how long they take, before it is settled anew how many are let in."""
LEAST: Final = 24
"""Are let in however long they take: with a slow disk it is no use to let in fewer than go in a batch."""
MOST: Final = 1024
FIRST: Final = 256
LOOK_S: Final = 0.01
"""From one look for who is to be turned away to the next."""
LONG_S: Final = 0.05
"""The head of a line has stood so long: the last come goes in first."""
MOST_HELD_BYTES: Final = 32 * 1024 * 1024
MOST_UNRESTED: Final = 200
"""Of a second are turned away as usual, or as many as were served in the second before. Who is beyond is not read from
for a while, lest all the work be to answer those who do not keep to `Retry-After`."""
SHORTEST_REST_S, LONGEST_REST_S = 1.0, 2.0
"""Longer the more rest: in a second no more are to come back than are served. Shorter where there is room."""
AGED_S: Final = 0.3
"""What is there so soon after a rest has waited through it."""
TELLING_S: Final = 1.0
"""From a line in the log of who was turned away to the next."""


class Standing(Protocol):
    """Who stands before a line: a connection with a request that is whole."""

    def let_in(self) -> None:
        """Serves the request."""

    def turn_away(self) -> None:
        """Answers that it will not be."""

    def rest(self) -> None:
        """Reads no more for now."""

    def resume(self) -> None:
        """Reads again."""


class Line:
    """Requests of one kind. `now` is the event loop's clock, `call_at` its timer."""

    def __init__(
        self,
        name: str,
        patience_s: float,
        now: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
        before: "Line | None" = None,
    ) -> None:
        """`before`: a line whose requests come first; while some stand there, few of this one are let in."""
        self.name = name
        self.limit = float(FIRST)
        self.inside: dict[Hashable, float] = {}
        """Who is in → since when."""
        self._patience_s, self._now, self._call_at, self._before = patience_s, now, call_at, before
        self._aim_s = min(AIM_S, patience_s / 4)
        self._standing: deque[tuple[float, int, Standing]] = deque()
        self._resting: deque[tuple[float, Standing]] = deque()
        self._gone: set[Standing] = set()
        self._held_bytes = 0
        self._is_watched = False
        self._window_s, self._spent_s = now(), 0.0
        self._finished = 0
        self._was_full = False
        self._told_s, self._untold = 0.0, 0
        self._second = 0
        self._turned_away = self._served = self._served_before = 0
        """In the present second, and in the one before."""

    @property
    def is_full(self) -> bool:
        """Whether the next would have to stand before it."""
        if self._standing or len(self.inside) >= self.limit:
            return True
        return self._before is not None and bool(self._before._standing) and len(self.inside) >= LEAST

    @property
    def standing(self) -> int:
        """How many stand before it."""
        return len(self._standing) - len(self._gone)

    @property
    def stands_s(self) -> float:
        """How long somebody can stand here, and still be answered within the patience."""
        return self._patience_s - 2 * self._aim_s

    def enter(self, request: Hashable) -> None:
        """Somebody is in."""
        self.inside[request] = self._now()

    def leave(self, request: Hashable) -> None:
        """They have been answered, or gone; the next come in."""
        since_s, now_s = self.inside.pop(request, None), self._now()
        if since_s is not None:
            self._spent_s += now_s - since_s
            self._finished += 1
            self._begin_second(now_s)
            self._served += 1
        if now_s >= self._window_s + WINDOW_S and self._finished:
            self._settle(now_s)
        if self._standing:
            self._was_full = True
            self._admit(now_s)

    def excuse(self, request: Hashable) -> None:
        """What they ask for takes long by its nature: they wait elsewhere, and say nothing of how long others take."""
        if self.inside.pop(request, None) is not None and self._standing:
            self._admit(self._now())

    def stand(self, who: Standing, size: int) -> None:
        """Somebody has come who cannot be let in yet, with so many bytes."""
        self._was_full, now_s = True, self._now()
        self._standing.append((now_s, size, who))
        self._held_bytes += size
        while self._held_bytes > MOST_HELD_BYTES:
            self.count_refused(self._turn_away(now_s))
        if not self._is_watched:
            self._watch(now_s + LOOK_S)
        self._admit(now_s)

    def forget(self, who: Standing) -> None:
        """Who stood here has gone."""
        self._gone.add(who)

    def count_refused(self, number: int) -> None:
        """Counts who was turned away; the log has a line a second of them at most."""
        REFUSALS.add((self.name,), number)
        self._untold += number
        now_s = self._now()
        if now_s >= self._told_s + TELLING_S:
            log.warning("requests.refused", line=self.name, count=self._untold, let_in=round(self.limit))
            self._told_s, self._untold = now_s, 0

    def _settle(self, now_s: float) -> None:
        """How many are let in, by how long those took who left since it was settled last."""
        mean_s, was_full = self._spent_s / self._finished, self._was_full or len(self.inside) >= self.limit
        self._window_s, self._spent_s, self._finished, self._was_full = now_s, 0.0, 0, False
        if mean_s > self._aim_s:
            self.limit = max(LEAST, self.limit * max(0.7, self._aim_s / mean_s))
        elif was_full:
            self.limit = min(MOST, self.limit * (1.5 if 2 * mean_s < self._aim_s else 1.1) + 1)

    def _admit(self, now_s: float) -> None:
        """Lets in whom there is room for."""
        before = self._before
        limit = LEAST if before is not None and before._standing else self.limit
        while self._standing and len(self.inside) < limit:
            is_long = now_s - self._standing[0][0] > LONG_S
            who = self._take(first=not is_long)
            if who is not None:
                who.let_in()

    def _take(self, *, first: bool) -> Standing | None:
        """Who is next; None: they have gone."""
        _, size, who = self._standing.popleft() if first else self._standing.pop()
        self._held_bytes -= size
        if who in self._gone:
            self._gone.discard(who)
            return None
        return who

    def _turn_away(self, now_s: float) -> int:
        """Whoever stands first; how many that are: none if they have gone."""
        who = self._take(first=True)
        if who is None:
            return 0
        who.turn_away()
        self._begin_second(now_s)
        self._turned_away += 1
        unrested = max(MOST_UNRESTED, self._served_before)
        if self._turned_away > unrested:
            who.rest()
            wanted_s = len(self._resting) / max(unrested, 1)
            self._resting.append((now_s + min(max(wanted_s, SHORTEST_REST_S), LONGEST_REST_S), who))
        return 1

    def _begin_second(self, now_s: float) -> None:
        second = int(now_s)
        if second != self._second:
            self._served_before = self._served if second == self._second + 1 else 0
            self._second, self._turned_away, self._served = second, 0, 0

    def _watch(self, when_s: float) -> None:
        self._is_watched = True
        self._call_at(when_s, self._look)

    def _look(self) -> None:
        """Turns away who can no longer be answered in time, and lets in whom there is room for: nobody may be left."""
        self._is_watched = False
        now_s, stands_s = self._now(), self.stands_s
        late_s, turned_away = now_s - stands_s, 0
        while self._standing and self._standing[0][0] <= late_s:
            turned_away += self._turn_away(now_s)
        if turned_away:
            self.count_refused(turned_away)
        self._admit(now_s)
        room = self.limit - len(self.inside) - len(self._standing)
        while self._resting and (self._resting[0][0] <= now_s or room > 0):
            self._resting.popleft()[1].resume()
            room -= 1
        if self._standing or self._resting:
            self._watch(now_s + LOOK_S)


class Refusal:
    """The answer 503 to who is turned away, whole: made once a second, in a few forms that differ by `Retry-After`, so
    that those who keep to it do not all come again at once."""

    FORMS: Final = 8
    LONGEST_S: Final = 4

    def __init__(self, body: bytes, media_type: str) -> None:
        self._body, self._media_type = body, media_type.encode()
        self._made_of: object = None
        self._forms: Iterator[bytes] = iter(())
        self._is_last = False

    def __call__(self, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
        """With the headers of every answer, of which the server makes a new list when one changes; and whether these
        close the connection."""
        if headers is not self._made_of:
            self._made_of = headers
            forms = [self._write(headers, 1 + number % self.LONGEST_S) for number in range(self.FORMS)]
            random.shuffle(forms)
            self._forms = cycle(forms)
            self._is_last = any(name == b"connection" for name, _ in headers)
        return next(self._forms), self._is_last

    def _write(self, headers: list[tuple[bytes, bytes]], retry_after_s: int) -> bytes:
        own = [
            (b"content-type", self._media_type),
            (b"content-length", b"%d" % len(self._body)),
            (b"retry-after", b"%d" % retry_after_s),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in (*headers, *own))
        return b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (lines, self._body)


_USUAL: Final = b"\r\nconnection: keep-alive"
_UNSAFE: Final = (b"transfer-encoding", b"expect:", b"upgrade:", b"\r\nconnection:")
MOST_DIGITS: Final = 9
_LENGTH: Final = b"\r\ncontent-length:"


def missing_of_request(data: bytes) -> int | None:
    """How many bytes one request lacks, of the plainest kind, of which nothing has been read yet; 0: it is whole.

    None where there is any doubt where it ends, and where its head does not: only what is plain may be answered
    without being parsed, lest the answer be taken for that of another.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower().replace(_USUAL, b"")
    if any(word in head for word in _UNSAFE) or not head.partition(b"\r\n")[0].endswith(b" http/1.1"):
        return None
    length = b"0"
    at = head.find(_LENGTH)
    if at >= 0:
        length = head[at + len(_LENGTH) :].partition(b"\r\n")[0].strip(b" \t")
    if head.count(b"content-length") != (at >= 0) or not length.isdigit() or len(length) > MOST_DIGITS:
        return None
    missing = end + 4 + int(length) - len(data)
    return None if missing < 0 else missing
