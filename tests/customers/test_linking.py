"""Who is who on a real Postgres: persons as the events say, and how they read."""

import itertools
import random
import uuid

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, column, select, values

from app.customers import service as customers
from app.customers.linking import edges_of, read_person_states
from app.customers.linking_queries import in_person
from app.lifecycle.measures import NUMERIC
from app.lifecycle.persons import MOST_HOLDERS, persons_of
from tests.customers.persons import (
    DAY_US,
    NOW_US,
    assert_is_state_of,
    card,
    differences,
    history,
    opened,
    persons,
)


async def test_every_id_of_a_person_reads_as_the_merge_of_all(book, sql, engine):
    """A chain, from its end and its beginning, across transactions, with an id there is no event of."""
    told = await book.count(*history(book, "A", 400), *history(book, "B", 100))
    told += await book.count(book.merged("B", "A"))
    told += await book.count(book.merged("C", "no event"), *history(book, "C", 30))
    told += await book.count(book.merged("C", "B"))
    assert await persons(sql) == dict.fromkeys(("A", "B", "C", "no event"), "C")
    for customer_id in ("A", "B", "C", "no event"):
        (state,) = await book.read(customer_id)
        assert state.customer_id == customer_id
        assert_is_state_of(state, told)
    assert await differences(engine) == []


async def test_two_orders_at_the_same_moment_under_two_ids(book):
    told = await book.count(book.order("A", days_ago=3), book.order("B", days_ago=3), book.merged("A", "B"))
    (state,) = await book.read("B")
    assert state.number("second_last_order_us") == state.number("last_order_us")
    assert (state.number("orders"), state.number("order_days")) == (2, 1)
    assert_is_state_of(state, told)


async def test_many_at_once_each_under_the_id_asked_for(book):
    told = {name: await book.count(*history(book, name, 10 + 9 * ord(name))) for name in "ABCDE"}
    link_ab, link_dc = await book.count(book.merged("A", "B"), book.merged("D", "C"))
    found = await book.read("E", "B", "nobody", "C", "A", "D", "B")
    assert [state and state.customer_id for state in found] == ["E", "B", None, "C", "A", "D", "B"]
    assert_is_state_of(found[0], told["E"])
    for place in (1, 4, 6):
        assert_is_state_of(found[place], [*told["A"], *told["B"], link_ab])
    for place in (3, 5):
        assert_is_state_of(found[place], [*told["C"], *told["D"], link_dc])
    alone = await read_person_states(book.driver, ["E", "nobody"])
    assert list(alone) == ["E"]
    assert alone["E"].texts == found[0].texts
    assert alone["E"].numbers == pytest.approx(found[0].numbers, nan_ok=True)


async def test_unmerging_restores_both_exactly(book, sql):
    await book.count(*history(book, "A", 300), *history(book, "B", 90))
    before = await book.read("A", "B")
    rows = await sql.rows("SELECT * FROM customer_states ORDER BY customer_id")
    told = [book.merged("A", "B", 3), book.unmerged("A", "B", 2)]
    await book.count(told[0])
    (together,) = await book.read("B")
    assert together.number("orders") == 6
    await book.count(told[1])
    assert await persons(sql) == {}
    after = await book.read("A", "B")
    assert [state.texts for state in after] == [state.texts for state in before]
    for was, now, extra in zip(before, after, (2, 0), strict=True):  # the two events themselves are of A
        unlike = {
            measure.name: (a, b)
            for measure, a, b in zip(NUMERIC, was.numbers, now.numbers, strict=True)
            if a != b and measure.name != "events"
        }
        assert unlike == {}
        assert now.number("events") == was.number("events") + extra
    kept = await sql.rows("SELECT * FROM customer_states ORDER BY customer_id")
    assert kept[1] == rows[1]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_latest_word_decides_however_late_it_comes(book, sql, order):
    words = [book.merged("A", "B", 9), book.unmerged("A", "B", 8), book.merged("B", "A", 7)]
    for place in order:
        await book.count(words[place])
    assert await persons(sql) == {"A": "B", "B": "B"}
    row = await sql.row("SELECT * FROM links")
    assert (row["occurred_us"], row["first_us"]) == (words[2].occurred_us, words[0].occurred_us)


async def test_a_merge_before_either_has_events(book, sql):
    told = await book.count(book.merged("A", "B"))
    told += await book.count(*history(book, "B", 60))
    told += await book.count(*history(book, "A", 200))
    for state in await book.read("A", "B"):
        assert_is_state_of(state, told)


async def test_only_who_is_known_under_another_id_too_is_read_as_a_person(book, engine):
    """An identifier that there is no event of costs a customer nothing but a look."""
    await book.count(
        book.order("A"), book.identified("A", "1"), book.order("B"), book.merged("B", "C"), book.order("D")
    )
    asked = values(column("customer_id", Text), name="asked").data([(name,) for name in "ABD"])
    arriving = values(column("customer_id", Text), name="those").data([(card("1"),), ("D",)])

    async def told(expression):
        async with engine.connect() as connection:
            rows = await connection.execute(select(asked.c.customer_id).where(expression).order_by("customer_id"))
            return list(rows.scalars())

    assert await told(in_person(asked.c.customer_id)) == []
    assert await told(in_person(asked.c.customer_id, arriving)) == ["A"]
    await book.count(book.order("C"))
    assert await told(in_person(asked.c.customer_id)) == ["B"]


async def test_the_ids_of_a_person(book, sql):
    await book.count(book.identified("B", "1"), book.merged("B", "A"), book.order("alone"))
    rows = await sql.rows("SELECT customer_id, person_id FROM persons")
    assert {row["customer_id"]: row["person_id"] for row in rows} == dict.fromkeys(("A", "B", card("1")), "B")


async def test_what_was_anonymous_joins_when_the_visitor_identifies(book, sql, engine):
    visitor = card("device-1")
    told = await book.count(book.event("product.viewed", visitor, product_id="p", days_ago=5))
    (alone,) = await book.read(visitor)
    assert alone.number("visits") == 1
    told += await book.count(book.order("C-1"), book.identified("C-1", "device-1", "loyalty-9"))
    told += await book.count(book.event("product.viewed", visitor, product_id="q"))
    for state in await book.read("C-1", visitor, card("loyalty-9")):
        assert_is_state_of(state, told)
    assert await persons(sql) == dict.fromkeys(("C-1", visitor, card("loyalty-9")), "C-1")
    assert await differences(engine) == []


async def test_no_identifier_is_kept_in_clear(book, sql):
    """Its text is of letters that no time and no hash has."""
    await book.count(book.identified("C-1", "LOYALTY-XYZZY"), book.order(card("LOYALTY-XYZZY")))
    for table in ("events", "links", "persons", "customer_states"):
        for row in await sql.rows(f"SELECT {table}::text AS line FROM {table}"):
            assert "XYZZY" not in row["line"].upper()


async def test_offers_to_one_id_count_for_all(book, sql):
    await book.count(book.order("A"), book.merged("A", "B"))
    await sql.rows("INSERT INTO offers VALUES ('A', 'x', 5), ('B', 'x', 9), ('B', 'y', 3)")
    for state in await book.read("A", "B"):
        assert state.offered_us() == {"x": 9, "y": 3}
    await book.count(book.unmerged("A", "B", 0.5))
    (state,) = await book.read("A")
    assert state.offered_us() == {"x": 5}


async def test_a_past_state_is_of_the_whole_person(book, engine):
    told = await book.count(*history(book, "A", 400), *history(book, "B", 100), book.merged("A", "B"))
    as_of_us = NOW_US - 40 * DAY_US
    states, _ = await customers.read_past_states(engine, ["B", "A"], as_of_us)
    for customer_id in "AB":
        assert_is_state_of(states[customer_id], [event for event in told if event.occurred_us < as_of_us])
    now, _ = await customers.read_past_states(engine, ["B", "nobody"], None)
    assert list(now) == ["B"]
    assert_is_state_of(now["B"], told)


async def test_the_first_order_of_each_id_stays_where_it_was(book, sql):
    (late, early, _) = await book.count(
        book.order("A", days_ago=5), book.order("B", days_ago=50), book.merged("A", "B")
    )
    firsts = await sql.rows("SELECT first_order_us FROM customer_states ORDER BY customer_id")
    assert [row["first_order_us"] for row in firsts] == [late.occurred_us, early.occurred_us]
    (state,) = await book.read("A")
    assert state.number("first_order_us") == early.occurred_us


async def test_an_identifier_that_becomes_everybodys_joins_nobody(book, sql, engine):
    for n in range(MOST_HOLDERS):
        await book.count(book.identified(f"C{n:02}", "5555"))
    assert set((await persons(sql)).values()) == {"C00"}
    await book.count(book.identified("one more", "5555", "own"))
    assert await persons(sql) == {"one more": "one more", card("own"): "one more"}
    assert await differences(engine) == []
    await book.count(book.unmerged("C05", card("5555"), 0.5))
    assert len(await persons(sql)) == MOST_HOLDERS + 2
    assert await differences(engine) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_device_joins_no_two_accounts_in_any_order(book, sql, engine, order):
    """What a visitor did on it belongs to whoever was seen on it first."""
    on_device = [{"kind": "device", "value": "home-pc"}]
    visit = book.event("product.viewed", None, days_ago=9, product_id="1", identifiers=on_device)
    mum = book.event("customer.identified", "mum", days_ago=8, identifiers=on_device)
    dad = book.event("customer.identified", "dad", days_ago=7, identifiers=on_device)
    await book.count(book.order("mum", 500), book.order("dad", 3))
    for place in order:
        await book.count([visit, mum, dad][place])
    assert set((await persons(sql)).values()) == {"mum"}
    mums, dads = await book.read("mum", "dad")
    assert [state.number("spend_minor") for state in (mums, dads)] == [50000, 300]
    assert [state.number("visits") for state in (mums, dads)] == [1, 0]
    assert await differences(engine) == []


async def test_the_ends_of_a_chain_are_parted_and_merged_again(book, sql, engine):
    """Across transactions: the same merge, said again later, is news."""
    await book.count(book.order("A", 10), book.order("B", 20), book.order("C", 30))
    await book.count(book.merged("A", "B", 9), book.merged("B", "C", 8))
    assert await persons(sql) == dict.fromkeys("ABC", "A")
    await book.count(book.unmerged("A", "C", 7))
    assert await persons(sql) == {"A": "A", "B": "A"}
    assert [state.number("orders") for state in await book.read("A", "B", "C")] == [2, 2, 1]
    await book.count(book.merged("B", "C", 6))
    assert await persons(sql) == dict.fromkeys("ABC", "A")
    assert await differences(engine) == []


async def test_who_was_taken_apart_stays_apart_whatever_they_share(book, sql, engine):
    await book.count(book.identified("A", "shared", days_ago=9), book.identified("B", "shared", "own", days_ago=8))
    assert set((await persons(sql)).values()) == {"A"}
    await book.count(book.unmerged("A", "B", 7))
    apart = {"A": "A", card("shared"): "A", "B": "B", card("own"): "B"}
    assert await persons(sql) == apart
    await book.count(book.identified("B", "shared", days_ago=6))
    assert await persons(sql) == apart
    assert await differences(engine) == []


NAMES = ("A", "B", "C", "D")
CARDS = ("1", "2", "3")
STORIES = st.lists(
    st.tuples(
        st.sampled_from(("merged", "unmerged", "identified", "order")),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES + CARDS),
        st.integers(1, 9),  # days ago
    ),
    min_size=2,
    max_size=12,
)


def tell(book, story, own):
    """The events of a story, of customers and identifiers that no other example has."""
    for type_, customer, other, days_ago in story:
        subject, is_card = own + customer, other in CARDS
        if type_ == "order":
            yield book.order(card(own + other) if is_card else subject, days_ago=days_ago)
        elif type_ == "identified":
            yield book.identified(subject, own + (other if is_card else "1"), days_ago=days_ago)
        else:
            target = card(own + other) if is_card else own + other
            yield book.event(f"customer.{type_}", subject, merged=target, days_ago=days_ago)


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(story=STORIES, seed=st.integers(0, 2**32))
async def test_persons_and_their_states_are_those_of_the_set_of_events(engine, story, seed):
    """However they come, and come again."""
    own, shuffled = f"{uuid.uuid4().hex}-", random.Random(seed)
    async with opened(engine) as book:
        told = list(tell(book, story, own))
        arriving = [*told, *shuffled.sample(told, 2)]
        shuffled.shuffle(arriving)
        while arriving:
            batch = [arriving.pop() for _ in range(min(len(arriving), shuffled.randint(1, 4)))]
            await book.count(*batch)
        expected = persons_of(edge for event in told for edge in edges_of(event))
        rows = await book.driver.fetch(ALL_PERSONS, pattern=f"%{own}%", nodes=list(map(card, (own + n for n in CARDS))))
        assert {row["customer_id"]: row["person_id"] for row in rows} == expected
        asked = [own + name for name in NAMES] + [card(own + name) for name in CARDS]
        for customer_id, state in zip(asked, await book.read(*asked), strict=True):
            person = expected.get(customer_id, customer_id)
            theirs = [event for event in told if expected.get(event.customer_id, event.customer_id) == person]
            if theirs:
                assert_is_state_of(state, theirs)
            else:
                assert state is None
        await (await book.driver.connection()).execute("TRUNCATE links, persons")


class _Everyone:
    """Persons by a part of the id, or by the ids."""

    text = "SELECT * FROM persons WHERE customer_id LIKE $1 OR customer_id = ANY($2)"

    def arguments(self, parameters):
        return [parameters["pattern"], parameters["nodes"]]


ALL_PERSONS = _Everyone()


async def test_over_http_every_id_shows_the_person_and_every_event_its_own_id(book, client, shop):
    at = [shop.ago(days=days) for days in (9, 8, 7)]
    orders = [
        shop.order("A", at=at[0], total=5),
        shop.order("B", at=at[1], total=7),
        shop.order("A", at=at[2], total=9),
    ]
    complaint = shop.event("case.opened", "A", data={"case_id": "K", "kind": "complaint"}, at=shop.ago(days=6))
    solved = shop.event("case.resolved", "B", data={"case_id": "K"}, at=shop.ago(days=5))
    assert (await client.post("/v1/events", json=[*orders, complaint, solved])).json()["accepted"] == 5
    await book.count(book.merged("B", "A"))
    profiles = [(await client.get(f"/v1/customers/{name}")).json() for name in "AB"]
    assert [profile["customer_id"] for profile in profiles] == ["A", "B"]
    for profile in profiles:
        assert (profile["orders"], profile["spend"], profile["channels"]) == (3, 21.0, {"store": 3})
        assert profile["open_complaints"] == 0
    for name in "AB":
        seen, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(f"/v1/customers/{name}/events", params=query)).json()
            seen += [(event["type"], event["subject"]) for event in page["events"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert seen == [
            ("customer.merged", "B"),
            ("case.resolved", "B"),
            ("case.opened", "A"),
            ("order.completed", "A"),
            ("order.completed", "B"),
            ("order.completed", "A"),
        ]
