"""What was recommended is kept, so that what becomes of it can be told.

Whoever recommends calls `keep_recommendations` with what the answer holds; the shop sends the `recommendation_id` back
with what happened (`recommendation.shown`, `.clicked`, `.added`, and with the lines of an order).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import BigInteger, LargeBinary, Text, case, cast, exists, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.database.engine import Driver, Statement, compile_statement, unnested
from app.database.item_tables import recommendations
from app.database.privacy_tables import erased_ids
from app.lifecycle.tombstones import Tombstones

NOBODY: Final = ""
"""The customer of a recommendation that was made for nobody in particular."""


_ARRAYS: Final = ("items", "probabilities", "offers")


class Given(NamedTuple):
    """A recommendation as it was answered. `item_ids` in the order shown: the first is at position 1; `probabilities`
    of each that it is bought within seven days, None: they were not called due, or no clock told; `offers` of each the
    receipt of how deep it went, None: they were not asked for, or not kept in time.

    `customer_id` NOBODY: of somebody who is not known. `model_version` None: of rules. `store` None: of none.
    """

    customer_id: str
    recommendation_id: str
    scenario: str
    given_us: int
    item_ids: Sequence[str]
    model_version: str | None = None
    store: str | None = None
    probabilities: Sequence[float | None] | None = None
    offers: Sequence[Mapping[str, Any]] | None = None


def _keep() -> Statement:
    given = unnested(
        "given",
        **dict.fromkeys(("customer_id", "recommendation_id", "scenario", "store", "model_version", *_ARRAYS), Text()),
        given_us=BigInteger(),
        id_hash=LargeBinary(),
        former_hash=LargeBinary(),
    )
    names = [each.name for each in recommendations.c]
    hashes = (given.c.id_hash, given.c.former_hash)
    is_barred = exists().where(erased_ids.c.id_hash.in_(hashes), erased_ids.c.lifted_us.is_(None))
    whose = {"customer_id": case((is_barred, literal_column(f"'{NOBODY}'")), else_=given.c.customer_id)}
    columns = [cast(given.c[name], JSONB) if name in _ARRAYS else whose.get(name, given.c[name]) for name in names]
    rows = pg_insert(recommendations).from_select(names, select(*columns))
    return compile_statement(rows.on_conflict_do_nothing())


KEEP: Final = _keep()


async def keep_recommendation(driver: Driver, given: Given) -> None:
    """`keep_recommendations` of one."""
    await keep_recommendations(driver, [given])


async def keep_recommendations(driver: Driver, givens: Sequence[Given], tombstones: Tombstones | None = None) -> None:
    """Keeps what was recommended, in one statement; what is kept already under the same id stays as it is. To somebody
    who was erased (without `tombstones` nobody was) it was recommended as to NOBODY."""
    columns: Mapping[str, list[object]] = {
        "customer_id": [given.customer_id for given in givens],
        "recommendation_id": [given.recommendation_id for given in givens],
        "scenario": [given.scenario for given in givens],
        "store": [given.store for given in givens],
        "model_version": [given.model_version for given in givens],
        "items": [orjson.dumps(list(given.item_ids)).decode() for given in givens],
        "probabilities": [_write(given.probabilities) for given in givens],
        "offers": [_write(given.offers) for given in givens],
        "given_us": [given.given_us for given in givens],
        "id_hash": [None if tombstones is None else tombstones.hash(given.customer_id) for given in givens],
        "former_hash": [None if tombstones is None else tombstones.hashes(given.customer_id)[-1] for given in givens],
    }
    await driver.fetch(KEEP, **columns)


def _write(values: Sequence[Any] | None) -> str | None:
    return None if values is None else orjson.dumps(list(values)).decode()
