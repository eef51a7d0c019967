"""Who is who: ids that belong to one person, from what events said of them.

A node is a customer id, or an identifier (phone, e-mail, device …) as its pseudonym `~kind:hash`. A
pseudonym is a customer id too: events that name nobody else are of the pseudonym of their first identifier.
An edge is what was said of two nodes: `customer.merged` joins subject and `merged`, `customer.unmerged`
takes them apart, and whoever is named together with an identifier is joined to it.

What is kept of a pair is a commutative monoid, as a customer's state is: the word with the greatest
(time, source, id), and the time at which the two were first joined. `persons_of` is a function of these
alone. So persons depend on the set of events, never on the order, the batches or the repeats they came in.

No event is moved by who is who: it stays with the customer id that it came under, and with it the first order, and
so the cohort, of that id. (An order that was nobody's, or a device's, and is told again with its customer's name is
the customer's: what it came under stays beside it, and is joined as before.) A person's state is the merge of its ids'
states, made when it is read; the person's own first order is the earliest of theirs. So merging moves nobody from one
cohort to another, and unmerging restores each of them exactly.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED
from app.lifecycle.identifiers import is_pseudonym, kind_of, pseudonyms_in

MOST_HOLDERS: Final = 16
"""An identifier that more customers share joins none of them: it is a shop's own number, typed for
customers who gave none, or the tablet at the entrance, not a person's."""

WEAK_KINDS: Final = frozenset(
    """
    anonymous_id anonymousid anon_id device device_id deviceid cookie cookie_id visitor_id visitor client_id session_id
    _ga ga_client_id ga_session_id fbp fbc distinct_id
    session browser browser_id fingerprint idfa idfv gaid aaid advertising_id installation_id push_token ip ip_address
    """.split()  # noqa: SIM905
)
"""Kinds of identifiers of a thing that several people of a household, or of a shop, use one after the other."""
_ACCOUNT_KINDS: Final = frozenset(
    (
        *("user_id", "userid", "account", "account_id", "customer_id", "member_id", "membership", "openid", "unionid"),
        *("card", "loyalty_card", "loyalty_id"),
    )
)
"""Kinds of identifiers that a retailer gives to one customer each."""

CUSTOMERS_BEFORE: Final = "customers_before"
"""The member of `data` that keeps the customer ids that an event of an order was under, the first one first, before its
order was told to be another's."""

Pair = tuple[str, str]
"""The ids of an edge, the lower by code points first."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What is kept of a pair of ids: the latest word, and when they were first joined (None: never)."""

    low_id: str
    high_id: str
    is_joined: bool
    survivor_id: str
    occurred_us: int
    source: str
    id: str
    first_us: int | None

    @property
    def pair(self) -> Pair:
        """The two ids."""
        return self.low_id, self.high_id

    @property
    def word(self) -> tuple[int, str, str]:
        """What is later counts."""
        return self.occurred_us, self.source, self.id


def edges_in(type_: str, customer_id: str, data: Mapping[str, Any], word: tuple[int, str, str]) -> dict[Pair, Edge]:
    """The edges that one event makes; `word` is its (occurred_us, source, id)."""
    said = [(other, True) for other in pseudonyms_in(data)]
    merged = data.get("merged")
    if type_ in (CUSTOMER_MERGED, CUSTOMER_UNMERGED) and isinstance(merged, str):
        said.append((merged, type_ == CUSTOMER_MERGED))
    before = [each for each in data.get(CUSTOMERS_BEFORE, ()) if is_pseudonym(each)]
    return merge_edges(
        _edge(own, other, joined, word) for own in (customer_id, *before) for other, joined in said if other != own
    )


def _edge(survivor_id: str, other_id: str, is_joined: bool, word: tuple[int, str, str]) -> Edge:
    low_id, high_id = sorted((survivor_id, other_id))
    return Edge(low_id, high_id, is_joined, survivor_id, *word, word[0] if is_joined else None)


def rename_edge(edge: Edge, before: str, after: str) -> Edge | None:
    """With one of its ids as another; None: the two are one then, of whom nothing is said."""
    low_id, high_id = sorted(after if each == before else each for each in edge.pair)
    survivor_id = after if edge.survivor_id == before else edge.survivor_id
    return None if low_id == high_id else replace(edge, low_id=low_id, high_id=high_id, survivor_id=survivor_id)


def merge_edges(edges: Iterable[Edge]) -> dict[Pair, Edge]:
    """Pair → what is kept of it. Commutative, associative, and a repeat changes nothing."""
    kept: dict[Pair, Edge] = {}
    for edge in edges:
        other = kept.get(edge.pair)
        kept[edge.pair] = edge if other is None else _merge(edge, other)
    return kept


def _merge(a: Edge, b: Edge) -> Edge:
    """Within one event, apart overrules joined."""
    latest = max(a, b, key=lambda edge: (edge.word, not edge.is_joined))
    firsts = [edge.first_us for edge in (a, b) if edge.first_us is not None]
    return replace(latest, first_us=min(firsts, default=None))


def changes_persons(before: Edge | None, after: Edge) -> bool:
    """Whether persons may be others: of identifiers they depend on these three alone, not on when they were last said.

    So the millionth time that a customer is seen with the same phone costs no more than noting it.
    """
    if before is None:
        return True
    names = ("is_joined", "survivor_id", "first_us", *(() if _names_identifier(after) else ("word",)))
    return any(getattr(before, name) != getattr(after, name) for name in names)


def persons_of(edges: Iterable[Edge]) -> dict[str, str]:
    """Node → the id its person goes by, for every node that is joined to another.

    Persons are the connected components of joined edges, with two limits. An identifier of more than
    `MOST_HOLDERS` customers joins none. And two customers who were taken apart stay apart. Merges join, the oldest
    word first, unless that would bring two together who were taken apart later: so taking apart the two ends of a chain
    parts them, and who is in the middle stays where they were merged first. Then identifiers join, those that were
    joined first going first, unless that would bring two who were taken apart together: one that both hold stays with
    whoever was known by it first. Only later merges, a chain of them too, bring them together again.

    A third limit is on what is weak: a device or cookie joins last, and never two of whom each has an account. It
    stays with whoever was seen on it first.
    """
    latest = merge_edges(edges)
    crowded = crowded_identifiers(latest.values())
    joined = [edge for edge in latest.values() if edge.is_joined and crowded.isdisjoint(edge.pair)]
    parted = [edge for edge in latest.values() if not edge.is_joined]
    apart = [edge.pair for edge in parted]
    groups = _Groups()
    for edge in sorted(joined, key=lambda edge: (edge.word, edge.pair)):
        if not _names_identifier(edge):
            later = [other.pair for other in parted if other.word > edge.word]
            if not groups.would_bring_together(*edge.pair, later):
                groups.join(*edge.pair)
    by_identifier = sorted(
        filter(_names_identifier, joined), key=lambda edge: (_is_weak(edge), edge.first_us, edge.pair)
    )
    for edge in by_identifier:
        if groups.would_bring_together(*edge.pair, apart):
            continue
        if not _is_weak(edge) or groups.count_having(*edge.pair, _is_account) < 2:
            groups.join(*edge.pair)
    merged_away = {_merged_id(edge) for edge in joined}
    return {
        node: person_id
        for members in groups.members()
        for person_id in [min(members, key=lambda node: (is_pseudonym(node), node in merged_away, node))]
        for node in members
    }


def crowded_identifiers(edges: Iterable[Edge]) -> set[str]:
    """The identifiers of more than MOST_HOLDERS customers. `edges`: one a pair."""
    holders = Counter(
        identifier
        for edge in edges
        if edge.is_joined
        for identifier, holder in (edge.pair, edge.pair[::-1])
        if is_pseudonym(identifier) and not is_pseudonym(holder)
    )
    return {identifier for identifier, count in holders.items() if count > MOST_HOLDERS}


def _names_identifier(edge: Edge) -> bool:
    return is_pseudonym(edge.low_id) or is_pseudonym(edge.high_id)


def _is_weak(edge: Edge) -> bool:
    return any(is_pseudonym(node) and kind_of(node).replace("-", "_") in WEAK_KINDS for node in edge.pair)


def _is_account(node: str) -> bool:
    """Whether it is an id that the retailer gave."""
    return not is_pseudonym(node) or kind_of(node) in _ACCOUNT_KINDS


def _merged_id(edge: Edge) -> str:
    return edge.low_id if edge.survivor_id == edge.high_id else edge.high_id


class _Groups:
    """Disjoint sets of nodes. Joining moves the smaller group into the larger one."""

    def __init__(self) -> None:
        self._group: dict[str, list[str]] = {}

    def _of(self, node: str) -> list[str]:
        return self._group.setdefault(node, [node])

    def join(self, a: str, b: str) -> None:
        small, large = sorted((self._of(a), self._of(b)), key=len)
        if small is not large:
            large.extend(small)
            for node in small:
                self._group[node] = large

    def would_bring_together(self, a: str, b: str, apart: Sequence[Pair]) -> bool:
        """Whether joining two groups would put two nodes in one that are to be apart."""
        ours, theirs = self._of(a), self._of(b)
        return ours is not theirs and any(
            (self._of(one) is ours and self._of(other) is theirs)
            or (self._of(one) is theirs and self._of(other) is ours)
            for one, other in apart
        )

    def count_having(self, a: str, b: str, is_such: Callable[[str], bool]) -> int:
        """In how many of the groups of two nodes there is such a node; 1 where they are one group."""
        groups = {id(group): group for group in (self._of(a), self._of(b))}
        return sum(any(map(is_such, group)) for group in groups.values())

    def members(self) -> Iterator[list[str]]:
        return (members for members in {id(group): group for group in self._group.values()}.values() if members[1:])
