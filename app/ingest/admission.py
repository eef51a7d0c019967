"""Raw JSON → events; and a batch of events, with the decisions asked for, → the database."""

import hashlib
import hmac
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from app.foundation.errors import (
    Malformed,
    Problem,
    malformed,
    violation,
)
from app.foundation.settings import Settings
from app.foundation.times import MAX_AHEAD_US, to_us
from app.http.strict_json import check_texts
from app.ingest.schemas import (
    DATA_OF_TYPE,
    EVENT_IN,
    UNKNOWN_DATA,
    EventIn,
)
from app.lifecycle.event_types import read_facts
from app.lifecycle.events import (
    MAX_AMOUNT_MINOR,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    Event,
    read_lines,
)
from app.lifecycle.identifiers import (
    identifier_forms,
    make_basket,
    make_pseudonym,
    normalise_kind,
    pseudonyms_in,
)
from app.lifecycle.phones import FORM

_EXACT_INTEGERS: Final = 2**53


class Rules(NamedTuple):
    """What a deployment takes events by. `country_code`: digits, of phones that are written without one."""

    currency: str
    digits: int
    identity_key: bytes
    country_code: str = ""

    @classmethod
    def of(cls, settings: Settings, identity_key: bytes) -> "Rules":
        """Those of the settings."""
        return cls(settings.currency, settings.digits, identity_key, settings.country_code)


def hash_forms(kind: str, value: str, rules: Rules) -> list[str]:
    """HMAC-SHA-256 of an identifier in its normal form, then in version 1 of it where that was another.

    Nothing: it identifies nobody.
    """
    plains = identifier_forms(kind, value, rules.country_code)
    return [hmac.new(rules.identity_key, f"{kind}\x1f{plain}".encode(), hashlib.sha256).hexdigest() for plain in plains]


def _keep_identifier(kind: str, value: str, rules: Rules) -> list[dict[str, Any]]:
    """As it is stored. Who is known by a hash of version 1 is found by it, standing behind one that says its `form`.

    Most identifiers have one form, and are kept as they always were.
    """
    kept: list[dict[str, Any]] = [{"kind": kind, "hash": digest} for digest in hash_forms(kind, value, rules)]
    return [{**kept[0], "form": FORM}, *kept[1:]] if len(kept) > 1 else kept


def pseudonymise(data: Any, rules: Rules) -> Any:
    """The data with every identifier's value replaced by its keyed hash, before anything is stored.

    What is not of an identifier's form is left out: it cannot be hashed, and may be one all the same.
    """
    if not isinstance(data, dict) or "identifiers" not in data:
        return data
    given = data["identifiers"]
    hashed = [
        kept
        for item in (given if isinstance(given, list) else ())
        if isinstance(item, dict) and isinstance(item.get("kind"), str) and isinstance(item.get("value"), str)
        if (kind := normalise_kind(item["kind"]))
        for kept in _keep_identifier(kind, item["value"], rules)
    ]
    return {**data, "identifiers": hashed}


def digest_content(type_: str, customer_id: str, occurred_us: int, data: Any) -> bytes:
    """What tells a repeat at once: BLAKE2b over type, subject, time and data, members in order."""
    content = orjson.dumps([type_, customer_id, occurred_us, data], option=orjson.OPT_SORT_KEYS)
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
    if one.digest == other.digest:
        return True
    if (one.type, one.occurred_us) != (other.type, other.occurred_us):
        return False
    return _canonical(one) == _canonical(other)


def _canonical(event: Content) -> bytes:
    """Customer and data, identifiers by version 1 of their normal form: it may have been counted by that at first."""
    customer_id, data = event.customer_id, orjson.loads(event.data)
    given = data.get("identifiers", ())
    for latest, former in pairwise(given):
        if "form" in latest and customer_id == make_pseudonym(latest["kind"], latest["hash"]):
            customer_id = make_pseudonym(former["kind"], former["hash"])
    if given:
        data["identifiers"] = [identifier for identifier in given if "form" not in identifier]
    return orjson.dumps([customer_id, _whole_as_integers(data)], option=orjson.OPT_SORT_KEYS)


def _whole_as_integers(value: Any) -> Any:
    """Floats without a fraction as integers: a relay that writes JSON anew may turn 100.0 into 100."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGERS else value
    if isinstance(value, dict):
        return {name: _whole_as_integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(member) for member in value]
    return value


class Rejection(NamedTuple):
    """An event that is refused, as it came (JSON, identifiers hashed), and why."""

    raw: bytes
    problem: Problem


def admit_or_reject(raw: Any, rules: Rules, now_us: int, within: tuple[str, ...] = ()) -> Event | Rejection:
    """`admit`, with a refusal as a value that can be kept."""
    try:
        return admit(raw, rules, now_us, within)
    except Malformed as problem:
        return Rejection(orjson.dumps(_without_identifiers(raw, rules)), problem)


def _without_identifiers(raw: Any, rules: Rules) -> Any:
    """What may be kept of a refused event; of what is none at all (a bare text may be a phone) the size alone."""
    if not isinstance(raw, dict):
        return {"bytes": len(orjson.dumps(raw))}
    return {**raw, "data": pseudonymise(raw["data"], rules)} if "data" in raw else raw


def is_size_alone(kept: Any) -> bool:
    """Whether this is what is kept of what was no event: its size, and in an import the number of its line.

    Whoever sent just that is refused as well.
    """
    return (
        isinstance(kept, dict)
        and kept.keys() in ({"bytes"}, {"line", "bytes"})
        and all(type(size) is int for size in kept.values())
    )


def admit(raw: Any, rules: Rules, now_us: int, within: tuple[str, ...] = ()) -> Event:
    """A CloudEvent as parsed from JSON → an event to be counted. `within` leads the pointers of problems.

    Who names no subject is known by the first identifier; a purchase that names nobody at all is a basket.

    Raises Malformed: not the contract, a time more than five minutes ahead or before 1970, another
    currency than the deployment's, an amount beyond 10^12 minor units.
    """
    try:
        envelope = EVENT_IN.validate_python(raw)
        DATA_OF_TYPE.get(envelope.type, UNKNOWN_DATA).validate_python(envelope.data)
    except ValidationError as error:
        where = within if error.title == "EventIn" else (*within, "data")
        raise malformed(error, within=where) from None
    occurred_us = to_us(envelope.time)
    if not 0 <= occurred_us <= now_us + MAX_AHEAD_US:
        ahead = "ahead of now by more than 5 minutes" if occurred_us > 0 else "before 1970"
        raise violation((*within, "time"), f"The time is {ahead}.")
    data = envelope.data
    if (data.get("currency") or rules.currency) != rules.currency and envelope.type in DATA_OF_TYPE:
        raise violation((*within, "data", "currency"), f"This deployment counts in {rules.currency}.")
    facts = read_facts(envelope.type, data, rules.digits)
    if max(abs(facts["amount_minor"]), facts["discount_minor"]) > MAX_AMOUNT_MINOR:
        raise violation((*within, "data"), "An amount is beyond 10^12 minor units.")
    kept = pseudonymise(data, rules)
    customer_id = envelope.subject or _find_customer(envelope, kept, within)
    written = orjson.dumps(kept)
    check_texts(kept, written, (*within, "data"))
    return Event(
        customer_id=customer_id,
        source=envelope.source,
        id=envelope.id,
        type=envelope.type,
        occurred_us=occurred_us,
        digest=digest_content(envelope.type, customer_id, occurred_us, kept),
        data=written.decode(),
        lines=read_lines(envelope.type, data, rules.digits),
        **facts,
    )


def _find_customer(envelope: EventIn, kept: Any, within: tuple[str, ...]) -> str:
    pseudonym = next(iter(pseudonyms_in(kept)), None)
    if pseudonym is not None:
        return pseudonym
    if envelope.type in (ORDER_COMPLETED, ORDER_REFUNDED):
        return make_basket(envelope.source, envelope.id)
    raise violation((*within, "subject"), "Name the customer by a subject, or by data.identifiers.")
