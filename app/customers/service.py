"""Customers: states now and at past times, profiles, histories."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers import as_of, queries
from app.customers.as_known import Known
from app.customers.as_of import PastStates
from app.customers.linking import read_person_states
from app.customers.linking_queries import PERSON_STATES
from app.customers.state import CustomerState, newcomer
from app.customers.tombstone_queries import find_barred
from app.database.engine import AT_ONE_MOMENT, CONNECTION_LOST, Driver, transaction
from app.foundation.errors import NotReady, UnknownCustomer
from app.foundation.times import iso
from app.http.paths import read_id
from app.http.strict_json import is_plain_text
from app.ingest.pseudonyms import ask_for
from app.ingest.rules import Rules
from app.lifecycle.events import DAY_US, to_major, told_type
from app.lifecycle.tombstones import Tombstones


async def read_states(driver: Driver, customer_ids: Sequence[str]) -> list[CustomerState | None]:
    """The states of customers in the order asked for; None: nothing is known. For the gatherer of reads.

    Of one who is known under other ids too, it is the merge of all: read by a second statement, which
    those who are known under one id, nearly all, need not pay for.
    """
    try:
        rows = await driver.fetch(queries.READ_STATES, customer_ids=list(set(customer_ids)))
        states = {
            row["customer_id"]: CustomerState(*(row[name] for name in queries.OWN))
            for row in rows
            if not row["in_person"]
        }
        if others := set(customer_ids) - states.keys():
            states |= await read_person_states(driver, list(others))
    except CONNECTION_LOST as error:
        await driver.close()
        raise NotReady("The database is out of reach.") from error
    return [states.get(customer_id) for customer_id in customer_ids]


async def count_orders_by_channel(driver: Driver, customer_ids: Sequence[str]) -> list[dict[str, int]]:
    """Channel → orders, most first, of customers in the order asked for. For the gatherer of profiles."""
    counts: dict[str, dict[str, int]] = {customer_id: {} for customer_id in customer_ids}
    try:
        for customer_id, channel, orders in await driver.fetch(
            queries.COUNT_ORDERS_BY_CHANNEL, customer_ids=list(counts)
        ):
            counts[customer_id][channel] = orders
    except CONNECTION_LOST as error:
        await driver.close()
        raise NotReady("The database is out of reach.") from error
    return [counts[customer_id] for customer_id in customer_ids]


async def meet_newcomers(
    engine: AsyncEngine, tombstones: Tombstones, customer_ids: Sequence[str]
) -> list[CustomerState]:
    """The states of those who have sent no event, in the order asked for, with what they were offered before, or that
    they were erased. For the gatherer of newcomers. Raises NotReady, Overloaded."""
    hashes = {customer_id: tombstones.hashes(customer_id) for customer_id in customer_ids}
    async with transaction(engine) as connection:
        offered = await queries.read_offered(connection, list(hashes))
        barred = await find_barred(connection, [each for theirs in hashes.values() for each in theirs])
    return [newcomer(each, offered.get(each), is_erased=not barred.isdisjoint(hashes[each])) for each in customer_ids]


async def read_past_states(
    engine: AsyncEngine, customer_ids: Sequence[str], as_of_us: int | None, known: Known | None = None
) -> PastStates:
    """States of persons under the ids asked for: now (None), or from the events before a time, `[…, as_of)`.

    With `known` then as they would have been told at another time, of those events that had been received.
    """
    async with transaction(engine) as connection:
        if as_of_us is not None:
            await connection.execute(AT_ONE_MOMENT)  # events may leave the log between two looks
            return await as_of.read_past_states(connection, customer_ids, as_of_us, known)
        arguments = PERSON_STATES.arguments({"customer_ids": list(set(customer_ids))})
        rows = await connection.exec_driver_sql(PERSON_STATES.text, tuple(arguments))
    return PastStates({row.customer_id: CustomerState(**row._mapping) for row in rows}, {})


def render_profile(state: CustomerState, channels: dict[str, int], currency: str, digits: int) -> dict[str, Any]:
    """The profile in plain figures, money in major units. `spend` is net: refunds undo what they refund."""

    def count(measure: str) -> int:
        return int(state.number(measure) or 0)

    def time(measure: str) -> str | None:
        us = state.number(measure)
        return None if us is None else iso(us)

    def feedback(measure: str) -> float | None:
        latest = state.latest(measure)
        return None if latest is None else float(latest)

    orders, net_minor = count("orders"), count("spend_minor") - count("refunded_minor")
    first_us, last_us = state.number("first_order_us"), state.number("last_order_us")
    gap_days = None
    if orders > 1 and first_us is not None and last_us is not None:
        gap_days = round((last_us - first_us) / DAY_US / (orders - 1), 2)
    return {
        "customer_id": state.customer_id,
        "currency": currency,
        "events": count("events"),
        "orders": orders,
        "items": count("items"),
        "spend": to_major(net_minor, digits),
        "gross_spend": to_major(count("spend_minor"), digits),
        "discount": to_major(count("discount_minor"), digits),
        "refunds": count("refunds"),
        "refunded": to_major(count("refunded_minor"), digits),
        "average_order_value": to_major(net_minor / orders, digits) if orders else None,
        "days_between_orders": gap_days,
        "first_seen_at": time("first_event_us"),
        "last_seen_at": time("last_event_us"),
        "first_order_at": time("first_order_us"),
        "last_order_at": time("last_order_us"),
        "channels": channels,
        "visits": count("visits"),
        "complaints": count("complaints"),
        "open_complaints": state.open_complaints,
        "csat": feedback("latest_csat"),
        "nps": feedback("latest_nps"),
        "tier": state.latest("latest_tier"),
        "points": count("points"),
        "consents": state.consents(),
        "purposes": state.purposes(),
    }


def render_event(row: Any) -> dict[str, Any]:
    """An event as the CloudEvent it came as."""
    return {
        "specversion": "1.0",
        "id": row.id,
        "source": row.source,
        "type": told_type(row.type),
        "subject": row.customer_id,
        "time": iso(row.occurred_us),
        "data": row.data,
    }


def read_customer_id(in_path: str, rules: Rules) -> str:
    """The id in a path; of a phone or an e-mail, the one that it is kept under. Raises UnknownCustomer for one that no
    customer can have."""
    return ask_for(read_plain_customer_id(in_path), rules)


def read_plain_customer_id(in_path: str) -> str:
    """The id in a path as it was asked for. Raises UnknownCustomer."""
    customer_id = read_id(in_path)
    if not is_plain_text(customer_id):
        raise UnknownCustomer("There is no event of this customer.")
    return customer_id
