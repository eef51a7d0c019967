"""May what was decided be delivered now? Asked by whoever sends it, before it is sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.state import CustomerState
from app.decisions.contact_book import ContactBook
from app.decisions.reservation_queries import give_back, hold_longer, lock_contacts, read_going_before
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import Contact, Gate
from app.lifecycle.decisions import CustomerContext, complaint_code
from app.lifecycle.events import DAY_US
from app.lifecycle.tact import tactless

HELD_US: Final = 3600 * 10**6
"""How long what may be delivered stays reserved at least, so that it is said in time that it was."""


class Delivery(NamedTuple):
    """Whether an action may be delivered; `code` is why not, `not_before_us` when it may be where it is only too late
    in the evening."""

    action_id: str
    code: str | None
    not_before_us: int | None = None


class Decided(NamedTuple):
    """A decision as its receipt has it, what is known now of its customer, and of its actions."""

    customer_id: str
    decision_id: str
    decided_us: int
    channel: str
    customer: CustomerContext
    actions: Mapping[str, Action | None]
    """Those that were chosen; None: it is not in the catalogue any more."""
    context: Mapping[str, Any] = {}
    prepared_until_us: int | None = None
    """Of what is only prepared: 0, it was given back; None: it is shown."""


def recall_decided(
    row: Any, state: CustomerState, actions: Mapping[str, Action], time_zone: str | None, facts: Mapping[str, Any]
) -> Decided:
    """From the row of a decision, and the customer's state and what tact looks at as they are now."""
    receipt = row.receipt
    told: dict[str, Any] = {"offered_us": {}, **receipt["customer"]}
    customer = CustomerContext(customer_id=row.customer_id, **told)._replace(
        has_open_complaint=state.open_complaints > 0,
        complaint_resolved_us=state.complaint_resolved_us,
        consents=state.consents(),
        purposes=state.purposes(),
        refuses_profiling=state.refuses_profiling,
        csat=state.csat,
        csat_us=state.csat_us,
        facts=facts,
        time_zone=time_zone or told.get("time_zone"),
    )
    chosen = {action_id: actions.get(action_id) for action_id in receipt["selection_probabilities"]}
    asked, prepared_until_us = receipt["request"], 0 if row.activated_us == 0 else row.reserved_until_us
    named = (row.customer_id, row.decision_id, row.decided_us, asked["channel"])
    return Decided(*named, customer, chosen, asked["context"], prepared_until_us)


async def clear(
    connection: AsyncConnection, decided: Decided, asked: Sequence[str] | None, book: ContactBook, now_us: int
) -> list[Delivery]:
    """Which of its actions may be delivered now; `asked` None: of all. What may not be is given back, but for what has
    only to wait for the morning, or to be activated.

    Those that are not asked of are judged too: what was delivered has its place, and of the rest the foremost goes
    before. So whoever asks, in whatever order and at the same time, is told of no more than the caps have room for.
    """
    kept = {row.action_id: row for row in await lock_contacts(connection, decided.customer_id, decided.decision_id)}
    gate = await _open_gate(connection, decided, book, now_us)
    in_order = sorted(decided.actions, key=lambda action_id: action_id in kept and _is_reserved(kept[action_id]))
    judged = {each: _judge(decided, each, kept.get(each), gate, book, now_us) for each in in_order}
    told = [judged[action_id] for action_id in decided.actions if asked is None or action_id in asked]
    refused = [each.action_id for each in told if each.code not in _WAITING]
    await give_back(connection, [kept[each] for each in refused if each in kept and _is_reserved(kept[each])])
    may = [kept[each.action_id] for each in told if each.code is None and each.action_id in kept]
    if may:
        await hold_longer(connection, may, now_us + HELD_US)
    return told


_WAITING: Final = (None, "quiet_hours", "not_activated")


async def _open_gate(connection: AsyncConnection, decided: Decided, book: ContactBook, now_us: int) -> Gate:
    """By what goes before: a reservation has its place in the caps, but others may have taken it without asking. Then
    the latest decisions go without."""
    rules, contacts = book.rules, list[Contact]()
    if rules.has_caps(decided.channel):
        of, since_us = (decided.decided_us, decided.decision_id), now_us - rules.window_us
        rows = await read_going_before(connection, decided.customer_id, of, since_us, now_us)
        contacts = [Contact(row.action_id, book.page.groups.get(row.action_id), row.channel, row.at_us) for row in rows]
    return rules.gate(decided.customer, decided.channel, now_us, contacts)


def _judge(decided: Decided, action_id: str, contact: Any, gate: Gate, book: ContactBook, now_us: int) -> Delivery:
    action = decided.actions[action_id]
    code = _code(decided, action, contact, book, now_us)
    if code is None and action is not None:
        tact = tactless(action.group, decided.customer.facts, decided.context)
        code = complaint_code(action, decided.customer, now_us) or tact or gate.code(action)
    if action is not None and code in (None, "delivered"):
        gate.take(action)
    quiet = book.rules.quiet_until_us(decided.channel, now_us, decided.customer.time_zone)
    return Delivery(action_id, code, quiet if code == "quiet_hours" else None)


def _code(decided: Decided, action: Action | None, contact: Any, book: ContactBook, now_us: int) -> str | None:
    """What speaks against it whoever the customer is."""
    if decided.prepared_until_us is not None:
        return "not_activated" if decided.prepared_until_us > now_us else "not_reserved"
    if contact is not None and not _is_reserved(contact):
        return None if book.rules.is_shown(decided.channel) else "delivered"
    if contact is None and (book.rules.notes(decided.channel)):
        return "not_reserved"
    if contact is not None and contact.reserved_until_us <= now_us:
        return "not_reserved"
    if action is None or not action.enabled:
        return "action_withdrawn"
    return "expired" if now_us >= decided.decided_us + action.validity_days * DAY_US else None


def _is_reserved(contact: Any) -> bool:
    return contact.reserved_until_us is not None
