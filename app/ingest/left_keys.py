"""What is left of an event that has left the log: a keyed hash, by which it is known when it comes again."""

import hashlib
from typing import Final

HASH_BYTES: Final = 16


class LeftKeys:
    """Hashes the keys of events, whose ids may name customers, by a secret that never changes: `Rules.lasting_key`."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(secret).digest()

    @property
    def mark(self) -> bytes:
        """The hash of no event, kept beside the others: without it they are by another secret."""
        return self.hash("", "")

    def hash(self, source: str, id_: str) -> bytes:
        """Of source and id, as the log has them."""
        given = f"{source}\x1f{id_}".encode()
        return hashlib.blake2b(given, key=self._key, digest_size=HASH_BYTES, person=b"left").digest()
