"""What a sweep changes: the difference between what is judged now and what the record says."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from app.customers.state import CustomerState
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.measures import NUMERIC
from app.lifecycle.stages import Judgement
from app.scores.columns import score_columns
from app.scores.scoring import Scoring
from app.scores.service import score_one
from app.stages.service import Cause, StageContext, is_above

RISK_MOVED: Final = 0.01
LOSS_MOVED: Final = 0.02
"""Change of the risk, and share of the expected loss, by which a warning must move to be written anew."""
_LAST_EVENT: Final = [measure.name for measure in NUMERIC].index("last_event_us")


class Stored(NamedTuple):
    """What the record says of a customer, by `checked_us`."""

    stage: str
    churn_risk: float | None
    expected_loss: float
    checked_us: int
    crossed_us: int | None


class Judged(NamedTuple):
    """A customer now. The risk is None for someone who never bought; the loss is in major units."""

    judgement: Judgement
    churn_risk: float | None
    expected_loss: float


class Customer(NamedTuple):
    """A customer as read. `events` None: the state is of several rows, with no one count to compare."""

    customer_id: str
    events: int | None
    stored: Stored | None


class Before(NamedTuple):
    """The last sweep: when, and whether the model or the stage policy is another since."""

    as_of_us: int
    rules_changed: bool


class StageChange(NamedTuple):
    """A row of `queries.RECORD_STAGES_AS_READ`, its fields the parameters."""

    customer_id: str
    stage: str
    rule: str
    at_us: int
    churn_risk: float | None
    expected_loss: float
    is_above: bool
    model_version: str | None
    cause: Cause
    events: int | None


class Comparison(NamedTuple):
    """What changes are found with. `before` None: no sweep was finished yet."""

    context: StageContext
    before: Before | None
    now_us: int


def find_changes(customers: Sequence[Customer], states: Floats, comparison: Comparison) -> Iterator[StageChange]:
    """A change for each whose record is to change: stage, warning or a warning's figures.

    `states` is (n, len(NUMERIC)), a row a customer.
    """
    context = comparison.context
    judged = judge_each(states, comparison.now_us, context.scoring)
    for at, (customer, found) in enumerate(zip(customers, judged, strict=True)):
        if customer.stored is None:
            yield _change_of(customer, found, "event", comparison.now_us, context)
        elif found.judgement.stage != customer.stored.stage:
            state = CustomerState(customer.customer_id, states[at].tolist(), [])
            cause, at_us = _explain(customer.stored, found, state, comparison)
            yield _change_of(customer, found, cause, at_us, context)
        elif _is_news(customer.stored, found, context):
            yield _change_of(customer, found, "event", comparison.now_us, context)


def judge_each(states: Floats, as_of_us: int, scoring: Scoring) -> Iterator[Judged]:
    """Of state vectors, (n, len(NUMERIC)), one after the other."""
    columns = score_columns(states, float(as_of_us), scoring)
    risks = [None if risk != risk else risk for risk in columns.expected.churn_risk.tolist()]
    return map(Judged, columns.judgements.each(), risks, columns.expected_loss.tolist())


def _is_news(stored: Stored, found: Judged, context: StageContext) -> bool:
    """Whether a warning begins or ends, or is of other figures."""
    above = is_above(found.churn_risk, context)
    if above != (stored.crossed_us is not None):
        return True
    if not above or stored.churn_risk is None or found.churn_risk is None:
        return False
    risk_moved = abs(found.churn_risk - stored.churn_risk) >= RISK_MOVED
    return risk_moved or abs(found.expected_loss - stored.expected_loss) > LOSS_MOVED * stored.expected_loss


def _explain(stored: Stored, found: Judged, state: CustomerState, comparison: Comparison) -> tuple[Cause, int]:
    """What made the stage another than the stored one, and when.

    The same state is judged as of the last time that the record was known to hold, its last event
    included. If it was the stored stage then, time has passed and no more. If not, an event has come
    since, or, without one, the model or the policy has.
    """
    before, context = comparison.before, comparison.context
    held_us = stored.checked_us if before is None else max(stored.checked_us, before.as_of_us)
    last_event_us = int(state.numbers[_LAST_EVENT] or 0)
    then = score_one(state, max(held_us, last_event_us), context.scoring)
    if then.judgement.stage != stored.stage:
        rules_changed = before is not None and before.rules_changed and last_event_us <= held_us
        return ("model" if rules_changed else "event"), comparison.now_us
    days = found.judgement.held_days
    began_us = comparison.now_us if days is None else comparison.now_us - round(days * DAY_US)
    return "silence", min(max(began_us, held_us + 1), comparison.now_us)


def _change_of(customer: Customer, found: Judged, cause: Cause, at_us: int, context: StageContext) -> StageChange:
    model = context.scoring.model
    return StageChange(
        customer.customer_id,
        found.judgement.stage,
        found.judgement.rule,
        at_us,
        found.churn_risk,
        found.expected_loss,
        is_above(found.churn_risk, context),
        None if model is None or found.churn_risk is None else model.version,
        cause,
        customer.events,
    )


def read_stored(row: Any) -> Stored | None:
    """From a row that has the columns of `Stored`, all NULL where nothing is stored."""
    return None if row["stage"] is None else Stored(*(row[name] for name in Stored._fields))
