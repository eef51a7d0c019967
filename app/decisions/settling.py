"""Decisions settled in the transaction that keeps them: no cap and no budget is exceeded, whoever else decides.

A decision is made first from what is known without asking. Where it gives something that is capped or limited, it waits
its turn among those on the same customers, the contacts are read anew, and it is made again of them; then what it gives
is taken from the counters, and where one has not enough left, it is made without. So an action is answered only once it
is counted; and what was counted is undone with the transaction that would have kept the answer.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from app.database.contact_tables import contacts
from app.database.engine import Driver, Statement
from app.decisions.contact_book import ContactBook, ContactPage
from app.decisions.contact_queries import ADD_CONTACTS, READ_CONTACTS, RETURN_COUNTED, TAKE, TAKE_FREE, TAKE_TURNS
from app.decisions.schemas import DecisionRequest
from app.decisions.service import Decision, Known
from app.foundation.times import to_us
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import Contact, ContactCode
from app.lifecycle.decisions import CustomerContext
from app.lifecycle.identifiers import BASKET

SETTLING: Final[Mapping[Statement, Mapping[str, Any]]] = {
    TAKE_TURNS: {},
    READ_CONTACTS: {"since_us": 0, "now_us": 0},
    **{statement: {"day": 0} for statement in (TAKE, TAKE_FREE)},
    RETURN_COUNTED: {},
    ADD_CONTACTS: {},
}
"""What settling may ask, with its scalar parameters."""
Made = tuple[Decision, bytes]
"""A decision and its answer, JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A decision that can be made, and made again, and is rendered once it is settled. `at_us` is when what it gives is
    to be delivered."""

    customer_id: str
    person_id: str
    channel: str
    at_us: int
    make: Callable[[Known], Decision]
    render: Callable[[Decision], bytes]

    @property
    def is_of_basket(self) -> bool:
        """Nobody is known to have bought: there is no one to be told too often."""
        return self.customer_id.startswith(BASKET)


def draft_of(
    customer: CustomerContext,
    wanted: DecisionRequest,
    now_us: int,
    make: Callable[[Known], Decision],
    render: Callable[[Decision], bytes],
) -> Draft:
    """A decision to be made for a customer, as was asked."""
    at_us = now_us if wanted.deliver_at is None else max(to_us(wanted.deliver_at), now_us)
    person_id = customer.person_id or customer.customer_id
    return Draft(customer.customer_id, person_id, wanted.channel, at_us, make, render)


class Settled(NamedTuple):
    """Decisions as they may be kept, the page of the contact book that they were all made by, and the `days` on which
    limited actions were counted."""

    made: list[Made]
    page: ContactPage
    days: Mapping[str, int] = {}


@dataclass(slots=True)
class _Settling:
    """Decisions under way, by one page of the contact book. `held` is what the transaction has taken of each limited
    action, on `days`, `refused` why no more."""

    drafts: Sequence[Draft]
    page: ContactPage
    contacts: Mapping[str, Sequence[Contact]] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    days: dict[str, int] = field(default_factory=dict)
    refused: dict[str, ContactCode] = field(default_factory=dict)

    def make(self) -> tuple[list[Decision], Counter[str]]:
        """Each in turn, knowing what those before it give; and what is left of `held`, below zero what is lacking."""
        left, made = Counter(self.held), []
        contacts = {person_id: list(theirs) for person_id, theirs in self.contacts.items()}
        offered: dict[str, dict[str, int]] = {}
        for draft in self.drafts:
            theirs = contacts.setdefault(draft.person_id, [])
            offers = offered.setdefault(draft.person_id, {each.action_id: each.at_us for each in reversed(theirs)})
            gone = {action_id: code for action_id, code in self.refused.items() if left[action_id] <= 0}
            spent = {**self.page.spent, **gone} if gone else self.page.spent
            decision = draft.make(Known(theirs, offers, spent, self.page.rules))
            offers |= {action.action_id: decision.decided_us for action in decision.offered}
            for action in decision.offered:
                contact = Contact(action.action_id, action.group, draft.channel, draft.at_us)
                insort(theirs, contact, key=lambda each: -each.at_us)
            for action in decision.taken:
                if action.action_id in self.page.limits:
                    left[action.action_id] -= 1
            made.append(decision)
        return made, left


def is_bound(draft: Draft, decision: Decision, page: ContactPage) -> bool:
    """Whether others may have to be kept from giving the same. What is withheld keeps to the caps as what is given
    does, and takes nothing of what is limited over all customers."""
    if page.rules.has_caps(draft.channel) and not draft.is_of_basket:
        return bool(decision.offered)
    return any(action.action_id in page.limits for action in decision.taken)


async def settle(driver: Driver, drafts: Sequence[Draft], book: ContactBook, now_us: int) -> Settled:
    """Settles decisions in the caller's transaction. What is used up is noted in the book."""
    page = book.page
    made, _ = _Settling(drafts, page).make()
    bound = {draft.person_id for draft, decision in zip(drafts, made, strict=True) if is_bound(draft, decision, page)}
    if not bound:
        return Settled(_render(drafts, made), page)
    places = [place for place, draft in enumerate(drafts) if draft.person_id in bound]
    theirs = [drafts[place] for place in places]
    contacts = await _await_turns(driver, theirs, page, now_us)
    settling = _Settling(theirs, page, contacts)
    for place, each in zip(places, await _take(driver, settling, book, now_us), strict=True):
        made[place] = each
    return Settled(_render(drafts, made), page, settling.days)


def _render(drafts: Sequence[Draft], made: Sequence[Decision]) -> list[Made]:
    return [(decision, draft.render(decision)) for draft, decision in zip(drafts, made, strict=True)]


async def _await_turns(
    driver: Driver, drafts: Sequence[Draft], page: ContactPage, now_us: int
) -> dict[str, list[Contact]]:
    """Person → contacts as they are while nobody else decides on them."""
    known = [draft for draft in drafts if not draft.is_of_basket]
    if not known:
        return {}
    await driver.fetch(TAKE_TURNS, customer_ids=list({draft.customer_id for draft in known}))
    people = {customer_id: person_id for person_id, customer_id in {d.person_id: d.customer_id for d in known}.items()}
    since_us = now_us - page.rules.window_us
    rows = await driver.fetch(READ_CONTACTS, customer_ids=list(people), since_us=since_us, now_us=now_us)
    told: dict[str, list[Contact]] = {}
    for customer_id, action_id, channel, at_us in rows:
        contact = Contact(action_id, page.groups.get(action_id), channel, at_us)
        told.setdefault(people[customer_id], []).append(contact)
    return told


async def _take(driver: Driver, settling: _Settling, book: ContactBook, now_us: int) -> list[Decision]:
    """Takes what the decisions give from the counters, until each gives only what was taken.

    The first time it waits for others. Then it holds some, and who waits for one holding another may wait for ever: so
    it goes without what others hold.
    """
    page, day, statement = settling.page, settling.page.rules.day(now_us), TAKE
    while True:
        made, left = settling.make()
        lacking = {action_id: -count for action_id, count in left.items() if count < 0}
        if not lacking:
            await _return(driver, +left, page, settling.days)
            return made
        rows = {row["action_id"]: row for row in await driver.fetch(statement, day=day, **_wanted(lacking, page))}
        for action_id, count in lacking.items():
            row = rows.get(action_id)
            if row is None:
                settling.refused[action_id] = "counter_busy"
                continue
            settling.held[action_id] += row["granted"]
            settling.days[action_id] = row["day"]
            if row["granted"] < count:
                code: ContactCode = "budget_spent" if row["by_money"] == row["granted"] else "action_cap_reached"
                settling.refused[action_id] = code
                book.note_spent(action_id, code)
        statement = TAKE_FREE


def _wanted(lacking: Mapping[str, int], page: ContactPage) -> dict[str, list[Any]]:
    limits = [page.limits[action_id] for action_id in lacking]
    return {
        "action_id": list(lacking),
        "wanted": list(lacking.values()),
        "cost_minor": [each.cost_minor for each in limits],
        "budget_minor": [each.budget_minor for each in limits],
        "total_cap": [each.total_cap for each in limits],
        "daily_cap": [each.daily_cap for each in limits],
    }


async def _return(driver: Driver, counts: Mapping[str, int], page: ContactPage, days: Mapping[str, int]) -> None:
    """Gives back what was counted and is not given after all."""
    if counts:
        await driver.fetch(
            RETURN_COUNTED,
            of_action=list(counts),
            times=list(counts.values()),
            money_minor=[count * page.limits[action_id].cost_minor for action_id, count in counts.items()],
            of_day=[days[action_id] for action_id in counts],
        )


def _contact_row(
    draft: Draft, decision: Decision, action: Action, until_us: int | None, day: int | None, cost_minor: int
) -> tuple[Any, ...]:
    key = (draft.customer_id, decision.decision_id, action.action_id)
    return (*key, draft.channel, decision.decided_us, draft.at_us, until_us, day, cost_minor)


async def note_contacts(driver: Driver, drafts: Sequence[Draft], settled: Settled, written: set[str]) -> None:
    """Writes down what the decisions give that is counted anywhere: as delivered where it is shown at once, else as
    reserved; and what they withhold, as if it were delivered, where it counts in caps. What was taken for one that is
    not `written`, since another process was first, is given back."""
    page, rules = settled.page, settled.page.rules
    rows: list[tuple[Any, ...]] = []
    unwritten: Counter[str] = Counter()
    for draft, (decision, _) in zip(drafts, settled.made, strict=True):
        for action in decision.taken:
            limits = page.limits.get(action.action_id)
            if decision.decision_id not in written:
                unwritten[action.action_id] += limits is not None
            elif limits is not None or (rules.notes(draft.channel) and not draft.is_of_basket):
                until_us = None if rules.is_shown(draft.channel) else draft.at_us + rules.reserved_us
                until_us = decision.reserved_until_us or until_us
                counted = (None, 0) if limits is None else (settled.days[action.action_id], limits.cost_minor)
                rows.append(_contact_row(draft, decision, action, until_us, *counted))
        if decision.decision_id in written and rules.has_caps(draft.channel) and not draft.is_of_basket:
            until_us = decision.reserved_until_us
            rows += [_contact_row(draft, decision, action, until_us, None, 0) for action in decision.withheld]
    if rows:
        columns = map(list, zip(*rows, strict=True))
        await driver.fetch(ADD_CONTACTS, **dict(zip(contacts.c.keys(), columns, strict=True)))
    await _return(driver, +unwritten, page, settled.days)
