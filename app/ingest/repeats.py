"""Whether an event that comes again is the same."""

import hashlib
from typing import Any, Final, NamedTuple, Protocol

import orjson

from app.foundation.times import iso
from app.ingest.clocks import CLAIMED_TIME
from app.ingest.order_identity import ID_BY_SENDER, is_same_id
from app.lifecycle.events import told_type
from app.lifecycle.identifiers import BASKET, groups_of, is_nobody, make_pseudonym
from app.lifecycle.kept_members import MEMBERS_DECLINED
from app.lifecycle.persons import CUSTOMERS_BEFORE

_EXACT_INTEGERS: Final = 2**53


def digest_content(type_: str, customer_id: str, occurred_us: int, written: bytes) -> bytes:
    """What tells a repeat at once: BLAKE2b over type, subject, time and data, JSON as it came.

    Whoever repeats an event with its members in another order is told by `is_same_content`.
    """
    content = orjson.dumps([type_, customer_id, occurred_us]) + written
    return hashlib.blake2b(content, digest_size=16).digest()


class Content(Protocol):
    """What of an event must be the same when it comes again. `data` is JSON text."""

    @property
    def customer_id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def occurred_us(self) -> int: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def data(self) -> str: ...


def is_same_content(one: Content, other: Content) -> bool:
    """Whether two events of the same source and id say the same; 100 and 100.0 do, and two forms of an identifier."""
    if one.digest == other.digest and not is_same_id(one.data, other.data):
        return True
    return told_type(one.type) == told_type(other.type) and _are_alike(_canonical(one), _canonical(other))


class Said(NamedTuple):
    """The hashes of each identifier; and customer, time and data."""

    identifiers: list[set[str]]
    content: list[Any]


def _are_alike(one_said: Said, other_said: Said) -> bool:
    """Where members of one of them were declined, by what both have."""
    one, other = one_said.content, other_said.content
    pairs = zip(one_said.identifiers, other_said.identifiers, strict=False)
    if any(ours.isdisjoint(theirs) for ours, theirs in pairs):
        return False
    if MEMBERS_DECLINED in one[-1] or MEMBERS_DECLINED in other[-1]:
        one, other = _shared(one, other), _shared(other, one)
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def _shared(one: Any, other: Any) -> Any:
    """Without members that the other does not have, at any depth."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _shared(member, other[name]) for name, member in one.items() if name in other}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_shared(*pair) for pair in zip(one, other, strict=True)]
    return one


def _canonical(event: Content) -> "Said":
    """What it says. An identifier is the same where one of its hashes is: a former form, or key, may have counted it
    at first.

    It took a placeholder for a customer, too. The time is that of the device's own clock, whichever it is counted at.
    """
    customer_id, data = event.customer_id, orjson.loads(event.data)
    claimed = data.pop(CLAIMED_TIME, iso(event.occurred_us))
    data.pop(ID_BY_SENDER, None)
    customer_id = data.pop(CUSTOMERS_BEFORE, [customer_id])[0]
    given = data.get("identifiers", ())
    told = groups_of(given)
    theirs = {make_pseudonym(each["kind"], each.get("hash") or each["void"]) for each in given}
    if customer_id in theirs or customer_id.startswith(BASKET) or is_nobody(customer_id):
        customer_id = BASKET
    if given:
        data["identifiers"] = len(told)
    hashes = [{make_pseudonym(each["kind"], each.get("hash") or each["void"]) for each in group} for group in told]
    return Said(hashes, [customer_id, claimed, _whole_as_integers(data)])


def customer_by_sender(content: Content) -> str:
    """The customer id that an event came under, whoever its order was told to be of since."""
    if f'"{CUSTOMERS_BEFORE}"' not in content.data:
        return content.customer_id
    first: str = orjson.loads(content.data).get(CUSTOMERS_BEFORE, [content.customer_id])[0]
    return first


def _whole_as_integers(value: Any) -> Any:
    """Floats without a fraction as integers: a relay that writes JSON anew may turn 100.0 into 100."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGERS else value
    if isinstance(value, dict):
        return {name: _whole_as_integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(member) for member in value]
    return value
