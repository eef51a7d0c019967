"""May what was decided be delivered now? Asked by whoever sends it, before it is sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.state import CustomerState
from app.decisions.contact_book import ContactBook
from app.decisions.reservation_queries import give_back, hold_longer, lock_contacts
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import Gate
from app.lifecycle.decisions import CustomerContext, complaint_code
from app.lifecycle.events import DAY_US

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


def recall_decided(row: Any, state: CustomerState, actions: Mapping[str, Action], time_zone: str | None) -> Decided:
    """From the row of a decision, and the customer's state as it is now."""
    receipt = row.receipt
    told: dict[str, Any] = {"offered_us": {}, **receipt["customer"]}
    customer = CustomerContext(customer_id=row.customer_id, **told)._replace(
        has_open_complaint=state.open_complaints > 0,
        complaint_resolved_us=state.complaint_resolved_us,
        consents=state.consents(),
        refuses_profiling=state.refuses_profiling,
        csat=state.csat,
        csat_us=state.csat_us,
        time_zone=time_zone or told.get("time_zone"),
    )
    chosen = {action_id: actions.get(action_id) for action_id in receipt["selection_probabilities"]}
    return Decided(row.customer_id, row.decision_id, row.decided_us, receipt["request"]["channel"], customer, chosen)


async def clear(
    connection: AsyncConnection, decided: Decided, asked: Sequence[str] | None, book: ContactBook, now_us: int
) -> list[Delivery]:
    """Which of its actions may be delivered now; `asked` None: of all. What may not be is given back, but for what has
    only to wait for the morning."""
    kept = {row.action_id: row for row in await lock_contacts(connection, decided.customer_id, decided.decision_id)}
    gate = book.rules.gate(decided.customer, decided.channel, now_us)
    wanted = [action_id for action_id in decided.actions if asked is None or action_id in asked]
    told = [_judge(decided, action_id, kept.get(action_id), gate, book, now_us) for action_id in wanted]
    refused = [each.action_id for each in told if each.code is not None and each.not_before_us is None]
    await give_back(connection, [kept[each] for each in refused if each in kept and _is_reserved(kept[each])])
    may = [kept[each.action_id] for each in told if each.code is None and each.action_id in kept]
    if may:
        await hold_longer(connection, may, now_us + HELD_US)
    return told


def _judge(decided: Decided, action_id: str, contact: Any, gate: Gate, book: ContactBook, now_us: int) -> Delivery:
    action = decided.actions[action_id]
    code = _code(decided, action, contact, book, now_us)
    if code is None and action is not None:
        code = complaint_code(action, decided.customer, now_us) or gate.code(action)
    quiet = book.rules.quiet_until_us(decided.channel, now_us, decided.customer.time_zone)
    return Delivery(action_id, code, quiet if code == "quiet_hours" else None)


def _code(decided: Decided, action: Action | None, contact: Any, book: ContactBook, now_us: int) -> str | None:
    """What speaks against it whoever the customer is."""
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
