"""E-mail addresses in their normal form: `Name <A@Exämple.DE.>` is `a@xn--exmple-cua.de`."""

import re
import unicodedata
from email.utils import parseaddr
from typing import Final
from urllib.parse import unquote

import idna

from app.lifecycle.placeholders import is_empty_word, is_placeholder

_BRACKETED: Final = re.compile(r"<([^<>]*@[^<>]*)>")
_LOCAL: Final = re.compile(r'[^\s@<>()\[\],;:"\\]+')
_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NO_MAIL: Final = frozenset(
    """
    noemail no-email no_email no.email nomail no-mail noaddress none null undefined nil noreply no-reply donotreply
    do-not-reply nobody unknown anonymous guest notprovided not.provided not-provided test testing testuser testemail
    """.split()  # noqa: SIM905
)
"""Before the @ of an address that was made up because a form asked for one."""
_FILLED_IN: Final = frozenset(
    "test email mail e a aa aaa abc x xx xxx asdf asd qwe qwerty user demo fake dummy foo".split()  # noqa: SIM905
)
"""On both sides of the @, `test@test.com`: typed by whoever had no address to type."""
_FORMS: Final = re.compile(
    r"(test|user|customer|client|example|sample|demo)[._-]?\d{0,3}|e-?mail|mail|name|you|your(name|email)?|me|my(email)?"
    r"|someone|somebody|first(name)?[._]?last(name)?|foo|bar|abc|123|1234|12345|123456"
)
"""Before the @ of addresses that show how one is written."""
_OF_NOBODY: Final = frozenset(("example", "domain", "yourdomain", "mydomain", "test", "sample", "yourcompany"))
"""The first and the last label of domains of such addresses: of some nobody has one (RFC 2606), of others hardly."""
_NO_DOMAIN: Final = re.compile(r"(.*\.)?(invalid|localhost|localdomain)")
"""Where nobody has an address (RFC 2606, RFC 6761)."""
_PAIRS: Final = frozenset(("a@b", "x@y", "foo@bar", "aaa@bbb", "abc@123", "123@abc", "123@test", "no@mail", "no@email"))


def normalise_email(plain: str) -> str | None:
    """The address in lower case with its domain in ASCII (IDNA 2008); None: it is none, or nobody's.

    `plain` is NFKC. A name before it, brackets, comments, `mailto:` and what follows a `?`, spaces and final dots are
    no part of it; of several, the first is taken.
    """
    local, _, domain = _take_address(plain).rpartition("@")
    ascii_domain = _write_ascii(domain.rstrip(".,;"))
    if ascii_domain is None or not _LOCAL.fullmatch(local) or _is_made_up(local, ascii_domain):
        return None
    return f"{local}@{ascii_domain}"


def is_made_up(plain: str) -> bool:
    """Whether a text is an address that was made up because something asked for one: `noemail@noemail.com`."""
    local, _, domain = _take_address(plain).rpartition("@")
    ascii_domain = _write_ascii(domain.rstrip(".,;"))
    return ascii_domain is not None and bool(local) and _is_made_up(local, ascii_domain)


def _take_address(plain: str) -> str:
    bracketed = _BRACKETED.search(plain)
    text = bracketed.group(1) if bracketed else re.split("[,;]", plain.strip(" ,;"), maxsplit=1)[0]
    if "@" not in text:
        text = unquote(text)
    if "(" in text:
        text = parseaddr(text)[1]
    compact = unicodedata.normalize("NFKC", "".join(text.split()).lower()).strip("\"'<>")
    while compact.startswith("mailto:"):
        compact = compact.removeprefix("mailto:").partition("?")[0]
    return compact


def _write_ascii(domain: str) -> str | None:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode().rstrip(".")
        except idna.IDNAError:
            return None
    return domain if _DOMAIN.fullmatch(domain) else None


def _is_made_up(local: str, domain: str) -> bool:
    first, _, rest = domain.partition(".")
    return (
        local in _NO_MAIL
        or _NO_DOMAIN.fullmatch(domain) is not None
        or (not _OF_NOBODY.isdisjoint((first, rest.rpartition(".")[2])) and _FORMS.fullmatch(local) is not None)
        or (rest != "" and f"{local}@{first}" in _PAIRS)
        or ("." not in domain and is_placeholder(domain))
        or (is_empty_word(local) and is_empty_word(first))
        or (local == first and (local in _FILLED_IN or local.isdigit()))
    )
