"""Until when a decision is of use, and what is done of it when that is over."""

import time
from typing import Literal, NamedTuple

from app.foundation.settings import Settings

Lateness = Literal["deadline", "no_receipt"]
"""Why nothing is chosen: the deadline has passed; or there is not even the time to write that down."""


class Deadline(NamedTuple):
    """Times of the monotonic clock (`time.monotonic`), in seconds: the wall's may be set meanwhile.

    Until `due_s` there is a choice, and its receipt is written. From then on there is none, and a receipt says so if
    it can be written until `receipt_s`. Whoever asked has been answered by `gone_s`.
    """

    due_s: float
    receipt_s: float
    gone_s: float

    def lateness(self, now_s: float) -> Lateness | None:
        """None: there is time to choose."""
        if now_s < self.due_s:
            return None
        return "deadline" if now_s < self.receipt_s else "no_receipt"

    def limit_s(self, now_s: float) -> float | None:
        """By when the receipt of a decision that is made now is to be written; None: none is."""
        return {None: self.due_s, "deadline": self.receipt_s, "no_receipt": None}[self.lateness(now_s)]


def deadline_of(deadline_ms: int | None, began_s: float, settings: Settings, stood_s: float = 0.0) -> Deadline:
    """The deadline of a request that began then and has been read now.

    `stood_s`: how long of that it stood before the door.

    No request has longer than the service's patience from now on, less what it stood; the allowance is of that too.
    One whose body alone took longer than its deadline has the allowance all the same, since its sale is to be counted.
    """
    now_s, patience_s = time.monotonic(), settings.patience_ms / 1000
    allowance_s = min(settings.deadline_allowance_ms / 1000, patience_s / 2)
    due_s = now_s + patience_s - allowance_s - stood_s
    if deadline_ms is not None:
        due_s = min(due_s, began_s + deadline_ms / 1000)
    left_from_s = max(due_s, now_s)
    return Deadline(due_s, left_from_s + allowance_s / 2, left_from_s + allowance_s)
