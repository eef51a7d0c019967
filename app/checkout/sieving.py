"""What comes of persons who were erased is taken out of a batch before any of its steps sees it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import orjson

from app.customers.linking import edges_of
from app.customers.tombstone_queries import FIND_ERASED, LIFT, SPREAD
from app.database.engine import Driver
from app.ingest.intake import Entry, Submission
from app.ingest.naming import ids_in
from app.ingest.refusals import Rejection
from app.ingest.shops.redactions import ORDER
from app.lifecycle.events import CONSENT_CHANGED, CUSTOMER_MERGED, CUSTOMER_UNMERGED, Event
from app.lifecycle.identifiers import groups_of, is_pseudonym, kind_of
from app.lifecycle.tombstones import Tombstone, Tombstones


class Sieved(NamedTuple):
    """Submissions without what is barred. `barred`: `id` of the events that are."""

    submissions: list[Submission]
    barred: frozenset[int]

    def restore(
        self, given: Sequence[Submission], entries: Sequence[Entry | Exception], answers: Mapping[int, bytes]
    ) -> list[Entry | Exception]:
        """What became of the submissions as they came. `answers`: of those that asked for what was barred, by place."""
        return [
            entry if isinstance(entry, Exception) else self._restore(item, entry, answers.get(place))
            for place, (item, entry) in enumerate(zip(given, entries, strict=True))
        ]

    def _restore(self, item: Submission, entry: Entry, answer: bytes | None) -> Entry:
        left = iter(entry.statuses)
        statuses = ["erased" if id(event) in self.barred else next(left) for event in item.events]
        return Entry(tuple(statuses), entry.answer if answer is None else answer)


def hashes_of(submissions: Iterable[Submission], tombstones: Tombstones) -> dict[str, tuple[bytes, ...]]:
    """Id → its hashes, of all ids that submissions name."""
    found: dict[str, tuple[bytes, ...]] = {}
    for submission in submissions:
        for event in submission.events:
            for each in named_by(event):
                if each not in found:
                    found[each] = tombstones.hashes(each)
        for rejection in submission.rejections:
            found |= {each: tombstones.hashes(each) for each in ids_in(orjson.loads(rejection.raw))}
    return found


def named_by(event: Event) -> set[str]:
    """The ids that an event names: its customer's, and those that it joins or takes apart."""
    return {event.customer_id, *(each for edge in edges_of(event) for each in edge.pair)}


async def sieve(driver: Driver, submissions: Sequence[Submission], hashes: Mapping[str, tuple[bytes, ...]]) -> Sieved:
    """Takes out what names an erased person, in the transaction that is to count the rest.

    Whoever gives consent anew, later than the erasure, begins anew: what happened from then on is kept. An identifier
    of an erased person that another customer is said to have joins nobody: it is left out of what is kept.
    """
    rows = await driver.fetch(FIND_ERASED, hashes=[*chain(*hashes.values())])
    found = {bytes(row["id_hash"]): Tombstone(row["erased_us"], row["lifted_us"]) for row in rows}
    known = {customer_id: found[hashed] for customer_id, each in hashes.items() for hashed in each if hashed in found}
    events = [event for item in submissions for event in item.events]
    known = await _lift(driver, known, hashes, events)
    left_out = [event for event in events if _is_barred(event, known)]
    await _spread(driver, known, hashes, left_out)
    barred = frozenset(map(id, left_out))
    return Sieved([_left_of(item, barred, known) for item in submissions], barred)


async def _spread(
    driver: Driver, known: Mapping[str, Tombstone], hashes: Mapping[str, tuple[bytes, ...]], barred: Iterable[Event]
) -> None:
    """An order that is not kept leaves a tombstone, too: a shop's refund names it, and nobody else."""
    theirs = {
        hashes[each][0]: own
        for event in barred
        for own in hashes[event.customer_id]
        if event.customer_id in known
        for each in named_by(event) - known.keys()
        if is_pseudonym(each) and kind_of(each) == ORDER
    }
    if theirs:
        await driver.fetch(SPREAD, own=list(theirs.values()), other=list(theirs))


async def _lift(
    driver: Driver, known: Mapping[str, Tombstone], hashes: Mapping[str, tuple[bytes, ...]], events: Sequence[Event]
) -> dict[str, Tombstone]:
    """Tombstones after the consents among these events, which are kept."""
    after = dict(known)
    for event in events:
        if event.type != CONSENT_CHANGED or event.value != "granted" or known.keys().isdisjoint(_own_ids(event)):
            continue
        for each in named_by(event) & known.keys():
            after[each] = after[each].lift(event.occurred_us)
    for each in sorted(each for each, stone in after.items() if stone != known[each]):
        await driver.fetch(LIFT, hashes=[*hashes[each]], lifted_us=after[each].lifted_us)
    return after


def _is_barred(event: Event, known: Mapping[str, Tombstone]) -> bool:
    """Whether it is of an erased person, or says nothing but of one."""
    own = next((known[each] for each in _own_ids(event) if each in known), None)
    if own is not None:
        return own.bars(event.occurred_us)
    if event.type not in (CUSTOMER_MERGED, CUSTOMER_UNMERGED):
        return False
    merged = known.get(orjson.loads(event.data)["merged"])
    return merged is not None and merged.bars(event.occurred_us)


def _own_ids(event: Event) -> Iterable[str]:
    """The customer's id; of a pseudonym also those that the identifier had by former keys and forms."""
    yield event.customer_id
    if is_pseudonym(event.customer_id) and '"form"' in event.data:
        for group in groups_of(orjson.loads(event.data).get("identifiers", ())):
            theirs = list(ids_in(group))
            if event.customer_id in theirs:
                yield from theirs


def _left_of(item: Submission, barred: frozenset[int], known: Mapping[str, Tombstone]) -> Submission:
    events = tuple(_without_identifiers(event, known) for event in item.events if id(event) not in barred)
    rejections = tuple(each for each in item.rejections if not _names_barred(each, known))
    return Submission(events, rejections, item.asked if events or not item.events else None)


def _without_identifiers(event: Event, known: Mapping[str, Tombstone]) -> Event:
    """The event itself, unless it names an identifier of an erased person. What tells a repeat of it stays."""
    if not any(stone.bars(event.occurred_us) for each in named_by(event) if (stone := known.get(each)) is not None):
        return event
    data: dict[str, Any] = orjson.loads(event.data)
    groups = groups_of(data["identifiers"])
    kept = [each for group in groups if not _is_of(group, known, event.occurred_us) for each in group]
    return event._replace(data=orjson.dumps({**data, "identifiers": kept}).decode())


def _is_of(identifier: Any, known: Mapping[str, Tombstone], occurred_us: int) -> bool:
    stones = (known.get(each) for each in ids_in(identifier))
    return any(stone is not None and stone.bars(occurred_us) for stone in stones)


def _names_barred(rejection: Rejection, known: Mapping[str, Tombstone]) -> bool:
    """When it happened is not known of what was refused."""
    stones = (known.get(each) for each in ids_in(orjson.loads(rejection.raw)))
    return any(stone is not None and stone.bars(None) for stone in stones)
