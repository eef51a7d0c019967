"""The transaction on a real Postgres against the reference in Python, and against itself."""

import asyncio
import itertools
import time
import uuid
from contextlib import asynccontextmanager

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.checkout import items
from app.checkout.batch import Asked
from app.checkout.transaction import Transactions
from app.database.engine import Driver
from app.decisions.contact_book import ContactBook
from app.decisions.deadlines import Deadline
from app.decisions.queries import WRITE_DECISIONS
from app.decisions.schemas import DecisionRequest
from app.decisions.service import Deciding
from app.foundation.settings import Settings
from app.ingest.admission import admit
from app.ingest.intake import Submission
from app.ingest.order_identity import CHANGES, OrderIdentity
from app.ingest.rules import Rules
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.decisions import Policy
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.events import OrderLine
from app.lifecycle.measures import (
    CONTACT_CHANNELS,
    MEASURES,
    SALES_CHANNELS,
    Lift,
    Merge,
    fold,
)
from app.lifecycle.stages import StagePolicy
from app.lifecycle.states import CASE, CONSENT, INTEREST, ITEM, fold_states
from app.scores.scoring import Scoring
from tests.order_lines import lines_of

NOW_US = time.time_ns() // 1000
YEARS_US = 3 * 365 * 86_400_000_000
CHANNELS = st.sampled_from((*SALES_CHANNELS, *CONTACT_CHANNELS, "kiosk"))
NO_DEADLINE = Deadline(1e9, 1e9, 1e9)
MONEY = st.integers(0, 10**9).map(lambda minor: minor / 100)


def deciding():
    scoring = Scoring(None, StagePolicy(), 90, "CNY", 2)
    return Deciding(
        scoring, ActionCatalogue(DEFAULT_ACTIONS), Policy(0.0, 0.0, 0.25), 100.0, 0.5, ContactBook(Settings())
    )


@asynccontextmanager
async def opened(engine, kind=Driver):
    driver = kind(engine)
    try:
        yield Transactions(driver, OrderIdentity(), deciding)
    finally:
        await driver.close()


@pytest.fixture(scope="session")
async def transactions(engine):
    async with opened(engine) as transactions:
        yield transactions


TELLING = ("order.completed", "feedback.submitted", "consent.changed", "tier.changed")
"""Types of which the order matters most."""

DATA = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from("AB"),
        "total": MONEY,
        "discount": MONEY,
        "products": st.lists(
            st.fixed_dictionaries(
                {"product_id": st.sampled_from(("p", 'say "hi"', "back\\slash", "{a,b}", "牛奶 (1 l)", "NULL"))},
                optional={
                    "quantity": st.one_of(st.integers(1, 9), st.sampled_from((0.125, 1e6))),
                    "category": st.sampled_from(("dairy", "", 'a"b\\', "NULL")).filter(bool),
                    "price": MONEY,
                    "discount": st.one_of(MONEY, st.sampled_from(("no amount", None, True))),
                },
            ),
            max_size=3,
        ),
        "purpose": st.sampled_from(("marketing", "marketing", "personalization", "research", "Research ", None)),
        "granted": st.booleans(),
        "metric": st.sampled_from(("csat", "csat", "nps", "rating")),
        "score": st.integers(1, 5),
        "case_id": st.sampled_from("XY"),
        "kind": st.sampled_from(("complaint", "question")),
        "points": st.integers(0, 10**6),
        "tier": st.sampled_from(("silver", "gold", "铂金")),
        "action_id": st.just("cross-sell"),
        "recommendation_id": st.just("r-1"),
        "product_id": st.sampled_from(("p", "牛奶 (1 l)")),
        "merged": st.just("other"),
    },
    optional={"channel": CHANNELS},
)
"""Members of every type at once: each type reads its own."""


@st.composite
def deliveries(draw):
    """A history, and the batches in which it arrives: every event at least once, by its place.

    Of few types and mostly of one customer, so that events meet in the same measures.
    """
    types = draw(st.lists(st.sampled_from((*sorted(EVENT_TYPES.keys() - CHANGES), "other")), max_size=2))
    event = st.tuples(
        st.sampled_from([*types, draw(st.sampled_from(TELLING)), "order.completed"]),
        st.sampled_from("AAAB"),  # customer
        st.sampled_from(("s", "s ", "t")),  # source: ties in time go by source, then id
        st.one_of(st.integers(0, YEARS_US), st.sampled_from((0, 1, 86_400_000_000))),  # age, ties among them
        DATA,
    )
    drawn = draw(st.lists(event, min_size=3, max_size=14))
    repeats = draw(st.lists(st.integers(0, len(drawn) - 1), max_size=4))
    mixed = draw(st.permutations([*range(len(drawn)), *repeats]))
    cuts = draw(st.lists(st.integers(1, len(mixed) - 1), min_size=1, max_size=4).map(sorted))
    return drawn, [mixed[start:end] for start, end in itertools.pairwise([0, *cuts, len(mixed)])]


def make_events(drawn):
    """Events of customers and sources that no other example has."""
    own = uuid.uuid4().hex
    made = []
    for number, (type_, customer, source, age_us, data) in enumerate(drawn):
        at_us = NOW_US - age_us
        raw = {
            "specversion": "1.0",
            "id": f"{number % 7}-{number}",
            "source": f"{own}/{source}",
            "type": type_,
            "subject": f"{own}-{customer}",
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at_us // 10**6))}.{at_us % 10**6:06d}Z",
            "data": {**data, "order_id": f"{data['order_id']}{number}"},  # of its own: no refund is of another's order
        }
        made.append(admit(raw, Rules("CNY", 2, b"k"), NOW_US))
    return made


async def read_state(engine, customer_id):
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT * FROM customer_states WHERE customer_id = $1", (customer_id,))
        return found.mappings().one()


async def read_cases(engine, customer_ids):
    """(customer, case) → the state that is kept."""
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT * FROM customer_cases WHERE customer_id = ANY($1)", (customer_ids,)
        )
        return {(row.customer_id, row.case_id): dict(list(row._mapping.items())[2:]) for row in rows}


async def read_words(engine, customer_ids):
    """(customer, purpose, channel) → the state that is kept."""
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT * FROM customer_consents WHERE customer_id = ANY($1)", (customer_ids,)
        )
        return {(row.customer_id, row.purpose, row.channel): {"word": row.word} for row in rows}


async def read_states_of(engine, spec, customer_ids):
    """(customer, item) → the state that is kept."""
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(
            f"SELECT * FROM {spec.table} WHERE customer_id = ANY($1)", (customer_ids,)
        )
        return {(row.customer_id, row.item_id): dict(list(row._mapping.items())[2:]) for row in rows}


async def read_lines(engine, customer_ids):
    """(source, id) → the order lines that are kept."""
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT source, id, lines FROM events WHERE customer_id = ANY($1)", (customer_ids,)
        )
        return {(row.source, row.id): tuple(OrderLine(*line) for line in row.lines or ()) for row in rows}


@settings(max_examples=75, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(delivery=deliveries(), many=st.sampled_from((1, items.MANY)))
async def test_the_state_is_the_fold_of_the_events_however_they_came(engine, transactions, delivery, many):
    """Integers, times and texts exactly, sums of floats to 1e-9; items summed by the statement, or before it.

    Failures are not shrunk: each try is several transactions. The same property without a database is.
    """
    drawn, batches = delivery
    events = make_events(drawn)
    statuses = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "MANY", many)
        for batch in batches:  # one transaction, of two submissions; a repeat is another object, as over HTTP
            halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
            submissions = [Submission(tuple(events[place]._replace() for place in half)) for half in halves]
            statuses += [status for entry in await transactions.enter(submissions) for status in entry.statuses]
    assert statuses.count("accepted") == len(events)
    assert statuses.count("duplicate") == len(statuses) - len(events)
    for customer_id in {event.customer_id for event in events}:
        kept = await read_state(engine, customer_id)
        expected = fold(event for event in events if event.customer_id == customer_id)
        for measure in MEASURES:
            floats = measure.merge is Merge.DECAYED or measure.lift in (Lift.SEASON_COS, Lift.SEASON_SIN)
            value = list(expected[measure.name]) if measure.merge is Merge.DAYS else expected[measure.name]
            assert kept[measure.name] == (pytest.approx(value, rel=1e-9, abs=1e-9) if floats else value), measure.name
    customer_ids = list({event.customer_id for event in events})
    assert await read_cases(engine, customer_ids) == fold_states(CASE, events)
    assert await read_words(engine, customer_ids) == fold_states(CONSENT, events)
    for spec in (ITEM, INTEREST):
        found, folded = await read_states_of(engine, spec, customer_ids), fold_states(spec, events)
        assert found.keys() == folded.keys()
        for key, state in folded.items():
            for name, value in state.items():
                assert found[key][name] == (pytest.approx(value) if isinstance(value, float) else value), (key, name)
    assert await read_lines(engine, customer_ids) == {(event.source, event.id): lines_of(event) for event in events}


async def test_a_submission_of_nothing(transactions):
    (entry,) = await transactions.enter([Submission(())])
    assert (entry.statuses, entry.answer) == ((), None)


async def test_two_processes_that_decide_the_same_checkout_at_once_give_one_answer(engine, transactions):
    """Its event came before by another way: both find no earlier answer, and neither waits for the other."""
    (event,) = make_events([("order.completed", "A", "s", 0, {"order_id": "1", "total": 80})])
    await transactions.enter([Submission((event,))])
    both_have_read = asyncio.Barrier(2)

    class Slow(Driver):
        async def fetch(self, statement, **parameters):
            if statement is WRITE_DECISIONS:
                await both_have_read.wait()
            return await super().fetch(statement, **parameters)

    asked = Asked(event.customer_id, DecisionRequest(context={}, exclude=[]), "en", NO_DEADLINE)

    async def check_out(transactions, delay_s):
        await asyncio.sleep(delay_s)
        (entry,) = await transactions.enter([Submission((event,), asked=asked)])
        return entry.answer

    async with opened(engine, Slow) as one, opened(engine, Slow) as other:
        answers = await asyncio.gather(check_out(one, 0), check_out(other, 0.01))
    (kept,) = await transactions.enter([Submission((event,), asked=asked)])
    assert set(answers) == {kept.answer}
