"""The steps that answer a till: scores and decisions, and the stages that have changed."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import orjson

from app.checkout.batch import Asked, Batch
from app.customers.item_states import read_item_states
from app.customers.linking import read_person_states
from app.customers.state import CustomerState, newcomer
from app.database.engine import Driver
from app.decisions.carrying import find_foremost
from app.decisions.queries import READ_ANSWERS
from app.decisions.service import (
    Deciding,
    Decision,
    Known,
    checkout_decision_id,
    customer_context,
    decide,
    options_of,
    undecided,
)
from app.decisions.settling import Draft, draft_of, note_contacts, settle
from app.decisions.writing import write_decisions
from app.ingest.intake import Submission
from app.ingest.repeats import customer_by_sender
from app.lifecycle.decisions import CustomerContext, DecisionOptions
from app.lifecycle.identifiers import BASKET
from app.scores.rendering import render_score
from app.scores.service import Score, score_states
from app.stages.queries import READ_RECORDED
from app.stages.service import StageContext, record_stages, stage_key


async def answer_tills(batch: Batch) -> None:
    """Scores and decides for whoever asked; a repeat is answered as the first time, if there is time to read that."""
    if batch.deciding is None:
        return
    asking: dict[int, str] = {}
    fresh: dict[str, Asked] = {}
    repeated: dict[str, str] = {}
    for place, (item, statuses) in enumerate(zip(batch.submissions, batch.statuses, strict=True)):
        if not isinstance(item.asked, Asked) or statuses[0] == "conflict":
            continue
        event = item.events[0]
        asking[place] = decision_id = checkout_decision_id(event.source, event.id)
        is_kept = item.asked.deadline.lateness(batch.answering_s) != "no_receipt"
        if statuses[0] == "duplicate" and is_kept:
            repeated[decision_id] = customer_by_sender(batch.known.get((event.source, event.id), event))
        fresh.setdefault(decision_id, item.asked)
    answers = await _read_answers(batch.driver, repeated) if repeated else {}
    answers |= await _decide(batch, batch.deciding, {key: asked for key, asked in fresh.items() if key not in answers})
    batch.answers = {place: answers[decision_id] for place, decision_id in asking.items()}


def answer_erased(batch: Batch, given: Sequence[Submission], sieved: Sequence[Submission]) -> dict[int, bytes]:
    """Place → the answer (JSON) to those who asked with the event of somebody who was erased: a newcomer's score, and
    no decision, since nothing of it may be kept."""
    answers = {}
    for place, (item, left) in enumerate(zip(given, sieved, strict=True)):
        if batch.deciding is not None and isinstance(item.asked, Asked) and left.asked is None:
            event, scoring = item.events[0], batch.deciding.scoring
            (score,) = score_states([newcomer(item.asked.customer_id)], batch.now_us, scoring)
            decision = undecided(checkout_decision_id(event.source, event.id), item.asked.customer_id)
            told = {"score": render_score(score, scoring, item.asked.language), "decision": decision}
            answers[place] = orjson.dumps(told)
            batch.unkept += 1
    return answers


async def record_changed_stages(batch: Batch) -> None:
    """Records the stages that are not as they are recorded: few of those whose state has changed.

    Who is known by several ids is recorded under the person's, from all of them. Where all who asked are too late for
    anything to be kept, the sweep is left to find them.
    """
    if batch.deciding is None or (batch.unkept and not batch.limits_s()):
        return
    context = StageContext(batch.deciding.scoring, batch.deciding.warning_risk)
    scores = dict(_score(batch, batch.deciding, batch.recorded, explained=False))
    recorded = dict(batch.recorded)
    persons = await _read_persons(batch)
    if persons:
        rows = await batch.driver.fetch(READ_RECORDED, customer_ids=list(persons))
        recorded |= {row["customer_id"]: row["recorded_stage_key"] for row in rows}
        for score in score_states(list(persons.values()), batch.now_us, batch.deciding.scoring, explained=False):
            scores[score.state.customer_id] = score
    changed = [
        scores[each]
        for each, key in recorded.items()
        if not scores[each].state.refuses_profiling and stage_key(scores[each], context) != key
    ]
    if changed:
        await record_stages(batch.driver, changed, batch.now_us, context)


async def _read_persons(batch: Batch) -> dict[str, CustomerState]:
    """Person → state, of the customers that the batch changed and whose own row is not all of them."""
    changed = {event.customer_id for event in batch.new_events()} | batch.regrouped
    wanted = [each for each in changed if each not in batch.recorded and not each.startswith(BASKET)]
    if not wanted:
        return {}
    await _read_missing(batch, wanted)
    states = [batch.states[each] for each in wanted if batch.states[each].number("events")]
    goes_by = [(state.person_id or state.customer_id, state) for state in states]
    return {person_id: state._replace(customer_id=person_id) for person_id, state in goes_by}


async def _decide(batch: Batch, deciding: Deciding, asked: Mapping[str, Asked]) -> dict[str, bytes]:
    """Decision → score and decision, JSON. Writes the receipts that there is time for; where another process was
    first, its answer is the answer."""
    if not asked:
        return {}
    customer_ids = {item.customer_id for item in asked.values()}
    await _read_missing(batch, customer_ids)
    scores = _score(batch, deciding, customer_ids)
    known = {
        decision_id: customer_context(
            scores[item.customer_id],
            deciding,
            batch.states[item.customer_id].offered_us(),
            _options(batch, item),
            item.wanted.time_zone,
        )
        for decision_id, item in asked.items()
    }
    drafts = _drafts(batch, deciding, asked, await _look_for_items(batch, deciding, asked, known))
    settled = await settle(batch.driver, drafts, deciding.book, batch.now_us)
    decided = settled.made
    kept = [item for item in decided if item[0].answer["degraded_because"] != "no_receipt"]
    batch.unkept += len(decided) - len(kept)
    written = set()
    if kept:
        written = await write_decisions(batch.driver, kept, batch.delivered_late)
        batch.delivered_late.clear()
    await note_contacts(batch.driver, drafts, settled, written)
    batch.written += [decision for decision, _ in kept if decision.decision_id in written]
    answers = {decision.decision_id: answer for decision, answer in decided}
    lost = {
        item.decision_id: asked[item.decision_id].customer_id for item, _ in kept if item.decision_id not in written
    }
    return answers | await _read_answers(batch.driver, lost) if lost else answers


def _options(batch: Batch, item: Asked) -> DecisionOptions:
    return options_of(item.wanted, item.deadline.lateness(batch.answering_s))


async def _look_for_items(
    batch: Batch, deciding: Deciding, asked: Mapping[str, Asked], known: Mapping[str, CustomerContext]
) -> dict[str, CustomerContext]:
    """Decision → its customer, with the actions that speak of items and have none, and those of which none were looked
    for. Items that one decision looks for are known to all on the same customer."""
    if deciding.lacking_of is None:
        return dict(known)
    sought: dict[str, set[str]] = {}
    left: dict[str, list[str]] = {}
    for decision_id, item in asked.items():
        wanted = _options(batch, item)
        look, left[decision_id] = find_foremost(deciding.choosing, known[decision_id], wanted, batch.now_us)
        if look:
            sought.setdefault(item.customer_id, set()).update(look)
    items = await read_item_states(batch.driver, list(sought)) if sought else []
    lacking = {
        customer_id: deciding.lacking_of(batch.states[customer_id], theirs, sought[customer_id])
        for customer_id, theirs in zip(sought, items, strict=True)
    }
    customers = {}
    for decision_id, item in asked.items():
        unseen = {*left[decision_id]} - sought.get(item.customer_id, set())
        none_of = lacking.get(item.customer_id, frozenset())
        customers[decision_id] = known[decision_id]._replace(lacking=none_of, unseen=unseen)
    return customers


def _drafts(
    batch: Batch, deciding: Deciding, asked: Mapping[str, Asked], known: Mapping[str, CustomerContext]
) -> list[Draft]:
    """The decisions to be made, in the order that they were asked for."""
    drafts = []
    for decision_id, item in asked.items():
        customer = known[decision_id]
        make = partial(_make, batch, deciding, decision_id, item, customer)
        render = partial(_render, batch, deciding, item)
        drafts.append(draft_of(customer, item.wanted, batch.now_us, make, render))
    return drafts


def _make(
    batch: Batch, deciding: Deciding, decision_id: str, asked: Asked, customer: CustomerContext, known: Known
) -> Decision:
    return decide(
        decision_id,
        customer,
        asked.wanted,
        deciding,
        now_us=batch.now_us,
        language=asked.language,
        lateness=asked.deadline.lateness(batch.answering_s),
        known=known,
    )


def _render(batch: Batch, deciding: Deciding, asked: Asked, decision: Decision) -> bytes:
    score = batch.scores[asked.customer_id]
    answer = {"score": render_score(score, deciding.scoring, asked.language), "decision": decision.answer}
    return orjson.dumps(answer)


async def _read_answers(driver: Driver, given: Mapping[str, str]) -> dict[str, bytes]:
    """The answers that decisions had, JSON. `given`: decision → customer."""
    rows = await driver.fetch(READ_ANSWERS, customer_id=list(given.values()), decision_id=list(given))
    return {row["decision_id"]: row["answer"].encode() for row in rows}


async def _read_missing(batch: Batch, customer_ids: Iterable[str]) -> None:
    missing = [customer_id for customer_id in customer_ids if customer_id not in batch.states]
    if missing:
        found = await read_person_states(batch.driver, missing)
        batch.states |= {each: found.get(each) or newcomer(each) for each in missing}


def _score(
    batch: Batch, deciding: Deciding, customer_ids: Iterable[str], *, explained: bool = True
) -> Mapping[str, Score]:
    """The scores of these customers and of others; each customer of a batch is scored at most once.

    Not `explained`, for whoever tells no reasons.
    """
    unscored = [batch.states[customer_id] for customer_id in customer_ids if customer_id not in batch.scores]
    for score in score_states(unscored, batch.now_us, deciding.scoring, explained=explained):
        batch.scores[score.state.customer_id] = score
    return batch.scores
