"""What is left of a person who was erased: of each id a keyed hash, by which it is known when it comes again."""

import hashlib
from typing import Final, NamedTuple

HASH_BYTES: Final = 16


class Tombstones:
    """Hashes ids by the secret that keys the hashes of identifiers. Whoever has the database alone cannot tell whether
    a customer is among the erased.
    """

    def __init__(self, identity_key: bytes, former_keys: tuple[bytes, ...] = ()) -> None:
        """Those of before the key was rotated are found by the former ones."""
        self._keys = [hashlib.sha256(each).digest() for each in (identity_key, *former_keys)]

    def hash(self, customer_id: str) -> bytes:
        """Of any id: the retailer's, or a pseudonym. By the latest key, as it is written."""
        return _hash(customer_id.encode(), self._keys[0])

    def hashes(self, customer_id: str) -> tuple[bytes, ...]:
        """By every key, the latest first, as it is looked for."""
        given = customer_id.encode()
        return tuple([_hash(given, key) for key in self._keys])


def _hash(given: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(given, key=key, digest_size=HASH_BYTES, person=b"erased").digest()


class Tombstone(NamedTuple):
    """When an id was erased, and from when on it counts again, since consent was given anew; None: it does not."""

    erased_us: int
    lifted_us: int | None

    def bars(self, occurred_us: int | None) -> bool:
        """Whether what happened then (None: nobody knows when) is not to be kept."""
        return self.lifted_us is None or (occurred_us is not None and occurred_us < self.lifted_us)

    def lift(self, consented_us: int) -> "Tombstone":
        """With a consent that was given at a time: the earliest after the erasure lifts it, a later one changes
        nothing."""
        if consented_us <= self.erased_us or (self.lifted_us is not None and self.lifted_us <= consented_us):
            return self
        return self._replace(lifted_us=consented_us)
