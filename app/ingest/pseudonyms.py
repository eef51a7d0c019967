"""Identifiers in clear → keyed hashes, before anything is stored."""

import hashlib
import hmac
from typing import Any, Final

from app.ingest.rules import Rules
from app.lifecycle.identifiers import former_forms, identifier_forms, make_pseudonym, normalise_kind
from app.lifecycle.plain_ids import PlainId, read_plain_id

NOBODY: Final = ""
"""A subject that stands for nobody."""


def hash_forms(kind: str, value: str, rules: Rules) -> list[str]:
    """HMAC-SHA-256 of an identifier in its normal form, then in those that it had before where they were others; then
    the same by each former key.

    Nothing: it identifies nobody.
    """
    forms = identifier_forms(kind, value, rules.country_code)
    return [_hash(kind, plain, key) for key in rules.keys for plain in forms]


def _hash(kind: str, plain: str, key: bytes) -> str:
    return hmac.new(key, f"{kind}\x1f{plain}".encode(), hashlib.sha256).hexdigest()


def _keep_identifier(kind: str, value: str, rules: Rules) -> list[dict[str, Any]]:
    """As it is stored. Who is known by a hash of before is found by it, standing behind one that says its `form`.

    Most identifiers have one form, and are kept as they always were. What was one once and identifies nobody now is
    kept as `void`: a repeat of what was counted then is no other event.
    """
    digests = hash_forms(kind, value, rules)
    if not digests:
        former = former_forms(kind, value, rules.country_code)[-1:]
        return [{"kind": kind, "void": _hash(kind, plain, rules.keys[-1])} for plain in former]
    forms = range(len(digests), 1, -1)
    return [
        *({"kind": kind, "hash": digest, "form": form} for digest, form in zip(digests, forms, strict=False)),
        {"kind": kind, "hash": digests[-1]},
    ]


def plain_id_of(customer_id: str, rules: Rules) -> PlainId | None:
    """The phone or e-mail that a customer id is; None: an id of the retailer's own."""
    return read_plain_id(customer_id, rules.country_code, ids_are_phones=rules.ids_are_phones)


def ask_for(customer_id: str, rules: Rules) -> str:
    """The id that a customer is kept under who is asked for by a phone or an e-mail; any other as it is.

    Of several hashes it is the oldest, which whoever is known by any has as well.
    """
    return ids_asked_for(customer_id, rules)[-1]


def ids_asked_for(customer_id: str, rules: Rules) -> list[str]:
    """All ids that it may be kept under, the latest first."""
    told = plain_id_of(customer_id, rules)
    digests = [] if told is None else hash_forms(*told, rules)
    return [make_pseudonym(told.kind, each) for each in digests] if told is not None and digests else [customer_id]


def with_subject(subject: str | None, data: dict[str, Any], rules: Rules) -> tuple[str | None, dict[str, Any]]:
    """Subject and data, where the subject may be somebody's phone or e-mail: then there is none, and that is the first
    of the identifiers."""
    told = None if subject is None else plain_id_of(subject, rules)
    if told is None:
        return subject, data
    if not hash_forms(*told, rules):
        return NOBODY, data
    return None, {**data, "identifiers": [told._asdict(), *_listed(data.get("identifiers"))]}


def _listed(given: Any) -> Any:
    """What is no list cannot be read."""
    return given if isinstance(given, list) else ()


def pseudonymise(data: Any, rules: Rules) -> Any:
    """The data with every identifier's value replaced by its keyed hash, before anything is stored.

    What is not of an identifier's form is left out: it cannot be hashed, and may be one all the same.
    """
    if not isinstance(data, dict):
        return data
    if isinstance(merged := data.get("merged"), str):
        data = {**data, "merged": ask_for(merged, rules)}
    if "identifiers" not in data:
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
