"""The chain: each row is sealed with the hash of the one before.

The seals are keyed (HMAC-SHA-256): whoever can write to the database, and has not the key, can make none.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from app.audit.entries import Entry
from app.foundation.settings import Settings
from app.ingest.identity_key import read_arms_key

HASH_BYTES: Final = 32
CUSTOMER_BYTES: Final = 16


class Link(NamedTuple):
    """A row's place and seal. Before the first row there is `BEGINNING`."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


BEGINNING: Final = Link(0, bytes(HASH_BYTES))


class Row(NamedTuple):
    """An entry in the chain."""

    seq: int
    entry: Entry
    previous: bytes
    hash: bytes

    @property
    def link(self) -> Link:
        return Link(self.seq, self.hash)


class Chain:
    """Seals rows and hashes ids of customers, by keys of its own that are made of one secret."""

    def __init__(self, secret: bytes) -> None:
        self._seals = hashlib.sha256(b"perennial audit seals:" + secret).digest()
        self._customers = hashlib.sha256(b"perennial audit customers:" + secret).digest()

    def hash_customer(self, customer_id: str) -> bytes:
        """Of any id: the retailer's, or a pseudonym."""
        given = customer_id.encode(errors="surrogatepass")  # as a path had it
        return hashlib.blake2b(given, key=self._customers, digest_size=CUSTOMER_BYTES, person=b"audited").digest()

    def extend(self, tip: Link, entries: Iterable[Entry]) -> Iterator[Row]:
        """The rows that follow a tip."""
        for entry in entries:
            row = Row(tip.seq + 1, entry, tip.hash, self._seal(tip.seq + 1, entry, tip.hash))
            yield row
            tip = row.link

    def is_sealed(self, row: Row) -> bool:
        """Whether a row is as it was written, in its place."""
        return hmac.compare_digest(self._seal(row.seq, row.entry, row.previous), row.hash)

    def _seal(self, seq: int, entry: Entry, previous: bytes) -> bytes:
        return hmac.digest(self._seals, previous + canonical(seq, entry), "sha256")


def canonical(seq: int, entry: Entry) -> bytes:
    """A row as JSON, members in order, hashes in hexadecimal digits."""
    told: dict[str, Any] = {**entry._asdict(), "seq": seq, "customers": [each.hex() for each in entry.customers]}
    told["request_ids"] = list(entry.request_ids)
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def open_chain(settings: Settings) -> Chain:
    """By PERENNIAL_AUDIT_KEY, or else by the secret that arms go by, too: a rotation of the identity key breaks no
    seal."""
    secret = settings.audit_key
    return Chain(read_arms_key(settings) if secret is None else secret.encode())
