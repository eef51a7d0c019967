"""What is left of a person who was erased: of each id a keyed hash, by which it is known when it comes again."""

import hashlib
from typing import Final, NamedTuple

HASH_BYTES: Final = 16


class Tombstones:
    """Hashes ids by the secret that keys the hashes of identifiers. Whoever has the database alone cannot tell whether
    a customer is among the erased.
    """

    def __init__(self, identity_key: bytes) -> None:
        self._key = hashlib.sha256(identity_key).digest()

    def hash(self, customer_id: str) -> bytes:
        """Of any id: the retailer's, or a pseudonym."""
        given = customer_id.encode()
        return hashlib.blake2b(given, key=self._key, digest_size=HASH_BYTES, person=b"erased").digest()


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
