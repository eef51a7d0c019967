"""What became of what a request brought: counted, kept as refused, and told item by item."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from app.foundation.errors import Conflict, Problem, pointer
from app.foundation.metrics import count_warnings
from app.ingest.intake import Submission
from app.ingest.refusals import Rejection
from app.lifecycle.events import Event
from app.lifecycle.mending import Path, Warned

MOST_WARNINGS: Final = 20
"""That one event is answered with; all are counted."""
Other = TypeVar("Other")
"""What a message may come to beside an event and a refusal."""


def submission_of(outcomes: Sequence[object]) -> Submission:
    """The events to count, and the refusals to keep."""
    events = tuple(item for item in outcomes if isinstance(item, Event))
    return Submission(events, tuple(item for item in outcomes if isinstance(item, Rejection)))


def list_results(
    outcomes: Sequence[Event | Rejection | Other], statuses: Sequence[str], conflict: str
) -> list[str | Problem | Other]:
    """What became of each, in the order sent, by the statuses of the events among them.

    `conflict` says what came before with other content.
    """
    left = iter(statuses)
    results: list[str | Problem | Other] = []
    for item in outcomes:
        if isinstance(item, Event):
            status = next(left)
            results.append(Conflict(conflict) if status == "conflict" else status)
        else:
            results.append(item.problem if isinstance(item, Rejection) else item)
    return results


def render_result(result: str | Problem, warnings: Sequence[Warned] = (), within: Path = ()) -> dict[str, Any]:
    """One of them on the wire, with what was mended of what is counted. `within` leads the pointers."""
    if isinstance(result, Problem):
        return {"status": "rejected", "problem": result.as_json()}
    if not warnings:
        return {"status": result}
    if result == "accepted":
        count_warnings(warned.code for warned in warnings)
    return {"status": result, "warnings": [_render_warning(each, within) for each in warnings[:MOST_WARNINGS]]}


def _render_warning(warned: Warned, within: Path) -> dict[str, str]:
    return {"pointer": pointer((*within, *warned.path)), "code": warned.code, "detail": warned.detail}


def render_receipt(results: Sequence[dict[str, Any]], statuses: Sequence[str]) -> dict[str, Any]:
    """All of them, with how many there are of each status."""
    return {**count_statuses([result["status"] for result in results], statuses), "results": results}


def count_statuses(told: Sequence[str], statuses: Sequence[str]) -> dict[str, int]:
    """How many there are of each of `statuses`; of others where there are any."""
    return {**dict.fromkeys(statuses, 0), **Counter(told)}
