"""Who is who, kept: what events say of pairs of ids goes to `links`, the persons that follow to `persons`.

Links are written under row locks alone. Only where persons may change does a transaction take a lock that
lets one at a time write persons, after its own links: whoever comes later sees the links of all before, and
works out anew every person that its own touch. Locks are always taken in the order states, links, persons.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from app.customers.linking_queries import (
    FIND_CROWDED,
    LINKS,
    LOCK_PERSONS,
    PERSON_STATES,
    READ_NEIGHBOURS,
    READ_PERSONS,
    REMOVE_PERSONS,
    WRITE_PERSONS,
    LinkStatements,
)
from app.customers.relinking_queries import LINKING_EVENTS_KNOWN, READ_BASE_LINKS
from app.customers.state import CustomerState
from app.database.engine import Driver, Statement
from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED, Event
from app.lifecycle.identifiers import is_pseudonym
from app.lifecycle.persons import Edge, changes_persons, edges_in, merge_edges, persons_of

_EVER_US: Final = 2**62
_COLUMNS = ("low_id", "high_id", "is_joined", "survivor_id", "occurred_us", "source", "id", "first_us")


class LinkingEvent(NamedTuple):
    """What is read of an event: columns of `events`, `data` as JSON text."""

    customer_id: str
    source: str
    id: str
    type: str
    occurred_us: int
    data: str


class Fetching(Protocol):
    """A `Driver`, or what reads as one does."""

    async def fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        """The rows of a statement."""
        ...


class Component(NamedTuple):
    """Ids that hang together by anything that was ever said, and what was; crowded identifiers left out."""

    nodes: set[str]
    edges: list[Edge]


class Regrouping(NamedTuple):
    """Id → person as it is kept, and as the links say, of the ids of whole components."""

    kept: dict[str, str]
    expected: dict[str, str]


def edges_of(event: Event | LinkingEvent) -> list[Edge]:
    """What an event says of who is who; nothing, and at no cost, for nearly all of them."""
    if event.type not in (CUSTOMER_MERGED, CUSTOMER_UNMERGED) and '"identifiers"' not in event.data:
        return []
    word = (event.occurred_us, event.source, event.id)
    return list(edges_in(event.type, event.customer_id, orjson.loads(event.data), word).values())


async def link(driver: Driver, edges: Iterable[Edge]) -> set[str]:
    """Keeps edges and regroups the persons that they touch, within the caller's transaction.

    The ids whose person is another now. To be called after the events' states were written.
    """
    changed = await merge_links(driver, edges)
    if not changed:
        return set()
    await driver.fetch(LOCK_PERSONS)
    return await regroup(driver, {node for edge in changed for node in edge.pair})


async def merge_links(driver: Driver, edges: Iterable[Edge], statements: LinkStatements = LINKS) -> list[Edge]:
    """Merges edges into a table of links; those by which persons may change. Idempotent."""
    given = merge_edges(edges)
    if not given:
        return []
    new = {(row["low_id"], row["high_id"]) for row in await driver.fetch(statements.claim, **_arrays(given.values()))}
    met = [edge for pair, edge in given.items() if pair not in new]
    before = {edge.pair: edge for edge in await _read(driver, statements.read, met)} if met else {}
    after = merge_edges([*before.values(), *given.values()])
    rewritten = [edge for pair, edge in after.items() if pair in before and edge != before[pair]]
    if rewritten:
        await driver.fetch(statements.rewrite, **_arrays(rewritten))
    return [edge for pair, edge in after.items() if changes_persons(before.get(pair), edge)]


async def _read(driver: Driver, statement: Any, met: Sequence[Edge]) -> list[Edge]:
    low_ids, high_ids = [edge.low_id for edge in met], [edge.high_id for edge in met]
    return [Edge(*row.values()) for row in await driver.fetch(statement, low_id=low_ids, high_id=high_ids)]


def _arrays(edges: Collection[Edge]) -> dict[str, list[Any]]:
    return {name: [getattr(edge, name) for edge in edges] for name in _COLUMNS}


async def relink(driver: Driver, nodes: Collection[str], of: Collection[str]) -> None:
    """Keeps what events of these ids say of pairs with one of `of`, those that have left too, and regroups these ids.

    Within the caller's transaction, beside which nobody counts events.
    """
    await driver.fetch(LOCK_PERSONS)
    told = await driver.fetch(LINKING_EVENTS_KNOWN, nodes=list(nodes), known_us=_EVER_US)
    left = [Edge(*row.values()) for row in await driver.fetch(READ_BASE_LINKS, nodes=list(nodes))]
    said = [*left, *(edge for row in told for edge in edges_of(LinkingEvent(*row.values())))]
    await merge_links(driver, [edge for edge in said if not set(edge.pair).isdisjoint(of)])
    await regroup(driver, nodes)


async def regroup(driver: Driver, nodes: Collection[str]) -> set[str]:
    """Writes the persons of these ids, and of all that they hang together with, as the links say.

    The ids whose person is another now. The caller holds the lock of persons.
    """
    kept, expected = await compare_persons(driver, nodes)
    gone = [node for node in kept if node not in expected]
    changed = {node: person_id for node, person_id in expected.items() if kept.get(node) != person_id}
    if gone:
        await driver.fetch(REMOVE_PERSONS, nodes=gone)
    if changed:
        await driver.fetch(WRITE_PERSONS, customer_id=list(changed), person_id=list(changed.values()))
    return {*gone, *changed}


async def compare_persons(driver: Driver, nodes: Collection[str]) -> Regrouping:
    """The persons of these ids, and of all that they hang together with, as they are kept and should be."""
    kept = await _read_persons(driver, nodes)
    component = await read_component(driver, {*nodes, *kept})
    kept |= await _read_persons(driver, component.nodes)
    return Regrouping({node: kept[node] for node in component.nodes & kept.keys()}, persons_of(component.edges))


async def _read_persons(driver: Driver, nodes: Collection[str]) -> dict[str, str]:
    rows = await driver.fetch(READ_PERSONS, nodes=list(nodes))
    return {row["customer_id"]: row["person_id"] for row in rows}


async def read_component(driver: Fetching, nodes: Collection[str]) -> Component:
    """All that these ids hang together with, one step a round, never by way of a crowded identifier.

    As a rule a round or two: what hung together before is given as `nodes`. What was taken apart
    counts too, since it tells what identifiers may join.
    """
    known, frontier, crowded, edges = set(nodes), set(nodes), set[str](), dict[tuple[str, str], Edge]()
    while frontier:
        identifiers = [node for node in frontier if is_pseudonym(node)]
        if identifiers:
            crowded |= {row["node"] for row in await driver.fetch(FIND_CROWDED, nodes=identifiers)}
        for row in await driver.fetch(READ_NEIGHBOURS, nodes=list(frontier - crowded)):
            edge = Edge(*row.values())
            edges[edge.pair] = edge
        frontier = {node for pair in edges for node in pair} - known
        known |= frontier
    return Component(known, [edge for edge in edges.values() if crowded.isdisjoint(edge.pair)])


async def read_person_states(driver: Driver, customer_ids: Sequence[str]) -> dict[str, CustomerState]:
    """Customer → the merge of the states of all ids of the person, under the id asked for, in one statement.

    Who is in no person has the own state; of whom nothing is known is left out.
    """
    rows = await driver.fetch(PERSON_STATES, customer_ids=list(set(customer_ids)))
    return {row["customer_id"]: CustomerState(*row) for row in rows}
