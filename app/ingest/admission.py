"""Raw JSON → events to be counted, or refusals to be kept."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from app.database.order_lines import write_lines
from app.foundation.errors import Malformed, violation
from app.foundation.metrics import DECLINED_MEMBERS
from app.foundation.times import iso, to_us
from app.http.strict_json import check_texts, clean_texts
from app.ingest.clocks import CLAIMED_TIME, is_placeholder, is_possible, right_time
from app.ingest.order_identity import ID_BY_SENDER, digest_order
from app.ingest.pseudonyms import pseudonymise, with_subject
from app.ingest.reading import read_event
from app.ingest.refusals import Rejection, refuse
from app.ingest.repeats import digest_content
from app.ingest.rules import Rules
from app.ingest.schemas import DATA_OF_TYPE, EventIn
from app.lifecycle.event_types import read_facts
from app.lifecycle.events import CUSTOMER_MERGED, MAX_AMOUNT_MINOR, ORDER_TYPES, Event
from app.lifecycle.identifiers import identifier_forms, is_nobody, make_basket, normalise_kind, pseudonyms_in
from app.lifecycle.kept_members import MEMBERS_DECLINED
from app.lifecycle.mending import CLOCK, DROPPED, MENDED, NOBODY, Warned
from app.lifecycle.persons import CUSTOMERS_BEFORE

_PLACEHOLDER: Final = (
    "1970-01-01 stands for no time; it is counted at the right time.",
    "1970-01-01 stands for no time; it counts, as a stray time.",
)


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
    data = _decline(envelope.data, rules)
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
    envelope.subject, told = with_subject(envelope.subject, data, rules)
    kept = pseudonymise(told, rules)
    kept.pop(CUSTOMERS_BEFORE, None)
    if "identifiers" in kept and _has_nobodies(told["identifiers"], kept["identifiers"]):
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


def _decline(data: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """Data without the members that are declined, which is ours to say of them."""
    if MEMBERS_DECLINED in data:
        data = {name: member for name, member in data.items() if name != MEMBERS_DECLINED}
    if rules.kept_members is None:
        return data
    data, declined = rules.kept_members.sift(data)
    DECLINED_MEMBERS.add((), declined)
    return {**data, MEMBERS_DECLINED: True} if declined else data


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
