"""The proof that nothing learnt at a cut-off has seen what comes after it."""

from typing import Final

import ibis
import ibis.expr.types as ir

from app.foundation.errors import Refusal
from app.lifecycle.measures import MEASURES, Measure
from ml.data.states import states

_SUMMATION: Final = 1e-6


class Leak(Refusal):
    """A measure sees what comes after the cut-off: nothing learnt from it is honest. Names it."""


def leaking_measures(events: ir.Table, cutoff_us: int) -> list[str]:
    """Measures whose values at a cut-off change when all later events are taken away."""
    known = states(events.filter(events.occurred_us < cutoff_us), [cutoff_us])
    both = states(events, [cutoff_us]).join(known, "customer_id", how="outer")
    changed = {measure.name: _differs(measure, both).sum() for measure in MEASURES}
    counts = both.aggregate(**changed).to_pyarrow().to_pylist()[0]
    return [name for name, count in counts.items() if count]


def _differs(measure: Measure, both: ir.Table) -> ir.BooleanValue:
    """Between the two sides of a join; sums of floats may differ by the order of summation."""
    ours, theirs = both[measure.name], both[f"{measure.name}_right"]
    if not ours.type().is_floating():
        return ~ours.identical_to(theirs)
    apart = (ours - theirs).abs() > _SUMMATION * ibis.greatest(ours.abs(), theirs.abs(), 1.0)
    return apart.fill_null(True)


def refuse_leaks(events: ir.Table, cutoff_us: int) -> None:
    """Raises Leak where a measure at the cut-off sees what comes after it."""
    if leaking := leaking_measures(events, cutoff_us):
        raise Leak(f"Measures that see beyond their cut-off: {', '.join(leaking)}.")
