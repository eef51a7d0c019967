"""Who was who, and what orders were, by what had been received at a time.

What is kept of links, persons and orders is what is known now. What was known before is worked out anew, from the
events.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import orjson
from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking import LinkingEvent, edges_of, read_component
from app.customers.naming_queries import how_named
from app.customers.relinking_queries import LINKING_EVENTS_KNOWN, READ_BASE_LINKS
from app.database.engine import Statement, compile_statement, fetch
from app.ingest.order_identity import REFUND_AFTER_DAYS, REFUND_SLACK_US
from app.lifecycle.event_types import read_facts
from app.lifecycle.events import DAY_US, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_RETURNED, ORDER_VOIDED
from app.lifecycle.persons import CUSTOMERS_BEFORE, Edge, persons_of

FACTS: Final = ("type", "channel", "amount_minor", "discount_minor", "items")
"""What a change of an order writes anew, of which a customer's state is made."""
OWNER: Final = "owner_id"


class Known(NamedTuple):
    """By when it had been received; `digits` of the currency's minor unit, by which amounts are read anew."""

    us: int
    digits: int


class Reader:
    """Statements on the driver's connection below an engine's, for what is written for a `Driver`."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection

    @classmethod
    async def below(cls, connection: AsyncConnection) -> "Reader":
        """On the very connection that the engine's uses."""
        found = (await connection.get_raw_connection()).driver_connection
        assert found is not None
        return cls(found)

    async def fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        """The rows of a statement."""
        return await fetch(self._connection, statement, parameters)


def _changed_later() -> Statement:
    """Orders and refunds of `customer_ids` that are not as they were at `known_us`, and those of tills that were given
    back since. Rows: source, id, data (of an order
    that had not been updated by then), the other FACTS, is_void; of what had been given back is_whole, given_minor.
    """
    return compile_statement(
        text(
            """
SELECT bought.source, bought.id, CASE WHEN version.id IS NULL THEN CAST(bought.data AS text) END AS data,
       coalesce(version.channel, bought.channel) AS channel,
       version.amount_minor, version.discount_minor, version.items,
       EXISTS (SELECT FROM events AS said
               WHERE said.source = bought.source AND said.reference = bought.reference
                 AND said.type = 'order.cancelled' AND said.received_us <= :known_us
                 AND NOT EXISTS (SELECT FROM events AS later
                                 WHERE later.source = bought.source AND later.reference = bought.reference
                                   AND later.type = 'order.updated' AND later.kind IS NULL
                                   AND later.received_us <= :known_us AND later.occurred_us > said.occurred_us))
         AS is_void,
       coalesce(given.is_whole, false) AS is_whole, given.amount_minor AS given_minor
FROM events AS bought LEFT JOIN LATERAL (
  SELECT said.* FROM events AS said
  WHERE said.source = bought.source AND said.reference = bought.reference AND said.type = 'order.updated'
    AND said.received_us <= :known_us
    AND (said.kind IS NULL OR said.kind = 'again' AND said.occurred_us >= bought.occurred_us)
  ORDER BY said.occurred_us DESC, said.kind NULLS LAST,
    CASE WHEN said.kind = 'again' THEN said.received_us END DESC, said.id COLLATE "C" DESC
  LIMIT 1
) AS version ON true
LEFT JOIN LATERAL (
  SELECT CAST(sum(said.amount_minor) AS bigint) AS amount_minor, bool_or(said.kind = 'whole') AS is_whole
  FROM events AS said
  WHERE said.source = bought.source AND said.reference = bought.reference
    AND said.type IN ('order.refunded', 'order.refunded (void)') AND said.received_us <= :known_us
    AND NOT coalesce(said.occurred_us < version.occurred_us
                     AND NOT CAST(version.data -> 'refund_events' AS jsonb) @> to_jsonb(said.id), false)
) AS given ON true
WHERE bought.customer_id = ANY (:customer_ids)
  AND bought.type IN ('order.completed', 'order.completed (void)', 'order.completed (given back)')
  AND bought.id = 'order-' || bought.reference
  AND EXISTS (SELECT FROM events AS later
              WHERE later.source = bought.source AND later.reference = bought.reference
                AND later.type IN ('order.cancelled', 'order.updated', 'order.refunded', 'order.refunded (void)')
                AND later.received_us > :known_us)
UNION ALL
SELECT refund.source, refund.id, NULL, refund.channel, refund.amount_minor, refund.discount_minor, refund.items, NULL,
       NULL, NULL
FROM events AS refund
WHERE refund.customer_id = ANY (:customer_ids) AND refund.type = 'order.refunded (void)'
  AND NOT EXISTS (SELECT FROM events AS said
                  WHERE said.source = refund.source AND said.reference = refund.reference
                    AND said.type = 'order.cancelled' AND said.received_us <= :known_us)
  AND NOT coalesce((
    SELECT refund.occurred_us < said.occurred_us
           AND NOT CAST(said.data -> 'refund_events' AS jsonb) @> to_jsonb(refund.id)
    FROM events AS said
    WHERE said.source = refund.source AND said.reference = refund.reference AND said.type = 'order.updated'
      AND said.kind IS NULL AND said.received_us <= :known_us
    ORDER BY said.occurred_us DESC, said.id COLLATE "C" DESC
    LIMIT 1), false)
UNION ALL
SELECT bought.source, bought.id, NULL, bought.channel, bought.amount_minor, bought.discount_minor, bought.items, false,
       false, (SELECT CAST(sum(said.amount_minor) AS bigint) FROM events AS said
               WHERE said.customer_id = bought.customer_id AND said.source = bought.source
                 AND said.reference = bought.reference AND said.type = 'order.refunded'
                 AND said.received_us <= :known_us
                 AND said.occurred_us - bought.occurred_us BETWEEN -<slack> AND <after>)
FROM events AS bought
WHERE bought.customer_id = ANY (:customer_ids) AND bought.type = 'order.completed (given back)'
  AND bought.id <> 'order-' || bought.reference
""".replace("<slack>", str(REFUND_SLACK_US)).replace("<after>", str(REFUND_AFTER_DAYS * DAY_US))
        ).bindparams(
            bindparam("customer_ids", type_=ARRAY(SqlText)),
            bindparam("known_us", type_=BigInteger),
        )
    )


_CHANGED_LATER: Final = _changed_later()

_TOLD_OF: Final = f"coalesce(said.data -> '{CUSTOMERS_BEFORE}' ->> 0, said.customer_id)"
"""Whom it named as it came."""
_NAMED_LATER: Final = compile_statement(
    text(
        f"""
SELECT given.source, given.id, given.type, given.channel, given.amount_minor, given.discount_minor, given.items,
       named.customer_id AS {OWNER}
FROM events AS given CROSS JOIN LATERAL (
  SELECT {_TOLD_OF} AS customer_id
  FROM events AS said
  WHERE said.source = given.source AND said.received_us <= :known_us
    AND (said.id = 'order-' || given.reference OR said.reference = given.reference AND said.type
         IN ('order.cancelled', 'order.updated', 'order.refunded', 'order.refunded (void)'))
  ORDER BY {_TOLD_OF} = given.customer_id DESC, {how_named(_TOLD_OF)} DESC,
           said.id = 'order-' || given.reference DESC, said.occurred_us, said.id COLLATE "C"
  LIMIT 1
) AS named
WHERE given.customer_id = ANY (:customer_ids) AND strpos(CAST(given.data AS text), '"{CUSTOMERS_BEFORE}"') > 0
  AND given.received_us <= :known_us AND named.customer_id <> given.customer_id
"""  # noqa: S608 - constants of our own
    ).bindparams(
        bindparam("customer_ids", type_=ARRAY(SqlText)),
        bindparam("known_us", type_=BigInteger),
    )
)
"""What had been said of orders that are those of `customer_ids` now, and were not known to be: whose they were then."""


class Persons(NamedTuple):
    """`members`: a customer → the ids of the person that it was of; `nodes`: all that these hang together with now."""

    members: dict[str, list[str]]
    nodes: list[str]


async def read_persons(reader: Reader, customer_ids: Sequence[str], known_us: int) -> Persons:
    """Who was who, by the links of the events that had been received.

    Identifiers that too many hold now join nobody then either.
    """
    component = await read_component(reader, customer_ids)
    rows = await reader.fetch(LINKING_EVENTS_KNOWN, nodes=list(component.nodes), known_us=known_us)
    hanging = {edge.pair for edge in component.edges}
    later = {(row["source"], row["id"]) for row in await _read_named_later(reader, [*component.nodes], known_us)}
    told = [LinkingEvent(*row.values()) for row in rows]
    told = [_as_it_came(event) if (event.source, event.id) in later else event for event in told]
    left = [Edge(*row.values()) for row in await reader.fetch(READ_BASE_LINKS, nodes=list(component.nodes))]
    edges = [edge for edge in (*left, *(each for event in told for each in edges_of(event))) if edge.pair in hanging]
    persons = persons_of(edges)
    members = {
        customer_id: [node for node, person_id in persons.items() if person_id == persons[customer_id]]
        if customer_id in persons
        else [customer_id]
        for customer_id in customer_ids
    }
    return Persons(members, list(component.nodes))


async def read_orders_then(reader: Reader, nodes: Sequence[str], known: Known) -> dict[str, list[Any]]:
    """The orders and refunds of these ids that were otherwise, or another's: arrays of source, id, FACTS and
    `owner_id`, None where it is who has them now."""
    rows = await reader.fetch(_CHANGED_LATER, customer_ids=list(nodes), known_us=known.us)
    then = {(row["source"], row["id"]): {**_facts_then(row, known.digits), OWNER: None} for row in rows}
    for row in await _read_named_later(reader, nodes, known.us):
        key = (row["source"], row["id"])
        then[key] = {**dict(row), **then.get(key, {}), OWNER: row[OWNER]}
    columns = {name: [facts[name] for facts in then.values()] for name in (*FACTS, OWNER)}
    return {"source": [source for source, _ in then], "id": [id_ for _, id_ in then], **columns}


async def _read_named_later(reader: Reader, customer_ids: Sequence[str], known_us: int) -> Sequence[Any]:
    return await reader.fetch(_NAMED_LATER, customer_ids=list(customer_ids), known_us=known_us)


def _as_it_came(event: LinkingEvent) -> LinkingEvent:
    data = orjson.loads(event.data)
    (customer_id, *_) = data.pop(CUSTOMERS_BEFORE)
    return event._replace(customer_id=customer_id, data=orjson.dumps(data).decode())


def _facts_then(row: Any, digits: int) -> Mapping[str, Any]:
    """FACTS of a row of _CHANGED_LATER: of the version told last by then, or else as the order was told first."""
    told = row if row["data"] is None else read_facts(ORDER_COMPLETED, orjson.loads(row["data"]), digits)
    return {"type": _type_then(row, told["amount_minor"]), **{name: told[name] for name in FACTS[1:]}}


def _type_then(row: Any, amount_minor: int) -> str:
    if row["is_void"] is None:
        return ORDER_REFUNDED
    if row["is_void"]:
        return ORDER_VOIDED
    is_given_back = row["is_whole"] or 0 < amount_minor <= (row["given_minor"] or 0)
    return ORDER_RETURNED if is_given_back else ORDER_COMPLETED
