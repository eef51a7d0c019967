"""Refused events once more, after what they were refused for has been mended.

Counting is exactly once, by source and id. So a replay need not be: an event is counted in one
transaction and its refusal removed in a later one, and what breaks off in between is replayed again as a
duplicate.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import orjson

from app.database.engine import transaction
from app.foundation.errors import (
    TYPE_PREFIX,
    Conflict,
    Malformed,
    Problem,
    Unreadable,
)
from app.foundation.metrics import REPLAYED
from app.http.resources import Resources
from app.ingest.admission import admit_or_reject
from app.ingest.intake import Intake, Status, Submission
from app.ingest.refusals import Rejection, is_size_alone
from app.ingest.rejected_queries import delete_rejected, read_contents, renew_problems
from app.ingest.repeats import Content, digest_content, is_same_content
from app.ingest.rules import Rules
from app.lifecycle.events import Event
from app.lifecycle.identifiers import is_nobody, is_pseudonym, make_pseudonym, pseudonyms_in

_FORMS: Final = range(2, 33)
"""What `form` says of a hash: how many there are of the identifier from this one on, by normal forms and keys."""


class Kept(NamedTuple):
    """A refused event as parsed from the JSON it was kept as, or as it was mended. `problem`: of what was kept."""

    rejected_id: int
    raw: Any
    problem: Mapping[str, Any]


class Replayed(NamedTuple):
    """What became of it. `problem` None: it is counted, or of somebody who was erased."""

    rejected_id: int
    status: Literal["accepted", "duplicate", "rejected", "erased"]
    problem: Problem | None = None


async def replay(kept: Sequence[Kept], resources: Resources, *, is_edited: bool = False) -> list[Replayed]:
    """Admits and counts; removes what is counted, and notes the new problem of what is refused again.

    The problem of an edited event is not noted: it is none of the event that is kept.
    """
    admitted = _admit_all(kept, resources, is_edited)
    async with transaction(resources.engine) as connection:
        known = await read_contents(
            connection, {(item.source, item.id) for item in admitted if isinstance(item, Event)}
        )
    judged = _refuse_conflicts(admitted, known)
    events = tuple(item for item in judged if isinstance(item, Event))
    entry = await resources.of(Intake).enter(Submission(events)) if events else None
    statuses = iter(entry.statuses if entry else ())
    replayed = [
        Replayed(item.rejected_id, "rejected", found)
        if isinstance(found, Problem)
        else _counted(item.rejected_id, next(statuses))
        for item, found in zip(kept, judged, strict=True)
    ]
    await _settle(replayed, resources, is_edited)
    for item in replayed:
        REPLAYED.add((item.status,))
    return replayed


def _admit_all(kept: Sequence[Kept], resources: Resources, is_edited: bool) -> list[Event | Problem]:
    now_us = time.time_ns() // 1000
    return [_admit_one(item, resources.of(Intake).rules, now_us, is_edited) for item in kept]


def _admit_one(item: Kept, rules: Rules, now_us: int, is_edited: bool) -> Event | Problem:
    """What was no event has the problem it had: that its size is no event either would tell nobody anything."""
    if not is_edited and is_size_alone(item.raw):
        return _same_problem(item.problem)
    admitted = admit_again(item.raw, rules, now_us)
    return admitted.problem if isinstance(admitted, Rejection) else admitted


def _same_problem(kept: Mapping[str, Any]) -> Problem:
    """The problem whose `as_json` was kept of what was no event."""
    kind = Unreadable if kept.get("type") == TYPE_PREFIX + Unreadable.slug else Malformed
    extensions = {name: kept[name] for name in kept.keys() - {"type", "title", "status", "detail"}}
    return kind(kept.get("detail", ""), **extensions)


def admit_again(raw: Any, rules: Rules, now_us: int) -> Event | Rejection:
    """`admit_or_reject` for an event whose identifiers may be hashes already: they stay what they are.

    They are set aside, since a hash has no value that could be checked, and stand first again afterwards;
    the digest is then that of the event as it was first sent. Without a subject it is of the pseudonym
    of its first identifier, as when it is admitted with the identifiers in clear.
    """
    data = raw.get("data") if isinstance(raw, dict) else None
    given = data.get("identifiers") if isinstance(data, dict) else None
    hashed = [item for item in given if _is_hashed(item)] if isinstance(given, list) else []
    if not hashed:
        return admit_or_reject(raw, rules, now_us)
    assert isinstance(given, list)
    assert isinstance(data, dict)
    others = [item for item in given if not _is_hashed(item)]
    known = pseudonyms_in(data)
    named = raw if not known or _names_somebody(raw) else {**raw, "subject": known[0]}
    admitted = admit_or_reject({**named, "data": {**data, "identifiers": others}}, rules, now_us)
    if isinstance(admitted, Rejection):
        return admitted
    whole = orjson.loads(admitted.data)
    whole["identifiers"] = hashed + whole["identifiers"]
    written = orjson.dumps(whole)
    digest = digest_content(admitted.type, admitted.customer_id, admitted.occurred_us, written)
    return admitted._replace(data=written.decode(), digest=digest)


def _names_somebody(raw: Mapping[str, Any]) -> bool:
    subject = raw.get("subject")
    return subject is not None and not (isinstance(subject, str) and is_nobody(subject))


def _is_hashed(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and (item.keys() - {"form"} == {"kind", "hash"} or item.keys() == {"kind", "void"})
        and item.get("form", 2) in _FORMS
        and isinstance(item["kind"], str)
        and isinstance(digest := item.get("hash", item.get("void")), str)
        and is_pseudonym(make_pseudonym(item["kind"], digest))
    )


def _refuse_conflicts(
    admitted: Sequence[Event | Problem], known: Mapping[tuple[str, str], Content]
) -> list[Event | Problem]:
    """Those that came before with other content, refused here: the ledger would keep a second refusal of each."""
    first = dict(known)
    return [
        Conflict()
        if isinstance(item, Event) and not is_same_content(first.setdefault((item.source, item.id), item), item)
        else item
        for item in admitted
    ]


def _counted(rejected_id: int, status: Status) -> Replayed:
    """A conflict only now has come in between: it is rare, and the ledger has kept it once more."""
    return Replayed(rejected_id, "rejected", Conflict()) if status == "conflict" else Replayed(rejected_id, status)


async def _settle(replayed: Sequence[Replayed], resources: Resources, is_edited: bool) -> None:
    counted = [item.rejected_id for item in replayed if item.problem is None]
    refused = {item.rejected_id: item.problem.as_json() for item in replayed if item.problem is not None}
    async with transaction(resources.engine) as connection:
        if counted:
            await delete_rejected(connection, counted)
        if not is_edited:
            await renew_problems(connection, refused)
