"""Identifiers of customers: their normal forms, and the customer ids that stand for them.

A phone, an e-mail, a device is kept as a keyed hash of its normal form alone. Where a customer is known by nothing
else, the hash stands for the customer: a *pseudonym*.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.lifecycle.emails import is_made_up, normalise_email
from app.lifecycle.phones import former_phone_forms, phone_forms
from app.lifecycle.placeholders import is_placeholder, show_visible

BASKET: Final = "~basket:"
"""What the ids of purchases without a customer begin with. They are kept as events, and make no state."""


_KINDS: Final = {
    **dict.fromkeys(("e-mail", "email_address", "mail"), "email"),
    **dict.fromkeys(("mobile", "mobile_phone", "phone_number", "tel", "telephone", "msisdn", "cell"), "phone"),
}


_PSEUDONYM: Final = re.compile("~[^:]+:[0-9a-f]{64}")


_FORMER_NOBODY: Final = frozenset(
    ("", "none", "null", "nil", "n/a", "na", "nan", "unknown", "undefined", "anonymous", "nobody", "no", "无", "未知")
)
"""What identified nobody before there was `app.lifecycle.placeholders`."""


def is_nobody(customer_id: str) -> bool:
    """Whether a customer's id stands for nobody: a placeholder, or an address that was made up."""
    return is_placeholder(customer_id) or ("@" in customer_id and is_made_up(customer_id))


def is_pseudonym(customer_id: str) -> bool:
    """Whether it stands for an identifier, and is not an id that a retailer gave."""
    return _PSEUDONYM.fullmatch(customer_id) is not None


def make_pseudonym(kind: str, hashed: str) -> str:
    """The customer id that an identifier stands for. `hashed`: 64 hexadecimal digits."""
    return f"~{kind}:{hashed}"


def kind_of(pseudonym: str) -> str:
    """The kind of identifier that a pseudonym stands for."""
    return pseudonym[1:].partition(":")[0]


def make_basket(source: str, event_id: str) -> str:
    """The customer id of a purchase of which nobody knows whose it was: of that one event alone."""
    return BASKET + hashlib.sha256(f"{source}\x1f{event_id}".encode()).hexdigest()


def normalise_kind(kind: str) -> str:
    """The kind of an identifier by one name: `E-Mail` and `mail` are `email`, `mobile` is `phone`."""
    plain = "_".join(show_visible(kind).lower().replace(":", " ").split())
    return _KINDS.get(plain, plain)


def normalise_identifier(kind: str, value: str, country_code: str = "") -> str | None:
    """An identifier's normal form, from which its hash is made; None: it identifies nobody."""
    return next(iter(identifier_forms(kind, value, country_code)), None)


def identifier_forms(kind: str, value: str, country_code: str = "") -> tuple[str, ...]:
    """The normal form, then the ones that it had before where they were others; nothing: it identifies nobody.

    `kind` as from `normalise_kind`. E-mail in lower case, its domain in ASCII. Phones in E.164 where the country code
    is known: `+86 138-0013-8000`, `0086138…` and full-width digits are the same; with `country_code` (digits) so are
    numbers written as in that country. Of other kinds, cards say, case counts.
    """
    plain = show_visible(value).strip()
    if is_placeholder(plain):
        return ()
    if kind == "phone":
        return phone_forms(plain, _compact(plain), country_code)
    if kind == "email":
        found = normalise_email(plain)
        return () if found is None else tuple(dict.fromkeys((found, *former_forms(kind, value, country_code))))
    return (plain,)


def former_forms(kind: str, value: str, country_code: str = "") -> tuple[str, ...]:
    """What `identifier_forms` said before there were placeholders, spreadsheets' phones and addresses with names.

    What was counted then is compared by it: its last form is version 1.
    """
    plain = show_visible(value).strip()
    compact = _compact(plain)
    if compact.strip("-./?") in _FORMER_NOBODY:
        return ()
    if kind == "phone":
        return former_phone_forms(plain, compact, country_code)
    if kind == "email":
        local, _, domain = compact.removeprefix("mailto:").rpartition("@")
        return (f"{local}@{domain.rstrip('.')}" if local and domain else compact,)
    return (plain,)


def _compact(plain: str) -> str:
    """Without spaces, in lower case."""
    return unicodedata.normalize("NFKC", "".join(plain.split()).lower())


def pseudonyms_in(data: Mapping[str, Any]) -> list[str]:
    """The pseudonyms of an event's identifiers (hashed, as they are stored), in the order they were given."""
    given = data.get("identifiers")
    written = [
        make_pseudonym(str(item.get("kind")), str(item.get("hash")))
        for item in (given if isinstance(given, list) else ())
        if isinstance(item, dict)
    ]
    return [pseudonym for pseudonym in written if is_pseudonym(pseudonym)]


def groups_of(given: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The identifiers of an event, as they are stored, each with all its hashes: those that say a `form`, then one."""
    groups: list[list[Mapping[str, Any]]] = [[]]
    for each in given:
        groups[-1].append(each)
        if "form" not in each:
            groups.append([])
    return [group for group in groups if group]
