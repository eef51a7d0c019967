"""What is recorded of a running service.

Whoever answers a till notes a tuple, and no more. Once a second what was noted is gathered, and written as a few rows
in one transaction. What changes something by a person's word is written by the transaction that changes it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.audit import queries
from app.audit.acts import OPERATIONS, TARGETS
from app.audit.chain import BEGINNING, Chain, Link
from app.audit.entries import Call, Entry, gather
from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log, request_under_way
from app.http.auditing import CUSTOMERS, KEY, RECORDED
from app.http.auth import digest_in
from app.http.strict_json import is_plain_text
from app.ingest.pseudonyms import ask_for
from app.ingest.rules import Rules

EVERY_S: Final = 1.0
"""What was noted since is lost where the process is killed."""
MOST_NOTED: Final = 100_000
"""While the database cannot be written to, the latest calls are kept; a row says how many are not."""
MOST_KEYS: Final = 1000
ERASED: Final = "an erasure that a shop asked for"
SERVICE: Final = "the service"
NOT_NOTED: Final = "calls that were not recorded"
_DONE: Final = 200
_FAILED: Final = 400
_REFUSED: Final = 401
_KNOWN: Final = {(method, path): (act, f"{method} {path}") for (method, path), act in OPERATIONS.items()}


class Recorder:
    """Notes and records the calls of one process. `is_on`: whether anything is."""

    def __init__(self, chain: Chain, engine: AsyncEngine, rules: Rules, *, is_on: bool) -> None:
        self.chain, self.rules, self.is_on = chain, rules, is_on
        self.tip: Link = BEGINNING
        """As this process wrote or read it last."""
        self.failure: str | None = None
        """Why what is noted cannot be written."""
        self._engine = engine
        self._noted: deque[Call] = deque()
        self._lost = 0
        self._names: dict[bytes, str] = {}

    @property
    def waiting(self) -> int:
        """Calls that are noted, and not written yet."""
        return len(self._noted)

    def note(self, scope: Mapping[str, Any], status: int | None, request_id: str) -> None:
        """Of who has no valid key nothing is noted."""
        route = scope.get("route")
        known = None if route is None or not self.is_on else _KNOWN.get((scope["method"], route.path))
        if known is None or status == _REFUSED or (RECORDED in scope and status is not None and status < _FAILED):
            return
        if len(self._noted) >= MOST_NOTED:
            self._noted.popleft()
            self._lost += 1
        self._noted.append(_call_of(scope, known, 0 if status is None else status, request_id))

    async def record(self, connection: AsyncConnection, scope: Any) -> None:
        """A change, an export or an erasure, with the transaction that makes it, as the last of it."""
        if not self.is_on:
            return
        asked, known = request_under_way.get(), _KNOWN[scope["method"], scope["route"].path]
        call = _call_of(scope, known, _DONE, "" if asked is None else asked[0])
        await self._write(connection, [call])
        scope[RECORDED] = True

    async def record_erasure(self, connection: AsyncConnection, customer_ids: Sequence[str], *, made_by: str) -> None:
        """An erasure that no key asked for, with its transaction, as the last of it."""
        if self.is_on:
            customers = [self.hash_customer(each) for each in customer_ids]
            told = entry_of(made_by, "erase", ERASED, time.time_ns() // 1000, customers=customers)
            await add_entries(connection, self.chain, [told])

    def hash_customer(self, customer_id: str) -> bytes:
        """Of who is asked for by a phone or an e-mail, that of the id that they are kept under."""
        is_one = is_plain_text(customer_id)  # a path may have had anything
        return self.chain.hash_customer(ask_for(customer_id, self.rules) if is_one else customer_id)

    async def write_noted(self) -> int:
        """Writes what was noted until now; how many calls. What cannot be written stays noted. Raises NotReady,
        SQLAlchemyError."""
        calls, lost = list(self._noted), self._lost
        if not calls:
            return 0
        self._noted.clear()
        try:
            async with transaction(self._engine) as connection:
                tip = await self._write(connection, calls, lost)
        except BaseException:
            self._noted.extendleft(reversed(calls))
            raise
        self.tip, self._lost = tip, self._lost - lost
        return len(calls)

    async def _write(self, connection: AsyncConnection, calls: list[Call], lost: int = 0) -> Link:
        """The new tip."""
        await self._learn_names(connection, {call.key for call in calls})
        entries = list(gather(calls, lambda key: self._names[key], self.hash_customer))
        if lost:
            entries.append(entry_of(SERVICE, "change", NOT_NOTED, calls[-1].at_us, calls=lost))
        return await add_entries(connection, self.chain, entries)

    async def _learn_names(self, connection: AsyncConnection, keys: set[bytes]) -> None:
        """Who is behind headers that are not known yet."""
        if len(self._names) > MOST_KEYS:
            self._names.clear()
        digests = {key: digest_in(key) for key in keys if key and key not in self._names}
        ids = await queries.name_keys(connection, list(digests.values())) if digests else {}
        for key, digest in digests.items():
            self._names[key] = f"key {ids[digest]}" if digest in ids else "a key that is known no more"
        self._names[b""] = "a signature"

    async def keep_writing(self) -> None:
        """For ever; at the end what is left."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                await self._try_to_write()
        finally:
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.write_noted()
        except (NotReady, SQLAlchemyError) as error:
            if self.failure is None:
                log.warning("audit.failed", reason=type(error).__name__, waiting=self.waiting)
            self.failure = type(error).__name__
        else:
            self.failure = None


async def add_entries(connection: AsyncConnection, chain: Chain, entries: list[Entry]) -> Link:
    """Adds to the chain, of which this transaction has the tip until its end; the new tip."""
    rows = list(chain.extend(await queries.lock_tip(connection), entries))
    await queries.add_rows(connection, rows)
    return rows[-1].link


def entry_of(made_by: str, act: str, operation: str, at_us: int, **told: Any) -> Entry:
    """A row of what no call did."""
    usual: dict[str, Any] = {"outcome": 0, "calls": 1, "customers": (), "request_ids": (), "target": None}
    return Entry(at_us, at_us, made_by, act, operation, **{**usual, **told})


def _call_of(scope: Mapping[str, Any], known: tuple[str, str], outcome: int, request_id: str) -> Call:
    asked = scope["path_params"]
    of_path = asked.get("customer_id")
    named = scope.get(CUSTOMERS, ())
    target = None
    if outcome < _FAILED and len(asked) > (of_path is not None):
        target = next((str(asked[name]) for name in TARGETS if name in asked), None)
    return Call(
        time.time_ns() // 1000,
        scope.get(KEY, b""),
        *known,
        outcome,
        named if of_path is None else (of_path, *named),
        request_id,
        target,
    )
