"""Identifiers in clear → keyed hashes, before anything is stored."""

import hashlib
import hmac
from typing import Any

from app.ingest.rules import Rules
from app.lifecycle.identifiers import former_forms, identifier_forms, normalise_kind


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
