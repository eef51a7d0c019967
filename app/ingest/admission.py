"""Raw JSON → events; and a batch of events, with the decisions asked for, → the database."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from app.database.order_lines import write_lines
from app.foundation.errors import (
    Malformed,
    Problem,
    violation,
)
from app.foundation.settings import Settings
from app.foundation.times import MAX_AHEAD_US, iso, to_us
from app.http.strict_json import check_texts, clean_texts
from app.ingest.clocks import CLAIMED_TIME, is_placeholder, is_possible, right_time
from app.ingest.order_identity import ID_BY_SENDER, OrderIdentity, digest_order, is_same_id
from app.ingest.reading import read_event
from app.ingest.schemas import DATA_OF_TYPE, EventIn
from app.lifecycle.event_types import read_facts
from app.lifecycle.events import (
    CUSTOMER_MERGED,
    MAX_AMOUNT_MINOR,
    ORDER_TYPES,
    Event,
    told_type,
)
from app.lifecycle.identifiers import (
    BASKET,
    former_forms,
    identifier_forms,
    is_nobody,
    make_basket,
    make_pseudonym,
    normalise_kind,
    pseudonyms_in,
)
from app.lifecycle.mending import CLOCK, DROPPED, MENDED, NOBODY, Warned
from app.lifecycle.persons import CUSTOMERS_BEFORE
from app.lifecycle.states import ITEMS_KEPT

_PLACEHOLDER: Final = (
    "1970-01-01 stands for no time; it is counted at the right time.",
    "1970-01-01 stands for no time; it counts, as a stray time.",
)
_EXACT_INTEGERS: Final = 2**53


class Rules(NamedTuple):
    """What a deployment takes events by. `country_code`: digits, of phones that are written without one."""

    currency: str
    digits: int
    identity_key: bytes
    country_code: str = ""
    ahead_us: int = MAX_AHEAD_US
    """How far ahead an event's time may be where nothing tells the right one."""
    orders: OrderIdentity = OrderIdentity()
    items_kept: int = ITEMS_KEPT

    @classmethod
    def of(cls, settings: Settings, identity_key: bytes) -> "Rules":
        """Those of the settings."""
        return cls(
            settings.currency,
            settings.digits,
            identity_key,
            settings.country_code,
            settings.ahead_minutes * 60_000_000,
            OrderIdentity.of(settings.order_identity),
            settings.items_kept,
        )


def hash_forms(kind: str, value: str, rules: Rules) -> list[str]:
    """HMAC-SHA-256 of an identifier in its normal form, then in those that it had before where they were others.

    Nothing: it identifies nobody.
    """
    return [_hash(kind, plain, rules) for plain in identifier_forms(kind, value, rules.country_code)]


def _hash(kind: str, plain: str, rules: Rules) -> str:
    return hmac.new(rules.identity_key, f"{kind}\x1f{plain}".encode(), hashlib.sha256).hexdigest()


def _keep_identifier(kind: str, value: str, rules: Rules) -> list[dict[str, Any]]:
    """As it is stored. Who is known by a hash of before is found by it, standing behind one that says its `form`.

    Most identifiers have one form, and are kept as they always were. What was one once and identifies nobody now is
    kept as `void`: a repeat of what was counted then is no other event.
    """
    digests = hash_forms(kind, value, rules)
    if not digests:
        former = former_forms(kind, value, rules.country_code)[-1:]
        return [{"kind": kind, "void": _hash(kind, plain, rules)} for plain in former]
    forms = range(len(digests), 1, -1)
    return [
        *({"kind": kind, "hash": digest, "form": form} for digest, form in zip(digests, forms, strict=False)),
        {"kind": kind, "hash": digests[-1]},
    ]


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
    return told_type(one.type) == told_type(other.type) and _canonical(one) == _canonical(other)


def _canonical(event: Content) -> bytes:
    """Customer, time and data, identifiers by version 1 of their normal form: that may have counted it at first.

    It took a placeholder for a customer, too. The time is that of the device's own clock, whichever it is counted at.
    """
    customer_id, data = event.customer_id, orjson.loads(event.data)
    claimed = data.pop(CLAIMED_TIME, iso(event.occurred_us))
    data.pop(ID_BY_SENDER, None)
    customer_id = data.pop(CUSTOMERS_BEFORE, [customer_id])[0]
    given = data.get("identifiers", ())
    theirs = {make_pseudonym(each["kind"], each.get("hash") or each["void"]) for each in given}
    if customer_id in theirs or customer_id.startswith(BASKET) or is_nobody(customer_id):
        customer_id = BASKET
    if given:
        data["identifiers"] = [
            {"kind": each["kind"], "hash": each.get("hash") or each["void"]} for each in given if "form" not in each
        ]
    return orjson.dumps([customer_id, claimed, _whole_as_integers(data)], option=orjson.OPT_SORT_KEYS)


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


class Rejection(NamedTuple):
    """An event that is refused, as it came (JSON, identifiers hashed), and why."""

    raw: bytes
    problem: Problem


def admit_or_reject(raw: Any, rules: Rules, now_us: int, within: tuple[str, ...] = ()) -> Event | Rejection:
    """`admit`, with a refusal as a value that can be kept, and without what was mended."""
    return admit_with_warnings(raw, rules, now_us, within)[0]


def admit_with_warnings(
    raw: Any, rules: Rules, now_us: int, within: tuple[str, ...] = ()
) -> tuple[Event | Rejection, Sequence[Warned]]:
    """`admit`, with a refusal as a value that can be kept."""
    try:
        return _admit(raw, rules, now_us, within)
    except Malformed as problem:
        return refuse(raw, rules, problem), ()


def refuse(raw: Any, rules: Rules, problem: Problem) -> Rejection:
    """A refusal to be kept, of what came as `raw`."""
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
    """A CloudEvent as parsed from JSON → an event to be counted, its details mended where they must be.

    `within` leads the pointers of problems. Who names no subject is known by the first identifier; a purchase that
    names nobody at all is a basket.

    Raises Malformed: not the contract in what money, identity or time hang on, a time that is impossible with no right
    one beside it, another currency than the deployment's, an amount beyond 10^12 minor units.
    """
    return _admit(raw, rules, now_us, within)[0]


def _admit(raw: Any, rules: Rules, now_us: int, within: tuple[str, ...]) -> tuple[Event, Sequence[Warned]]:
    envelope, warnings = read_event(raw, within)
    claimed_us = to_us(envelope.time)
    occurred_us = claimed_us
    if not is_possible(claimed_us, now_us):
        occurred_us = _correct_time(claimed_us, raw, rules, now_us, within)
        warnings.append(Warned(("time",), CLOCK, "The clock was wrong; it is counted at the right time."))
    elif is_placeholder(claimed_us):
        found_us = right_time(claimed_us, raw, now_us, 0)
        occurred_us = claimed_us if found_us is None else found_us
        warnings.append(Warned(("time",), CLOCK, _PLACEHOLDER[found_us is None]))
    data = envelope.data
    if data.get("currency") == "RMB":
        data = {**data, "currency": "CNY"}
        warnings.append(Warned(("data", "currency"), MENDED, "RMB was read as CNY."))
    if (data.get("currency") or rules.currency) != rules.currency and envelope.type in DATA_OF_TYPE:
        raise violation((*within, "data", "currency"), f"This deployment counts in {rules.currency}.")
    facts = read_facts(envelope.type, data, rules.digits)
    identity = rules.orders.identify(envelope.type, envelope.source, facts, within)
    if facts["discount_minor"] > MAX_AMOUNT_MINOR:
        data = {name: member for name, member in data.items() if name != "discount"}
        facts["discount_minor"] = 0
        warnings.append(Warned(("data", "discount"), DROPPED, "It is beyond 10^12 minor units, and was left out."))
    if abs(facts["amount_minor"]) > MAX_AMOUNT_MINOR:
        raise violation((*within, "data"), "An amount is beyond 10^12 minor units.")
    kept = pseudonymise(data, rules)
    kept.pop(CUSTOMERS_BEFORE, None)
    if "identifiers" in kept and _has_nobodies(data["identifiers"], kept["identifiers"]):
        warnings += _tell_nobodies(data["identifiers"], rules)
    customer_id = _find_customer(envelope, kept, within, warnings)
    kept, written = _write_clean(kept, warnings)
    digest = digest_content(envelope.type, customer_id, claimed_us, written)
    aside = {} if occurred_us == claimed_us else {CLAIMED_TIME: iso(claimed_us)}
    if identity is not None and (identity != envelope.id or ID_BY_SENDER in kept):
        aside[ID_BY_SENDER] = kept.get(ID_BY_SENDER, envelope.id)
        digest = digest_order(identity, facts["amount_minor"])
    if aside:
        written = orjson.dumps({**kept, **aside})
    return Event(
        customer_id=customer_id,
        source=envelope.source,
        id=identity or rules.orders.name_event(envelope.source, envelope.id, facts["reference"]),
        type=envelope.type,
        occurred_us=occurred_us,
        digest=digest,
        data=written.decode(),
        lines=write_lines(envelope.type, data, rules.digits),
        **facts,
    ), warnings


def _correct_time(claimed_us: int, raw: Any, rules: Rules, now_us: int, within: tuple[str, ...]) -> int:
    found_us = right_time(claimed_us, raw, now_us, rules.ahead_us)
    if found_us is None:
        ahead = f"ahead of now by more than {rules.ahead_us // 60_000_000} minutes" if claimed_us > 0 else "before 1970"
        raise violation((*within, "time"), f"The time is {ahead}.")
    return found_us


def _has_nobodies(given: Any, kept: list[dict[str, Any]]) -> bool:
    """Whether some identify nobody: each of the others has one hash without a `form`."""
    return sum("hash" in each and "form" not in each for each in kept) < len(given or ())


def _tell_nobodies(given: Any, rules: Rules) -> Iterator[Warned]:
    """The identifiers that identify nobody."""
    for place, item in enumerate(given or ()):
        if not identifier_forms(normalise_kind(item["kind"]), item["value"], rules.country_code):
            yield Warned(("data", "identifiers", place), NOBODY, "It identifies nobody, and joins nobody.")


def _write_clean(kept: dict[str, Any], warnings: list[Warned]) -> tuple[dict[str, Any], bytes]:
    """Data and the same as JSON, without the control characters that their texts may hold."""
    written = orjson.dumps(kept)
    try:
        check_texts(kept, written)
    except Malformed:
        kept = clean_texts(kept)
        warnings.append(Warned(("data",), MENDED, "Control characters were taken out of texts."))
        return kept, orjson.dumps(kept)
    return kept, written


def _find_customer(envelope: EventIn, kept: Any, within: tuple[str, ...], warnings: list[Warned]) -> str:
    if envelope.type == CUSTOMER_MERGED and is_nobody(kept["merged"]):
        raise violation((*within, "data", "merged"), "It stands for nobody, who is joined to none.")
    if envelope.subject is not None:
        if not is_nobody(envelope.subject):
            return envelope.subject
        warnings.append(Warned(("subject",), NOBODY, "It stands for nobody."))
    pseudonym = next(iter(pseudonyms_in(kept)), None)
    if pseudonym is not None:
        return pseudonym
    if envelope.type in ORDER_TYPES:
        return make_basket(envelope.source, envelope.id)
    raise violation((*within, "subject"), "Name the customer by a subject, or by data.identifiers.")
