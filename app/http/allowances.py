"""What one key may ask for: a bucket of units each, refilled evenly.

A unit is about what a request of one customer costs. RateLimit headers are those of the IETF's draft
(draft-ietf-httpapi-ratelimit-headers-10), as the server writes headers.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from app.foundation.errors import TooMany
from app.foundation.metrics import LIMITED

BURST_S: Final = 5.0
"""So many seconds' worth can be asked for at once."""
MOST_KEYS: Final = 10_000
NAME: Final = b"units"

Headers = tuple[tuple[bytes, bytes], ...]


class Allowances:
    """The buckets of one process. Keys are told apart by their header as it came; who asks for the first time, or was
    forgotten for many others, has a full one."""

    def __init__(self, units_per_s: float, now: Callable[[], float] = time.monotonic) -> None:
        """`units_per_s` 0: there is no limit."""
        self._per_s, self._now = units_per_s, now
        self._most = units_per_s * BURST_S
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._policy = (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (NAME, self._most, BURST_S))

    def charge(self, key: bytes, units: float) -> Headers:
        """Takes units from a key's bucket; what costs more than a full one takes all. The headers that tell what is
        left, and in how many seconds it is full again. Raises TooMany where the units are not there: nothing is taken
        then."""
        if not self._per_s:
            return ()
        now_s = self._now()
        left, since_s = self._buckets.pop(key, (self._most, now_s))
        left = min(self._most, left + (now_s - since_s) * self._per_s)
        units = min(units, self._most)
        is_enough = units <= left
        if is_enough:
            left -= units
        self._buckets[key] = (left, now_s)
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        if not is_enough:
            LIMITED.add()
            raise self._refuse(left, (units - left) / self._per_s)
        return self._policy, _tell(left, math.ceil((self._most - left) / self._per_s))

    def _refuse(self, left: float, wait_s: float) -> TooMany:
        """To come again before as much is there as was asked for is of no use: `t` is no later than `Retry-After`."""
        wait = max(1, math.ceil(wait_s))
        problem = TooMany("This key has asked for more than it may at a time.")
        told = {name.decode(): value.decode() for name, value in (self._policy, _tell(left, wait))}
        problem.headers = {"Retry-After": str(wait), **told}
        return problem


def _tell(left: float, seconds: int) -> tuple[bytes, bytes]:
    return b"ratelimit", b'"%b";r=%d;t=%d' % (NAME, left, seconds)
