"""What the challenger would have shown in the place of lists that were given, made out of the way of whoever asked.

Of the lists that a worker gives and keeps, one in a second at most is noted with all that was known for it, and a task
beside makes the challenger's list of the very same: a request pays for being noted, and for nothing else.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import BigInteger, Text, cast, exists, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import SQLAlchemyError

from app.database.engine import CONNECTION_LOST, Driver, Statement, compile_statement, unnested
from app.database.item_tables import recommendation_shadows, recommendations
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.items.following import Items
from app.models.held import Models
from app.models.item_artefact import ItemModel
from app.recommendations.assortment import Assortment
from app.recommendations.keeping import Given
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.service import Recommended, recommend

PACE_S: Final = 1.0
"""From one list that is noted to the next, at least: making it again takes a millisecond or two of the event loop."""
MOST_WAITING: Final = 16
"""Notes that wait; older ones give way. They hold a history each."""


class Note(NamedTuple):
    """A list that was given by these rules, and kept."""

    told: Recommended
    rules: Sequence[MerchantRule]
    given: Given


class Shadowed(NamedTuple):
    """What a model would have shown then."""

    customer_id: str
    recommendation_id: str
    version: str
    given_us: int
    item_ids: Sequence[str]


class Shadow:
    """The challenger's side of a worker."""

    def __init__(self, models: Models, items: Items) -> None:
        self._models = models
        self._items = items
        self._waiting: deque[Note] = deque(maxlen=MOST_WAITING)
        self._next_s = 0.0
        self._made: Assortment | None = None

    def note(self, told: Recommended, rules: Sequence[MerchantRule], given: Given) -> None:
        """Has it made again by the challenger, where there is one and it is time for another. A list that no model made
        is compared with nothing."""
        now_s = time.monotonic()
        if self._models.item_challenger is None or told.asked.assortment.model is None or now_s < self._next_s:
            return
        self._next_s = now_s + PACE_S
        self._waiting.append(Note(told, rules, given))

    def make(self) -> Shadowed | None:
        """The oldest that waits, made by the challenger; None: none waits, or there is no challenger any more."""
        model = self._models.item_challenger
        if model is None:
            self._waiting.clear()
            self._made = None  # with it goes the model
            return None
        if not self._waiting:
            return None
        told, rules, given = self._waiting.popleft()
        asked = told.asked
        again = recommend(asked.wanted, asked.history, self._assortment(model), rules, asked.now_us)
        return Shadowed(given.customer_id, given.recommendation_id, model.version, given.given_us, again.item_ids())

    def _assortment(self, model: ItemModel) -> Assortment:
        catalogue, made = self._items.catalogue, self._made
        if made is None or made.model is not model or made.catalogue is not catalogue:
            made = self._made = Assortment(model, catalogue, made)
        return made


async def keep_shadowing(shadow: Shadow, driver: Driver) -> None:
    """For ever: makes and keeps what waits, one after the other. What the database refuses is lost, and logged."""
    try:
        while True:
            await asyncio.sleep(PACE_S)
            while (made := shadow.make()) is not None:
                try:
                    await keep_shadowed(driver, made)
                except (NotReady, SQLAlchemyError, *CONNECTION_LOST) as error:
                    log.warning("shadowing.failed", reason=type(error).__name__)
                    await driver.close()
                await asyncio.sleep(0)
    finally:
        await driver.close()


def _keep() -> Statement:
    texts = ("customer_id", "recommendation_id", "version", "items")
    given = unnested("given", **dict.fromkeys(texts, Text()), given_us=BigInteger())
    names = [each.name for each in recommendation_shadows.c]
    columns = [cast(given.c[name], JSONB) if name == "items" else given.c[name] for name in names]
    shown = recommendations.c
    is_kept = (shown.customer_id == given.c.customer_id) & (shown.recommendation_id == given.c.recommendation_id)
    rows = pg_insert(recommendation_shadows).from_select(names, select(*columns).where(exists().where(is_kept)))
    return compile_statement(rows.on_conflict_do_nothing())


_KEEP: Final = _keep()


async def keep_shadowed(driver: Driver, made: Shadowed) -> None:
    """Keeps it beside the recommendation of its id, if that is kept of the same customer."""
    columns: dict[str, Any] = made._asdict()
    columns["items"] = orjson.dumps(list(columns.pop("item_ids"))).decode()
    await driver.fetch(_KEEP, **{name: [value] for name, value in columns.items()})
