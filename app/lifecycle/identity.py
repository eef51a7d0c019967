"""Who is who: ids that belong to one person, from what events said of them.

A node is a customer id, or an identifier (phone, e-mail, device …) as its pseudonym `~kind:hash`. A
pseudonym is a customer id too: events that name nobody else are of the pseudonym of their first identifier.
An edge is what was said of two nodes: `customer.merged` joins subject and `merged`, `customer.unmerged`
takes them apart, and whoever is named together with an identifier is joined to it.

What is kept of a pair is a commutative monoid, as a customer's state is: the word with the greatest
(time, source, id), and the time at which the two were first joined. `persons_of` is a function of these
alone. So persons depend on the set of events, never on the order, the batches or the repeats they came in.

No event is ever moved: it stays with the customer id that it came under, and with it the first order, and so
the cohort, of that id. A person's state is the merge of its ids' states, made when it is read; the person's own
first order is the earliest of theirs. So merging moves nobody from one cohort to another, and unmerging
restores each of them exactly.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED

MOST_HOLDERS: Final = 16
"""An identifier that more customers share joins none of them: it is a shop's own number, typed for
customers who gave none, or the tablet at the entrance, not a person's."""

BASKET: Final = "~basket:"
"""What the ids of purchases without a customer begin with. They are kept as events, and make no state."""

_KINDS: Final = {
    **dict.fromkeys(("e-mail", "email_address", "mail"), "email"),
    **dict.fromkeys(("mobile", "mobile_phone", "phone_number", "tel", "telephone", "msisdn", "cell"), "phone"),
}
_PSEUDONYM: Final = re.compile("~[^:]+:[0-9a-f]{64}")
_NOBODY: Final = frozenset(
    ("", "none", "null", "nil", "n/a", "na", "nan", "unknown", "undefined", "anonymous", "nobody", "no", "无", "未知")
)
"""What is typed, or written by a program, where there is nothing to write."""
_LEAST_PHONE_DIGITS: Final = 5
_LEAST_SUBSCRIBER_DIGITS: Final = 10
_KEEPS_ZERO: Final = frozenset(("39", "378"))
"""Country codes after which a national number keeps its leading zero: Italy and San Marino."""

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


def is_pseudonym(customer_id: str) -> bool:
    """Whether it stands for an identifier, and is not an id that a retailer gave."""
    return _PSEUDONYM.fullmatch(customer_id) is not None


def make_pseudonym(kind: str, hashed: str) -> str:
    """The customer id that an identifier stands for. `hashed`: 64 hexadecimal digits."""
    return f"~{kind}:{hashed}"


def make_basket(source: str, event_id: str) -> str:
    """The customer id of a purchase of which nobody knows whose it was: of that one event alone."""
    return BASKET + hashlib.sha256(f"{source}\x1f{event_id}".encode()).hexdigest()


def normalise_kind(kind: str) -> str:
    """The kind of an identifier by one name: `E-Mail` and `mail` are `email`, `mobile` is `phone`."""
    plain = "_".join(_visible(kind).lower().replace(":", " ").split())
    return _KINDS.get(plain, plain)


def normalise_identifier(kind: str, value: str, country_code: str = "") -> str | None:
    """An identifier's normal form, from which its hash is made; None: it identifies nobody.

    `kind` as from `normalise_kind`. E-mail in lower case. Phones as digits, led by `+` and the country code
    where it is known: `+86 138-0013-8000`, `0086138…` and full-width digits are the same; with `country_code`
    (digits) so are numbers written as in that country. Of other kinds, cards say, case counts.
    """
    plain = _visible(value).strip()
    compact = unicodedata.normalize("NFKC", "".join(plain.split()).lower())
    if compact.strip("-./?") in _NOBODY:
        return None
    if kind == "phone":
        return _normalise_phone(plain, compact, country_code)
    if kind == "email":
        local, _, domain = compact.removeprefix("mailto:").rpartition("@")
        return f"{local}@{domain.rstrip('.')}" if local and domain else compact
    return plain


def _visible(value: str) -> str:
    """NFKC, without what cannot be seen: marks of direction, zero-width characters, controls."""
    return "".join(each for each in unicodedata.normalize("NFKC", value) if unicodedata.category(each)[0] != "C")


def _normalise_phone(plain: str, compact: str, country_code: str) -> str | None:
    """What is no number at all stays the text it is: a name that somebody is called by."""
    written = re.split(r"(?i)ext|x|#|;", plain, maxsplit=1)[0]
    prefix = re.match(r"(?i)\s*(?:tel:)?[\s(]*(\+|00)", written)
    if prefix is not None:
        written = re.sub(r"\(0\)", "", written[prefix.end() :])  # +44 (0)20 …: the zero is dialled at home only
    digits = "".join(str(unicodedata.digit(each)) for each in written if each.isdigit())
    if sum(each.isalpha() for each in compact) > max(len(digits), _LEAST_PHONE_DIGITS):
        return compact
    if prefix is None and country_code and not _has_code(digits, country_code):
        digits = country_code + (digits if country_code in _KEEPS_ZERO else digits.removeprefix("0"))
    own = digits.removeprefix(country_code)
    if len(own) < _LEAST_PHONE_DIGITS or len(set(own)) < 2:  # 110, or 00000000000 typed for lack of one
        return None
    return f"+{digits}" if prefix is not None or country_code else digits


def _has_code(digits: str, country_code: str) -> bool:
    """Whether a number without + begins with the code all the same, as exports write it."""
    return digits.startswith(country_code) and len(digits) - len(country_code) >= _LEAST_SUBSCRIBER_DIGITS


def pseudonyms_in(data: Mapping[str, Any]) -> list[str]:
    """The pseudonyms of an event's identifiers (hashed, as they are stored), in the order they were given."""
    given = data.get("identifiers")
    written = [
        make_pseudonym(str(item.get("kind")), str(item.get("hash")))
        for item in (given if isinstance(given, list) else ())
        if isinstance(item, dict)
    ]
    return [pseudonym for pseudonym in written if is_pseudonym(pseudonym)]


def edges_in(type_: str, customer_id: str, data: Mapping[str, Any], word: tuple[int, str, str]) -> dict[Pair, Edge]:
    """The edges that one event makes; `word` is its (occurred_us, source, id)."""
    said = [(other, True) for other in pseudonyms_in(data)]
    merged = data.get("merged")
    if type_ in (CUSTOMER_MERGED, CUSTOMER_UNMERGED) and isinstance(merged, str):
        said.append((merged, type_ == CUSTOMER_MERGED))
    return merge_edges(_edge(customer_id, other, joined, word) for other, joined in said if other != customer_id)


def _edge(survivor_id: str, other_id: str, is_joined: bool, word: tuple[int, str, str]) -> Edge:
    low_id, high_id = sorted((survivor_id, other_id))
    return Edge(low_id, high_id, is_joined, survivor_id, *word, word[0] if is_joined else None)


def merge_edges(edges: Iterable[Edge]) -> dict[Pair, Edge]:
    """Pair → what is kept of it. Commutative, associative, and a repeat changes nothing."""
    kept: dict[Pair, Edge] = {}
    for edge in edges:
        other = kept.get(edge.pair)
        kept[edge.pair] = edge if other is None else _merge(edge, other)
    return kept


def _merge(a: Edge, b: Edge) -> Edge:
    """Within one event, apart overrules joined."""
    latest = max(a, b, key=lambda edge: (edge.occurred_us, edge.source, edge.id, not edge.is_joined))
    firsts = [edge.first_us for edge in (a, b) if edge.first_us is not None]
    return replace(latest, first_us=min(firsts, default=None))


def changes_persons(before: Edge | None, after: Edge) -> bool:
    """Whether persons may be others: they depend on these three alone, not on when they were last said.

    So the millionth time that a customer is seen with the same phone costs no more than noting it.
    """
    if before is None:
        return True
    names = ("is_joined", "survivor_id", "first_us")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def persons_of(edges: Iterable[Edge]) -> dict[str, str]:
    """Node → the id its person goes by, for every node that is joined to another.

    Persons are the connected components of joined edges, with two limits. An identifier of more than
    `MOST_HOLDERS` customers joins none. And two customers who were taken apart stay apart: identifiers join, those
    that were joined first going first, unless that would bring such two together. So an identifier that both hold
    stays with whoever was known by it first. Only merges, a chain of them too, bring them together again.
    """
    latest = merge_edges(edges)
    crowded = crowded_identifiers(latest.values())
    joined = [edge for edge in latest.values() if edge.is_joined and crowded.isdisjoint(edge.pair)]
    apart = [edge.pair for edge in latest.values() if not edge.is_joined]
    groups = _Groups()
    for edge in joined:
        if not _names_identifier(edge):
            groups.join(*edge.pair)
    by_identifier = sorted(filter(_names_identifier, joined), key=lambda edge: (edge.first_us, edge.pair))
    for edge in by_identifier:
        if not groups.would_bring_together(*edge.pair, apart):
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

    def members(self) -> Iterator[list[str]]:
        return (members for members in {id(group): group for group in self._group.values()}.values() if members[1:])
