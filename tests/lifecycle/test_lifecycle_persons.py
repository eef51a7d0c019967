"""Who is who: edges from events, and persons that depend on the set of events alone."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.lifecycle.identifiers import is_pseudonym, make_pseudonym
from app.lifecycle.persons import MOST_HOLDERS, Edge, changes_persons, edges_in, merge_edges, persons_of
from tests.lifecycle.edges import device, hashed, identified, merged, phone, said, seen, unmerged


def test_the_edges_of_an_event():
    (edge,) = merged("B", "A", 7)
    assert edge == Edge("A", "B", True, "B", 7, "s", "7", 7)
    (edge,) = unmerged("B", "A", 8)
    assert edge == Edge("A", "B", False, "B", 8, "s", "8", None)
    assert [edge.pair for edge in identified("A", 1, 2)] == [("A", phone(1)), ("A", phone(2))]
    assert merged("A", "A") == []
    assert identified(phone(1), 1) == []
    assert said("merged", "A", 1) == []
    assert list(edges_in("order.completed", "A", {"merged": "B"}, (1, "s", "1"))) == []


def test_an_event_that_says_both_takes_apart():
    (edge,) = said("unmerged", "A", 1, merged=phone(1), identifiers=[{"kind": "phone", "hash": hashed(1)}])
    assert not edge.is_joined


def test_who_is_named_with_an_identifier_is_joined_to_it_whatever_the_event():
    data = {"order_id": "1", "total": 5, "identifiers": [{"kind": "phone", "hash": hashed(1)}]}
    edges = edges_in("order.completed", "A", data, (1, "s", "1")).values()
    assert persons_of(edges) == {"A": "A", phone(1): "A"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_chain_of_merges_is_one_person_who_goes_by_the_survivor(order):
    chain = [merged("B", "C", 1), merged("A", "B", 2), merged("Z", "A", 3)]
    edges = itertools.chain.from_iterable(chain[place] for place in order)
    assert persons_of(edges) == dict.fromkeys("ABCZ", "Z")


def test_of_merges_in_both_directions_the_latest_says_who_survives():
    assert persons_of(merged("A", "B", 1) + merged("B", "A", 2)) == {"A": "B", "B": "B"}
    assert persons_of(merged("B", "A", 2) + merged("A", "B", 1)) == {"A": "B", "B": "B"}


def test_a_circle_of_merges_goes_by_the_smallest_id():
    circle = merged("B", "C") + merged("C", "A") + merged("A", "B")
    assert persons_of(circle) == dict.fromkeys("ABC", "A")


def test_a_person_goes_by_an_id_of_the_retailer_rather_than_by_an_identifier():
    assert persons_of(merged(phone(1), "C-1")) == {phone(1): "C-1", "C-1": "C-1"}
    assert set(persons_of(identified(phone(2), 1)).values()) == {phone(2)}


def test_unmerging_takes_apart_whatever_the_order_of_arrival():
    story = [merged("A", "B", 1), unmerged("A", "B", 2), merged("A", "B", 3), unmerged("B", "A", 4)]
    for length in range(1, 5):
        expected = {"A": "A", "B": "A"} if length % 2 else {}
        for order in itertools.permutations(story[:length]):
            assert persons_of(itertools.chain.from_iterable(order)) == expected


def test_unmerging_one_link_of_a_chain_leaves_the_others():
    chain = merged("A", "B") + merged("B", "C") + merged("C", "D")
    assert persons_of(chain + unmerged("B", "C", 9)) == {"A": "A", "B": "A", "C": "C", "D": "C"}


@pytest.mark.parametrize(
    ("first", "second", "persons"),
    [(1, 2, {"A": "A", "B": "A"}), (2, 1, {"B": "B", "C": "B"})],
)
def test_unmerging_the_two_ends_of_a_chain_parts_them(first, second, persons):
    """Who is in the middle stays where they were merged first."""
    chain = [merged("A", "B", first), merged("B", "C", second), unmerged("A", "C", 3)]
    for order in itertools.permutations(chain):
        assert persons_of(itertools.chain.from_iterable(order)) == persons


def test_a_merge_after_it_brings_the_ends_of_a_chain_together_again():
    chain = merged("A", "B", 1) + merged("B", "C", 2) + unmerged("C", "A", 3)
    for again in (merged("B", "C", 4), merged("A", "C", 4)):
        assert set(persons_of(chain + again)) == set("ABC")
        assert len(set(persons_of(chain + again).values())) == 1
    assert persons_of(chain + merged("A", "B", 4)) == dict.fromkeys("ABC", "A")


@given(st.permutations(range(1, 6)), st.integers(0, 5), st.integers(0, 5))
def test_the_ends_of_any_chain_are_parted(times, one, other):
    """Any two of it, and nobody else than by the link that joined them last."""
    assume(one != other)
    ids = "ABCDEF"
    chain = [edge for place, at in enumerate(times) for edge in merged(ids[place], ids[place + 1], at)]
    persons = persons_of(chain + unmerged(ids[one], ids[other], 9))
    low, high = sorted((one, other))
    last = max(range(low, high), key=lambda place: times[place])
    side = lambda place: persons.get(ids[place], ids[place])  # noqa: E731
    for a, b in itertools.combinations(range(6), 2):
        assert (side(a) == side(b)) is not (a <= last < b)


def test_who_was_taken_apart_is_not_joined_by_an_identifier():
    """It stays with whoever was known by it first; the other's own identifiers are not touched."""
    edges = identified("A", 1, at=5) + identified("B", 1, 2, at=3) + merged("A", "B", 6)
    assert persons_of(edges) == dict.fromkeys(("A", "B", phone(1), phone(2)), "A")
    edges += unmerged("A", "B", 7)
    assert persons_of(edges) == {"B": "B", phone(1): "B", phone(2): "B"}
    edges += identified("A", 1, at=8)
    assert persons_of(edges) == {"B": "B", phone(1): "B", phone(2): "B"}
    assert persons_of(edges + merged("A", "B", 9)) == dict.fromkeys(("A", "B", phone(1), phone(2)), "A")


def test_an_identifier_can_be_taken_from_a_customer_and_given_back():
    edges = identified("A", 1) + unmerged("A", phone(1), 2)
    assert persons_of(edges) == {}
    assert persons_of(edges + identified("B", 1, at=3)) == {"B": "B", phone(1): "B"}
    assert persons_of(edges + identified("A", 1, at=3)) == {"A": "A", phone(1): "A"}


def test_an_identifier_of_too_many_customers_joins_none():
    some = [edge for n in range(MOST_HOLDERS) for edge in identified(f"C{n:02}", 1)]
    assert set(persons_of(some).values()) == {"C00"}
    crowd = some + identified("one more", 1, 2)
    assert persons_of(crowd) == {"one more": "one more", phone(2): "one more"}
    assert len(persons_of(crowd + unmerged("C03", phone(1), 2))) == MOST_HOLDERS + 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_device_joins_no_two_accounts_whatever_comes_first(order):
    """It stays with whoever was seen on it first; what a visitor did before signing in is theirs."""
    story = [seen("mum", 1, at=2), seen("dad", 1, at=5), seen(device(1), 2, at=1), seen("dad", 3, at=6)]
    edges = list(itertools.chain.from_iterable(story[place] for place in order))
    mums, dads = dict.fromkeys(("mum", device(1), device(2)), "mum"), dict.fromkeys(("dad", device(3)), "dad")
    assert persons_of(edges) == mums | dads


def test_a_device_joins_whoever_has_no_account_to_one_account():
    """Two e-mails and a phone that name nobody else; the second account keeps what is strong."""
    edges = identified(device(1), 1, at=1) + identified(device(1), 2, at=2)
    assert len(set(persons_of(edges).values())) == 1
    edges += identified("A", 1, at=3) + identified("B", 2, at=4)
    assert persons_of(edges) == {"A": "A", phone(1): "A", device(1): "A", "B": "B", phone(2): "B"}


def test_accounts_on_one_device_are_joined_by_what_is_strong():
    edges = seen("A", 1) + seen("B", 1)
    assert persons_of(edges) == {"A": "A", device(1): "A"}
    assert set(persons_of(edges + identified("A", 7) + identified("B", 7)).values()) == {"A"}
    assert set(persons_of(edges + merged("A", "B", 9)).values()) == {"A"}
    assert persons_of(edges + merged("A", "B", 9) + unmerged("A", "B", 10)) == {"A": "A", device(1): "A"}


@pytest.mark.parametrize("kind", ["anonymous_id", "cookie", "visitor_id", "session_id", "device-id", "_ga", "fbp"])
def test_a_user_id_is_an_account_and_its_cookie_is_weak(kind):
    users = [make_pseudonym("user_id", hashed(n)) for n in (1, 2)]
    assert len(persons_of(seen(users[0], 5, kind=kind) + seen(users[1], 5, kind=kind))) == 2


@pytest.mark.parametrize("kind", ["phone", "email", "card", "openid"])
def test_what_is_a_persons_own_joins_accounts(kind):
    assert len(persons_of(seen("A", 5, kind=kind) + seen("B", 5, kind=kind))) == 3


def test_many_devices_of_one_visitor_are_no_crowd():
    edges = [edge for n in range(2, 100) for edge in identified(phone(1), n)]
    assert len(persons_of(edges)) == 99


NODES = ("A", "B", "C", "D", phone(1), phone(2), phone(3), device(1), device(2))
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(("merged", "unmerged", "identified")),
        st.sampled_from(NODES),
        st.sampled_from(NODES),
        st.integers(0, 9),  # time
        st.sampled_from("st"),  # source
    ),
    max_size=14,
)


def edges_told(history):
    """The edges of each event; no two of one identity."""
    for number, (type_, customer, other, at, source) in enumerate(history):
        names = [
            (kind, n) for kind in ("phone", "device") for n in (1, 2, 3) if make_pseudonym(kind, hashed(n)) == other
        ]
        hashes = [{"kind": kind, "hash": hashed(n)} for kind, n in names or [("phone", 1)]]
        data = {"identifiers": hashes} if type_ == "identified" else {"merged": other}
        yield list(edges_in(f"customer.{type_}", customer, data, (at, source, str(number))).values())


@given(HISTORIES, st.data())
def test_persons_depend_on_the_set_of_events_alone(history, data):
    events = list(edges_told(history))
    expected = persons_of(itertools.chain.from_iterable(events))
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    mixed = data.draw(st.permutations(events + repeats))
    batch = data.draw(st.integers(1, 5))
    kept: dict[tuple[str, str], Edge] = {}
    for start in range(0, len(mixed), batch):
        arrived = itertools.chain.from_iterable(mixed[start : start + batch])
        kept = merge_edges([*kept.values(), *merge_edges(arrived).values()])
    assert kept == merge_edges(itertools.chain.from_iterable(events))
    assert persons_of(kept.values()) == expected


@given(HISTORIES, st.sampled_from("ABCD"), st.sampled_from("ABCD"))
def test_unmerging_restores_exactly(history, survivor, other):
    edges = list(itertools.chain.from_iterable(edges_told(history)))
    before = persons_of(edges)
    assume(before.get(survivor, survivor) != before.get(other, other))
    together = edges + merged(survivor, other, 100)
    after = persons_of(together)
    assert after[survivor] == after[other]
    assert persons_of(together + unmerged(survivor, other, 101)) == before
    assert persons_of(together + unmerged(other, survivor, 101)) == before


@given(HISTORIES)
def test_those_taken_apart_are_together_only_by_merges(history):
    edges = merge_edges(itertools.chain.from_iterable(edges_told(history))).values()
    persons = persons_of(edges)
    by_merges = persons_of(edge for edge in edges if not any(map(is_pseudonym, edge.pair)))
    for edge in edges:
        if not edge.is_joined and (one := persons.get(edge.low_id)) is not None and one == persons.get(edge.high_id):
            assert by_merges[edge.low_id] == by_merges[edge.high_id]


@given(HISTORIES)
def test_a_device_never_brings_accounts_together(history):
    """Without the devices the same accounts are together, whatever else was said."""
    edges = merge_edges(itertools.chain.from_iterable(edges_told(history))).values()
    devices = {device(1), device(2)}
    assume(not any(not edge.is_joined or devices & {edge.survivor_id} for edge in edges))
    assume(not any(devices & set(edge.pair) and not any(map(is_pseudonym, edge.pair)) for edge in edges))
    with_devices, without = (
        persons_of(told) for told in (edges, [edge for edge in edges if devices.isdisjoint(edge.pair)])
    )
    for one, other in itertools.combinations("ABCD", 2):
        assert (with_devices.get(one, one) == with_devices.get(other, other)) == (
            without.get(one, one) == without.get(other, other)
        )


@given(HISTORIES)
def test_a_person_goes_by_one_of_its_ids_and_is_never_alone(history):
    persons = persons_of(itertools.chain.from_iterable(edges_told(history)))
    for person_id in persons.values():
        members = [node for node, person in persons.items() if person == person_id]
        assert person_id in members
        assert len(members) > 1
        assert not is_pseudonym(person_id) or all(map(is_pseudonym, members))


@given(HISTORIES, st.integers(10, 20))
def test_saying_an_identifier_again_changes_nobody(history, at):
    """What `changes_persons` calls no change is none: the word moves on, the persons stay."""
    edges = merge_edges(itertools.chain.from_iterable(edges_told(history)))
    again = [replace(edge, occurred_us=at) for edge in edges.values() if any(map(is_pseudonym, edge.pair))]
    assert not any(changes_persons(edges[edge.pair], edge) for edge in again)
    assert persons_of([*edges.values(), *again]) == persons_of(edges.values())


def test_a_merge_that_is_said_again_may_change_persons():
    (before,), (after,) = merged("A", "B", 1), merged("A", "B", 4)
    assert changes_persons(before, after)
    assert not changes_persons(before, before)
