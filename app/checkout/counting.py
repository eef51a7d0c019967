"""The steps that count: events into the log and into the states, and who is who."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from app.checkout.batch import Batch, Known
from app.checkout.queries import COUNT_EVENTS, MERGE_CASES, MERGE_CONSENTS
from app.checkout.recalling import recall_left
from app.checkout.retelling import tell_again
from app.customers.case_queries import READ_COMPLAINTS
from app.customers.consent_queries import READ_CONSENTS
from app.customers.linking import edges_of, link
from app.customers.state import CustomerState
from app.database.engine import Statement
from app.ingest.queries import FACTS, KNOWN_EVENTS
from app.lifecycle.events import Event
from app.lifecycle.states import CASE, CONSENT, StateSpec


async def count_events(batch: Batch) -> None:
    """Inserts what is new, merges it into the customers' states, and settles what became of each event."""
    await recall_left(batch)
    if batch.events.keys() - batch.known.keys():
        await _count(batch, [*batch.new_events()])
        told_again = await tell_again(batch)
        if told_again:
            await _count(batch, told_again)
    batch.settle_statuses()


async def _count(batch: Batch, events: Collection[Event]) -> None:
    facts = _arrays(events)
    rows = await batch.driver.fetch(COUNT_EVENTS, received_us=batch.now_us, **facts)
    for row in rows:
        customer_id, numbers, texts, offered, complaints, words, recorded, in_person, *_ = row
        batch.numbers[customer_id] = numbers
        if not in_person:
            batch.states[customer_id] = CustomerState(customer_id, numbers, texts, offered, complaints, words)
            batch.recorded[customer_id] = recorded
    batch.told_before += rows[0]["told_before"] if rows else len(events)  # of nobody's alone there is no row to say it
    if not rows or rows[0]["counted"] < len(events):
        known = await batch.driver.fetch(KNOWN_EVENTS, source=facts["source"], id=facts["id"])
        batch.known.update({(row["source"], row["id"]): Known(*row) for row in known})


def _arrays(events: Iterable[Event]) -> dict[str, list[Any]]:
    """Events as a list a fact."""
    return dict(zip(_FACTS, map(list, zip(*events, strict=True)), strict=True))


_FACTS: Final = tuple(item.name for item in FACTS)


async def link_customers(batch: Batch) -> None:
    """Joins and takes apart the ids that new events speak of; whose person is another now is read anew."""
    edges = [edge for event in batch.new_events() for edge in edges_of(event)]
    edges += [edge for event in batch.moved for edge in edges_of(event)]
    batch.regrouped = await link(batch.driver, edges) if edges else set()
    for customer_id in batch.regrouped:
        batch.states.pop(customer_id, None)
        batch.recorded.pop(customer_id, None)


async def count_cases(batch: Batch) -> None:
    """Merges new events of service cases into the states of the cases."""
    for customer_id, standing in await _merge(batch, CASE, MERGE_CASES, READ_COMPLAINTS):
        batch.states[customer_id] = batch.states[customer_id]._replace(complaint_standing=standing)


async def count_consents(batch: Batch) -> None:
    """Merges what new events say of consent into the words on each purpose and channel."""
    for customer_id, words in await _merge(batch, CONSENT, MERGE_CONSENTS, READ_CONSENTS):
        batch.states[customer_id] = batch.states[customer_id]._replace(consent_words=words)


async def _merge(batch: Batch, spec: StateSpec, merge: Statement, read: Statement) -> Sequence[Any]:
    """The rows of `read` of the customers whose states new events are merged into, but for those who are known under
    other ids too."""
    events = [event for event in batch.new_events() if spec.concerns(event)]
    if not events:
        return ()
    facts = _arrays(events)
    await batch.driver.fetch(merge, **{name: facts[name] for name in merge.names})
    customer_ids = [event.customer_id for event in events if event.customer_id in batch.states]
    return await batch.driver.fetch(read, customer_ids=customer_ids)
