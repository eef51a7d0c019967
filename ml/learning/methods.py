"""Which way to learn fits the history there is: trees of its own, a carry-over, or a classic model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import ibis.expr.types as ir
import numpy as np

from app.lifecycle.events import DAY_US
from ml.data.cutoffs import (
    FALL_BACK,
    FEWEST_CUSTOMERS,
    FEWEST_OF_EACH,
    HISTORY_DAYS,
    Span,
    Untrainable,
    check_trainable,
    count,
    learning_cutoffs,
    span_of,
)
from ml.data.states import LabelledStates, labelled_states
from ml.learning.short import Window, carry_over, distil_classic, fit_classics, inner_windows
from ml.learning.targets import Targets, fit_targets

Say = Callable[[str], None]

FEWEST_DAYS: Final = 28
"""Less history tells a weekly rhythm from nothing."""
LONGEST_REACH: Final = 4
"""The horizon may be so many times the history, and no longer: beyond it the classics guess."""
FEWEST_HISTORIES: Final = 100
FEWEST_AGAIN: Final = 20
"""Customers, and customers who bought on several days: with fewer the classics' parameters are anything."""
LEAST_INNER_DAYS: Final = 14
CLASSIC_NAMES: Final = {"pareto_nbd": "Pareto/NBD", "bg_nbd": "BG/NBD"}


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learnt before a time, and from what.

    `method`: `additive_trees`, `carried_over`, or `pareto_nbd` or `bg_nbd`. `past` holds the cut-offs
    learnt from, with labels of `inner_horizon_days` (carried over: of about so many, each up to the
    present; a classic alone learns from none), `present` everyone known at the time, whose labels are not
    to be read. `note` says in a sentence what was used and why.
    """

    targets: Targets
    method: str
    cutoffs_us: tuple[int, ...]
    inner_horizon_days: int
    rows: int
    past: LabelledStates
    present: LabelledStates
    note: str


def learn(events: ir.Table, at_us: int, horizon_days: int, say: Say, calendar: str | None = None) -> Learned:
    """The best model that the events before `at_us` allow, for use from then on.

    `calendar` names the country whose trade is the prior of the season; trees alone have a season.
    Raises Untrainable where no model can be fitted; its sentence says what is missing and what serves
    until then.
    """
    known = events.filter(events.occurred_us < at_us)
    span = span_of(known)
    cutoffs = learning_cutoffs(span, at_us - horizon_days * DAY_US, horizon_days)
    if not cutoffs:
        _refuse_too_short(span, at_us, horizon_days)
        spanned = count(_history_days(span, at_us), "day", "days")
        missing = f"The orders span {spanned}; additive trees need {HISTORY_DAYS + horizon_days}"
        return _learn_within(known, span, at_us, horizon_days, missing, say)
    learnt_at = count(len(cutoffs), "cut-off", "cut-offs")
    say(f"Reading states at {learnt_at} …")
    past, present = _states(known, cutoffs, at_us, horizon_days)
    _refuse_too_few(present)
    try:
        check_trainable(past, present, horizon_days)
    except Untrainable as error:
        return _learn_within(known, span, at_us, horizon_days, str(error).removesuffix(f". {FALL_BACK}"), say)
    say(f"Fitting on {len(past.churned):,} customers at past cut-offs …")
    targets = fit_targets(past, present, horizon_days, calendar)
    note = f"Additive trees, learnt at {learnt_at} whose {horizon_days} days are over."
    return Learned(targets, "additive_trees", tuple(cutoffs), horizon_days, len(past.churned), past, present, note)


def _learn_within(known: ir.Table, span: Span, at_us: int, horizon_days: int, missing: str, say: Say) -> Learned:
    """From shorter windows inside the history, or where they hold too little from the histories alone."""
    windows = inner_windows(span, at_us, horizon_days)
    say(f"Reading states at {len(windows)} cut-offs inside the history …")
    present = labelled_states(known, [at_us], horizon_days)
    _refuse_too_few(present)
    labelled = [(window, labelled_states(known, [window.cutoff_us], window.days)) for window in windows]
    past = _concatenate([rows for _, rows in labelled])
    if any(_is_too_thin(window, rows) for window, rows in labelled):
        return _use_classic(past.at(past.cutoffs_us < 0), present, horizon_days, missing, say)
    days = windows[len(windows) // 2].days
    say(f"Fitting on {len(past.churned):,} customers at cut-offs {windows[-1].days} to {windows[0].days} days ago …")
    targets = carry_over(labelled, present, horizon_days)
    cutoffs = tuple(window.cutoff_us for window in windows)
    note = f"{missing}, so a classic model is carried over, with what windows of about {days} days inside it add."
    return Learned(targets, "carried_over", cutoffs, days, len(past.churned), past, present, note)


def _concatenate(parts: Sequence[LabelledStates]) -> LabelledStates:
    columns = ([getattr(part, field.name) for part in parts] for field in fields(LabelledStates))
    return LabelledStates(*map(np.concatenate, columns))


def _is_too_thin(window: Window, rows: LabelledStates) -> bool:
    customers, churned = len(rows.churned), int(rows.churned.sum())
    few = customers < FEWEST_CUSTOMERS or min(churned, customers - churned) < FEWEST_OF_EACH
    return few or window.days < LEAST_INNER_DAYS


def _use_classic(past: LabelledStates, present: LabelledStates, horizon_days: int, missing: str, say: Say) -> Learned:
    say(f"Fitting the classic models to {len(present.churned):,} histories …")
    classics = fit_classics(present)
    targets = distil_classic(classics, present, horizon_days)
    name, customers = CLASSIC_NAMES[classics.name], len(present.churned)
    note = f"{missing}, so {name} serves, fitted to when {customers:,} customers bought."
    return Learned(targets, classics.name, (), horizon_days, customers, past, present, note)


def _states(
    known: ir.Table, cutoffs: list[int], at_us: int, horizon_days: int
) -> tuple[LabelledStates, LabelledStates]:
    rows = labelled_states(known, [*cutoffs, at_us], horizon_days)
    return rows.at(rows.cutoffs_us < at_us), rows.at(rows.cutoffs_us == at_us)


def _history_days(span: Span, at_us: int) -> int:
    return (at_us - span.first_us) // DAY_US


def _refuse_too_short(span: Span, at_us: int, horizon_days: int) -> None:
    days = _history_days(span, at_us)
    needed = max(FEWEST_DAYS, -(-horizon_days // LONGEST_REACH))
    if days < needed:
        raise Untrainable(
            f"There {'is' if days == 1 else 'are'} {count(days, 'day', 'days')} of orders; to look {horizon_days} days "
            f"ahead even the classic models need {needed}. {FALL_BACK}"
        )


def _refuse_too_few(present: LabelledStates) -> None:
    customers, again = len(present.churned), int((present.purchase_days > 1).sum())
    if customers < FEWEST_HISTORIES:
        raise Untrainable(
            f"Only {count(customers, 'customer has', 'customers have')} bought; even the classic models need "
            f"{FEWEST_HISTORIES}. {FALL_BACK}"
        )
    if not again:
        raise Untrainable(f"None of {customers} customers bought twice: there is no rhythm to learn. {FALL_BACK}")
    if again < FEWEST_AGAIN:
        raise Untrainable(
            f"Only {again} of {customers} customers bought again; the classic models need {FEWEST_AGAIN}. {FALL_BACK}"
        )
