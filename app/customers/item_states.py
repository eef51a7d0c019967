"""What persons have bought and looked at, item by item: all ids of a person together, as arrays."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    FromClause,
    LargeBinary,
    Select,
    Text,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    union_all,
)

from app.customers.linking_queries import members
from app.database.engine import CONNECTION_LOST, Driver, Statement, compile_statement
from app.database.states import united
from app.database.tables import metadata, persons
from app.foundation.errors import NotReady
from app.lifecycle.states import INTEREST, ITEM, StateSpec

_NAN: Final = literal_column("'NaN'::float8", Double)
_PLACES: Final = {
    spec.name: {measure.name: place for place, measure in enumerate(spec.measures)} for spec in (ITEM, INTEREST)
}


class ItemStates(NamedTuple):
    """States of items of one person, in no order that means anything. `numbers` is (n, measures of `spec`), NaN where
    there is no value; decayed sums are counted to `last_event_us` of their row."""

    spec: StateSpec
    item_ids: list[str]
    numbers: NDArray[np.float64]

    def column(self, measure: str) -> NDArray[np.float64]:
        """(n,): a measure by name."""
        return self.numbers[:, _PLACES[self.spec.name][measure]]


def _alone(asked: FromClause, spec: StateSpec) -> Select[Any]:
    """The rows of those who are in no person of several ids, as they are kept."""
    table = metadata.tables[spec.table]
    rows = select(*table.c).join_from(asked, table, table.c.customer_id == asked.c.customer_id)
    return rows.where(~exists().where(persons.c.customer_id == asked.c.customer_id))


def _together(asked: FromClause, spec: StateSpec) -> Select[Any]:
    """The merges, an item each, of the rows of all ids of the others' persons, under the id asked for."""
    table = metadata.tables[spec.table]
    linked = select(asked.c.customer_id).where(exists().where(persons.c.customer_id == asked.c.customer_id))
    those = members(linked.subquery("linked")).cte(f"those_{spec.name}")
    others = [item for item in table.c if item.name != "customer_id"]
    rows = select(those.c.customer_id, *others).join_from(those, table, table.c.customer_id == those.c.member_id)
    return united(spec, rows.subquery("rows"))


def _read(spec: StateSpec) -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, item_ids, and the measures of each item in turn, as the bytes of
    float8: an array of numbers would be as dear to decode as to read."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived(name="asked")
    rows = union_all(_alone(asked, spec), _together(asked, spec)).subquery("rows")
    numbers = [func.float8send(func.coalesce(cast(rows.c[item.name], Double), _NAN)) for item in spec.measures]
    whole: ColumnElement[Any] = numbers[0]
    for number in numbers[1:]:
        whole = whole.op("||")(number)
    nothing = literal_column("''::bytea", LargeBinary)
    return compile_statement(
        select(
            rows.c.customer_id,
            func.array_agg(rows.c.item_id).label("item_ids"),
            func.string_agg(whole, nothing).label("numbers"),
        ).group_by(rows.c.customer_id)
    )


READ_ITEMS: Final = _read(ITEM)
READ_INTERESTS: Final = _read(INTEREST)
_STATEMENTS: Final = {ITEM.name: READ_ITEMS, INTEREST.name: READ_INTERESTS}


async def read_item_states(driver: Driver, customer_ids: Sequence[str], spec: StateSpec = ITEM) -> list[ItemStates]:
    """Of each customer in the order asked for, none of them twice in one statement; of nobody known, no rows.

    Raises NotReady when the database is out of reach.
    """
    try:
        rows = await driver.fetch(_STATEMENTS[spec.name], customer_ids=list(set(customer_ids)))
    except CONNECTION_LOST as error:
        await driver.close()
        raise NotReady("The database is out of reach.") from error
    found = {row["customer_id"]: (row["item_ids"], row["numbers"]) for row in rows}
    return [_decode(spec, *found.get(customer_id, ([], b""))) for customer_id in customer_ids]


def _decode(spec: StateSpec, item_ids: list[str], numbers: bytes) -> ItemStates:
    matrix = np.frombuffer(numbers, ">f8").astype(np.float64)
    return ItemStates(spec, item_ids, matrix.reshape(len(item_ids), len(spec.measures)))
