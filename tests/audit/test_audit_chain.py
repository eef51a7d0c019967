"""The chain: what was changed, left out, put in or moved is found, and where."""

from typing import Any

import pytest

from app.audit.acts import OPERATIONS, UNRECORDED
from app.audit.chain import BEGINNING, Chain, Link, canonical
from app.audit.entries import MOST_CALLS, Call, Entry, gather
from app.audit.recorder import entry_of
from app.audit.verification import CUT, Verdict, compare_tip, read_link
from app.runtime.parts import PARTS

CHAIN = Chain(b"secret")


def entry(number=1, **told):
    made = entry_of("key 1f2e3d4c", "read", "GET /v1/x", 1_000_000 + number, outcome=200)
    return made._replace(**told)


def rows(count=6, chain=CHAIN, tip=BEGINNING):
    return list(chain.extend(tip, map(entry, range(count))))


async def verify(given, chain=CHAIN):
    async def stream():
        for row in given:
            yield row

    verdict = Verdict(chain)
    found = [(each.seq, each.sentence) async for each in verdict.look(stream())]
    return verdict, found


async def places(given, chain=CHAIN):
    return [seq for seq, _ in (await verify(given, chain))[1]]


async def test_a_chain_as_it_was_written_has_nothing_wrong():
    given = rows()
    verdict, found = await verify(given)
    assert found == []
    assert (verdict.rows, verdict.first, verdict.tip) == (6, given[0].link, given[-1].link)
    assert given[0].previous == bytes(32)
    assert (await verify([]))[1] == []


@pytest.mark.parametrize("name", Entry._fields)
async def test_whatever_is_changed_of_a_row_is_found_there(name):
    given = rows()
    other = {
        **dict.fromkeys(("at_us", "from_us", "outcome", "calls"), 7),
        **dict.fromkeys(("made_by", "act", "operation", "target"), "x"),
        "customers": [bytes(16)],
        "request_ids": ["r"],
    }
    given[2] = given[2]._replace(entry=given[2].entry._replace(**{name: other[name]}))
    assert await places(given) == [3]


async def test_a_row_that_was_deleted_is_named():
    given = rows()
    assert (await verify(given[:2] + given[3:]))[1] == [(4, "Missing before it: 3.")]
    assert (await verify(given[:1] + given[4:]))[1] == [(5, "Missing before it: 2 to 4.")]


async def test_rows_that_changed_places_are_found():
    given = rows()
    second, third = given[1], given[2]
    given[1] = third._replace(seq=second.seq)
    given[2] = second._replace(seq=third.seq)
    assert await places(given) == [2, 2, 3, 3, 4]


async def test_a_row_put_in_by_who_has_not_the_key_is_found():
    given = rows(3)
    forged = next(Chain(b"guessed").extend(given[-1].link, [entry(9)]))
    assert await places([*given, forged]) == [4]


async def test_a_row_put_in_before_others_that_were_numbered_anew_is_found():
    given = rows(4)
    forged = next(Chain(b"guessed").extend(given[1].link, [entry(9)]))
    moved = [row._replace(seq=row.seq + 1) for row in given[2:]]
    assert (await places([*given[:2], forged, *moved]))[:2] == [3, 4]


async def test_the_head_may_be_cut_by_the_service_alone():
    given = rows(6)
    (cut,) = CHAIN.extend(given[-1].link, [entry(7, operation=CUT, target=str(given[2].link))])
    assert await places([*given[3:], cut]) == []
    _, found = await verify(given[3:])
    assert found == [(3, "Rows 1 to 3 are missing, and were not cut by the service.")]
    (other,) = CHAIN.extend(given[-1].link, [entry(7, operation=CUT, target=str(given[1].link))])
    assert await places([*given[3:], other]) == [3]
    (forged,) = Chain(b"guessed").extend(given[-1].link, [entry(7, operation=CUT, target=str(given[2].link))])
    assert await places([*given[3:], forged]) == [7, 3]


def test_a_tip_that_was_written_down_tells_what_was_cut_off_the_end():
    given = rows(6)
    first = given[2].link
    assert compare_tip(given[4].link, given[4].link, first) is None
    assert compare_tip(given[0].link, None, first) is None, "cut by the service, which the chain itself tells"
    assert "cut off" in str(compare_tip(given[4].link, None, first))
    assert "cut off" in str(compare_tip(given[4].link, None, None))
    assert "not the one" in str(compare_tip(given[4].link, Link(5, bytes(32)), first))
    assert read_link(f" {given[4].link} ") == given[4].link


def test_hashes_of_customers_need_the_key_and_are_no_seals():
    assert CHAIN.hash_customer("C-1") == Chain(b"secret").hash_customer("C-1") != CHAIN.hash_customer("C-2")
    assert CHAIN.hash_customer("C-1") != Chain(b"other").hash_customer("C-1")
    assert b"C-1" not in canonical(1, entry(customers=[CHAIN.hash_customer("C-1")]))


def call(customers=("C-1",), request_id="r", **told):
    usual = {"at_us": 5, "key": b"a", "act": "read", "operation": "GET /v1/x", "outcome": 200}
    return Call(**{**usual, **told}, customer_ids=customers, request_id=request_id, target=None)


def test_calls_that_are_alike_are_one_row():
    calls = [call(("C-1",), "r1", at_us=5), call(("C-2",), "r2", at_us=6), call(("C-1",), "r3", at_us=9)]
    (row,) = gather(calls, bytes.decode, str.encode)
    assert row == Entry(9, 5, "a", "read", "GET /v1/x", 200, 3, [b"C-1", b"C-2", b"C-1"], ["r1", "r2", "r3"], None)


@pytest.mark.parametrize(
    "other",
    [
        call(key=b"b"),
        call(operation="GET /v1/y"),
        call(outcome=404),
        call(("C-1", "C-2")),
        call(()),
    ],
)
def test_calls_of_another_kind_are_rows_of_their_own(other):
    assert len(list(gather([call(), other, call()], bytes.decode, str.encode))) == 2


def test_calls_about_several_customers_are_a_row_each():
    several = [call(("C-1", "C-2"), "r1"), call(("C-3", "C-4"), "r2")]
    assert [row.request_ids for row in gather(several, bytes.decode, str.encode)] == [["r1"], ["r2"]]


def test_a_row_is_bounded():
    found = list(gather([call()] * (MOST_CALLS + 1), bytes.decode, str.encode))
    assert [row.calls for row in found] == [MOST_CALLS, 1]


def test_every_route_is_recorded_or_tells_of_nobody():
    """What the console shows it asks of these routes."""
    parts = [part for part in PARTS if part.name != "console"]
    routes: Any = [route for part in parts for router in part.routers for route in router.routes]
    found = {(method, route.path) for route in routes for method in route.methods}
    assert found == OPERATIONS.keys() | UNRECORDED
    assert not OPERATIONS.keys() & UNRECORDED
    for method, path in UNRECORDED:
        assert method == "GET" or path in ("/v1/policies:evaluate", "/v1/actions:simulate", "/v1/sentiment")
        assert "customer" not in path
