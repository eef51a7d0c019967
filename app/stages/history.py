"""Stages and warnings of before a record began, worked out afterwards from what was known at past times.

A record begins when a customer is first judged: after an import of two years, everybody's begins on one day. What
`Past` times would have said is judged here by the model and the policy in force, and joined on before it, marked as
computed. Of the record itself nothing is changed but where it leads from.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray

from app.database.background import cut
from app.database.engine import fetch
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.measures import NUMERIC
from app.lifecycle.stage_arrays import RULES, STAGES
from app.scores.columns import score_columns
from app.stages import history_queries as queries
from app.stages.service import Cause, StageContext

WRITTEN_AT_ONCE: Final = 200
"""Customers of a transaction: a till that changes the stage of one of them waits for it."""
_LAST_EVENT: Final = [measure.name for measure in NUMERIC].index("last_event_us")

Numbers = NDArray[np.int64]


class Past(NamedTuple):
    """States of customers at past times, in the order of customers and times.

    `customer_ids` are the customers; `owners` (n,) each row's place in them, `times` (n,) in the times, ascending;
    `states` (n, len(NUMERIC)), of the events before.
    """

    customer_ids: Sequence[str]
    owners: Numbers
    times: Numbers
    states: Floats


class Judged(NamedTuple):
    """Rows of `Past` as judged, each (n,): places in STAGES and in RULES, when the stage began as far as the state
    tells (µs, NaN: it does not), and the risk, NaN of who never bought."""

    stages: NDArray[np.uint8]
    rules: NDArray[np.uint8]
    began_us: Floats
    churn_risk: Floats


class Move(NamedTuple):
    """A row of `queries.WRITE`, its fields the parameters."""

    customer_id: str
    at_us: int
    from_stage: str | None
    to_stage: str
    rule: str
    cause: Cause
    churn_risk: float | None
    model_version: str | None


class History(NamedTuple):
    """Of one customer: the moves, ascending, with the look that each was `seen_us` at; and the times at which the risk
    was judged, with whether it was above the threshold of warnings."""

    moves: list[Move]
    seen_us: list[int]
    looks_us: list[int]
    is_above: list[bool]

    def before(self, begins_us: int) -> list[Move]:
        """The moves before a record begins, that are seen when it does or before."""
        seen = zip(self.moves, self.seen_us, strict=True)
        return [move for move, seen_us in seen if seen_us <= begins_us and move.at_us < begins_us]

    def crossed_us(self, begins_us: int) -> int | None:
        """When a risk that was above when the record began rose to the threshold: the first look since when it was
        above at each, or the beginning of the record itself. None: nobody looked before that."""
        crossed_us = begins_us
        looks = [(us, above) for us, above in zip(self.looks_us, self.is_above, strict=True) if us < begins_us]
        for us, above in reversed(looks):
            if not above:
                break
            crossed_us = us
        return crossed_us if looks else None


def judge_past(past: Past, times_us: Sequence[int], context: StageContext) -> Judged:
    """Each row as of its own time."""
    count = len(past.times)
    judged = Judged(np.empty(count, np.uint8), np.empty(count, np.uint8), np.empty(count), np.empty(count))
    for place, time_us in enumerate(times_us):
        at = np.flatnonzero(past.times == place)
        if not len(at):
            continue
        columns = score_columns(past.states[at], float(time_us), context.scoring)
        judged.stages[at], judged.rules[at] = columns.judgements.stages, columns.judgements.rules
        judged.began_us[at] = time_us - columns.judgements.held_days * DAY_US
        judged.churn_risk[at] = columns.expected.churn_risk
    return judged


def find_histories(past: Past, times_us: Sequence[int], context: StageContext) -> Iterator[tuple[str, History]]:
    """Of each customer what their rows come to."""
    judged = judge_past(past, times_us, context)
    is_first = np.diff(past.owners, prepend=-1) != 0
    moved = is_first | (np.diff(judged.stages.astype(np.int64), prepend=-1) != 0)
    with np.errstate(invalid="ignore"):
        above = (judged.churn_risk >= context.warning_risk).tolist()
    looks_us = [times_us[place] for place in past.times.tolist()]
    starts = np.flatnonzero(is_first).tolist()
    for start, end in zip(starts, [*starts[1:], len(past.owners)], strict=True):
        rows = (start + np.flatnonzero(moved[start:end])).tolist()
        moves = [_move(past, judged, row, row == start, times_us, context) for row in rows]
        seen_us = [looks_us[row] for row in rows]
        yield past.customer_ids[past.owners[start]], History(moves, seen_us, looks_us[start:end], above[start:end])


def _move(past: Past, judged: Judged, row: int, is_first: bool, times_us: Sequence[int], context: StageContext) -> Move:
    """The move that a row sees, dated after the look before: silence by the day on which it became too long, what
    events brought by the day since when it holds, or else by the look."""
    place, model = int(past.times[row]), context.scoring.model
    looked_us, risk = times_us[place], float(judged.churn_risk[row])
    before_us = times_us[place - 1] if place else looked_us - 1
    began_us, last_event_us = float(judged.began_us[row]), float(past.states[row, _LAST_EVENT])
    is_known = began_us == began_us  # not NaN
    at_us = min(max(round(began_us), before_us + 1), looked_us) if is_known else looked_us
    is_silence = not is_first and (last_event_us < before_us or (is_known and began_us > last_event_us))
    return Move(
        past.customer_ids[int(past.owners[row])],
        at_us,
        None if is_first else STAGES[judged.stages[row - 1]],
        STAGES[judged.stages[row]],
        RULES[judged.rules[row]],
        "silence" if is_silence else "event",
        risk if risk == risk else None,
        None if model is None or risk != risk else model.version,
    )


async def write_histories(
    connection: "asyncpg.Connection[Any]", histories: Sequence[tuple[str, History]], now_us: int
) -> int:
    """Joins histories on before the records, in the place of what was worked out before; how many moves."""
    written = 0
    for part in cut(histories, WRITTEN_AT_ONCE):
        async with connection.transaction():
            written += await _write_some(connection, dict(part), now_us)
    return written


async def _write_some(connection: "asyncpg.Connection[Any]", histories: dict[str, History], now_us: int) -> int:
    locked = await fetch(connection, queries.LOCK, {"customer_ids": list(histories)})
    begins = [(row["customer_id"], row["begins_us"]) for row in locked if row["begins_us"] is not None]
    moves = {customer_id: histories[customer_id].before(begins_us) for customer_id, begins_us in begins}
    ids = [customer_id for customer_id, made in moves.items() if made]
    rows = [move for customer_id in ids for move in moves[customer_id]]
    await fetch(connection, queries.FORGET, {"customer_ids": ids})
    await fetch(connection, queries.WRITE, {**_columns(Move, rows), "now_us": now_us})
    joined = [(customer_id, us, moves[customer_id][-1].to_stage) for customer_id, us in begins if moves[customer_id]]
    await fetch(connection, queries.JOIN_ON, _columns(_Joined, joined))
    await fetch(connection, queries.DATE_STAGES, {"customer_ids": ids})
    crossed = [
        (customer_id, crossed_us, begins_us)
        for customer_id, begins_us in begins
        if (crossed_us := histories[customer_id].crossed_us(begins_us)) is not None
    ]
    await fetch(connection, queries.DATE_WARNINGS, _columns(_Crossed, crossed))
    return len(rows)


class _Joined(NamedTuple):
    customer_id: str
    at_us: int
    from_stage: str


class _Crossed(NamedTuple):
    customer_id: str
    crossed_us: int
    begins_us: int


def _columns(fields: Any, rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as an array a parameter."""
    return {name: [row[at] for row in rows] for at, name in enumerate(fields._fields)}
