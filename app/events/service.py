"""Raw JSON → events; and a batch of events, with the decisions asked for, → the database."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import ValidationError

from app.errors import Malformed, malformed
from app.events.schemas import DATA_OF_TYPE, EVENT_IN
from app.lifecycle.events import MAX_AMOUNT_MINOR, Event, read_facts

MAX_AHEAD_US: Final = 5 * 60 * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """An aware time → microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def hash_identifier(kind: str, value: str, key: bytes) -> str:
    """HMAC-SHA-256 of an identifier in its normal form: e-mail in lower case, phone without spaces."""
    plain = "".join(value.split()).lower() if kind in ("email", "phone") else value.strip()
    return hmac.new(key, f"{kind}\x1f{plain}".encode(), hashlib.sha256).hexdigest()


def pseudonymise(data: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The data with every identifier's value replaced by its keyed hash, before anything is stored."""
    identifiers = data.get("identifiers")
    if not isinstance(identifiers, list):
        return data
    hashed = [
        {"kind": item["kind"], "hash": hash_identifier(str(item["kind"]), str(item["value"]), key)}
        for item in identifiers
        if isinstance(item, dict) and "kind" in item and "value" in item
    ]
    return {**data, "identifiers": hashed}


def admit(raw: Any, *, now_us: int, currency: str, digits: int, identity_key: bytes) -> Event:
    """A CloudEvent as parsed from JSON → an event to be counted.

    Raises Malformed: not the contract, a time more than five minutes ahead or before 1970, another
    currency than the deployment's, an amount beyond 10^12 minor units.
    """
    try:
        envelope = EVENT_IN.validate_python(raw)
        adapter = DATA_OF_TYPE.get(envelope.type)
        if adapter is not None:
            adapter.validate_python(envelope.data)
    except ValidationError as error:
        within = () if error.title == "EventIn" else ("data",)
        raise malformed(error.errors(include_url=False, include_input=False), within=within) from None
    occurred_us = to_us(envelope.time)
    if not 0 <= occurred_us <= now_us + MAX_AHEAD_US:
        ahead = "ahead of now by more than 5 minutes" if occurred_us > 0 else "before 1970"
        raise Malformed(f"/time: The time is {ahead}.")
    data = envelope.data
    if adapter is not None and (data.get("currency") or currency) != currency:
        raise Malformed(f"/data/currency: This deployment counts in {currency}.")
    facts = read_facts(envelope.type, data, digits)
    if max(abs(facts["amount_minor"]), facts["discount_minor"]) > MAX_AMOUNT_MINOR:
        raise Malformed("/data: An amount is beyond 10^12 minor units.")
    kept = pseudonymise(data, identity_key)
    content = [envelope.type, envelope.subject, occurred_us, kept]
    return Event(
        customer_id=envelope.subject,
        source=envelope.source,
        id=envelope.id,
        type=envelope.type,
        occurred_us=occurred_us,
        digest=hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        data=orjson.dumps(kept).decode(),
        **facts,
    )
