"""The gate of policies: for whom a candidate would choose what, beside who decides now, on the same latest decisions.

Customers are compared by value tier, and by the attribute that a deployment names for this audit alone: no decision, no
score and no training reads it. Each person counts once, by the latest decision; both policies are asked about it with
the actions and contact rules of now, and with all that chance they explore by.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.catalogue_queries import read_catalogue
from app.decisions.choice_queries import read_attribute, read_recent
from app.decisions.contact_book import ContactBook
from app.decisions.recalling import recall
from app.foundation.settings import Settings
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.calendar_days import read_day
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.events import DAY_US
from app.lifecycle.fairness import FEWEST_MEMBERS, Shift, find_shifts
from app.lifecycle.learned_effects import LearnedEffects
from app.lifecycle.tact import years_old
from app.lifecycle.value import TIERS, ValueShares, value_curve
from app.models.gates import RULES, Finding, Gates
from app.models.kinds import POLICY, AnyModel
from app.models.policy_artefact import PolicyModel

DAYS: Final = 180
MOST_PERSONS: Final = 5_000
MOST_MEMBERS: Final = 12
"""Values of the attribute, those of the most customers; the others are not compared."""
ANY: Final = "any action"
BIRTHDAY: Final = "birthday"
"""An attribute that is read as an age."""
_AGES: Final = ((30, "under 30"), (45, "30 to 44"), (60, "45 to 59"), (200, "60 and over"))
_TOLD: Final = 20
"""Disparate changes that are kept in a report, the greatest."""
Bools = NDArray[np.bool_]


class Choosing(NamedTuple):
    """The actions and the contact rules that both policies are asked with."""

    catalogue: ActionCatalogue
    rules: ContactRules


def gates_of(settings: Settings) -> Gates:
    """Of the kinds that have one."""
    return {POLICY: partial(compare_choices, settings)}


async def compare_choices(
    settings: Settings, connection: AsyncConnection, candidate: AnyModel, incumbent: AnyModel | None
) -> Finding:
    """For whom a policy would choose what, beside the champion, or beside the rules."""
    assert isinstance(candidate, PolicyModel)
    assert incumbent is None or isinstance(incumbent, PolicyModel)
    now_us = time.time_ns() // 1000
    rows = await read_recent(connection, now_us - DAYS * DAY_US, now_us, MOST_PERSONS)
    choosing = Choosing(await read_catalogue(connection), await ContactBook(settings).read_rules(connection))
    attribute = settings.audit_attribute
    told = await read_attribute(connection, [row.customer_id for row in rows], attribute) if attribute else {}
    members = members_of(rows, settings.value_shares) | attribute_members(rows, attribute, told, now_us)
    policies = (None if incumbent is None else incumbent.effects, candidate.effects)
    shifts = await asyncio.to_thread(compare, rows, members, policies, choosing)
    return render(RULES if incumbent is None else incumbent.version, len(rows), shifts)


def members_of(rows: Sequence[Any], shares: ValueShares) -> dict[tuple[str, str], Bools]:
    """By value tier, of those who have bought: the most valuable who together hold a share of all that is at stake."""
    customers = [row.receipt["customer"] for row in rows]
    values = np.array([each["value_at_stake"] for each in customers], np.float64)
    has_bought = np.array([each["stage"] != "prospect" for each in customers], np.bool_)
    tiers = value_curve(values[has_bought]).bounds(shares).tiers(values)
    return {("value tier", tier): has_bought & (tiers == tier) for tier in TIERS}


def attribute_members(
    rows: Sequence[Any], attribute: str, told: Mapping[str, str], now_us: int
) -> dict[tuple[str, str], Bools]:
    """By the values of the attribute; birthdays by age. Of whom nothing is known is in none."""
    values = [_value_of(attribute, told.get(row.customer_id), now_us) for row in rows]
    counts = Counter(value for value in values if value).most_common(MOST_MEMBERS)
    large = [value for value, count in counts if count >= FEWEST_MEMBERS]
    return {(attribute, value): np.array([each == value for each in values], np.bool_) for value in large}


def _value_of(attribute: str, told: str | None, now_us: int) -> str | None:
    if told is None or attribute != BIRTHDAY:
        return (told or "").strip()[:64] or None
    day, today = read_day(told), datetime.fromtimestamp(now_us / 1e6, UTC)
    age = None if day is None else years_old(day, (today.year, today.month, today.day))
    return None if age is None else next((name for below, name in _AGES if 0 <= age < below), None)


def compare(
    rows: Sequence[Any],
    members: Mapping[tuple[str, str], Bools],
    policies: tuple[LearnedEffects | None, LearnedEffects],
    choosing: Choosing,
) -> list[Shift]:
    """Of each action, of each group of actions, and of any: who is chosen for it by either policy."""
    groups = {action.action_id: f"any {action.group}" for action in choosing.catalogue.actions}
    names = [*groups, *sorted(set(groups.values())), ANY]
    places = {name: place for place, name in enumerate(names)}
    chances = np.zeros((2, len(rows), len(names)))
    for at, row in enumerate(rows):
        recalled = recall(row.customer_id, row.decision_id, row.decided_us, row.receipt)
        for which, learned in enumerate(policies):
            for action_id, chance in recalled.first_chances(*choosing, learned).items():
                for name in (action_id, groups[action_id], ANY):
                    chances[which, at, places[name]] += chance
    return find_shifts(members, names, chances[0], chances[1])


def render(against: str, customers: int, shifts: Sequence[Shift]) -> Finding:
    """What was found, the greatest change first."""
    disparate = sorted(
        (shift for shift in shifts if shift.is_disparate),
        key=lambda each: max(each.ratio, 1 / each.ratio),
        reverse=True,
    )
    report = {
        "customers": customers,
        "comparisons": len(shifts),
        "disparate": [_round(shift) for shift in disparate[:_TOLD]],
        "shares": [_round(shift) for shift in shifts if shift.chosen == ANY],
    }
    if not disparate:
        told = f"Of {customers:,} customers no group is chosen for otherwise beside the others than by {against}."
        return Finding(against, False, told, report)
    others = f" {len(disparate) - 1} more of {len(shifts)} comparisons." if len(disparate) > 1 else ""
    return Finding(against, True, f"{_describe(disparate[0], against)}{others}", report)


def _describe(shift: Shift, against: str) -> str:
    return (
        f"Of {shift.customers:,} customers of the {shift.attribute} {shift.member}, {shift.after:.1%} would be chosen"
        f" for {shift.chosen} ({shift.before:.1%} by {against}), of the others {shift.after_others:.1%}"
        f" ({shift.before_others:.1%}): beside them {shift.ratio:.2f} times as often as before"
        f" ({shift.low:.2f} to {shift.high:.2f})."
    )


def _round(shift: Shift) -> dict[str, Any]:
    return {name: round(each, 6) if isinstance(each, float) else each for name, each in shift._asdict().items()}
