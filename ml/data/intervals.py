"""Time cut at cut-offs: each event in the interval that the first cut-off after it ends."""

from collections.abc import Sequence
from typing import Final

import ibis
import ibis.expr.types as ir

INTERVAL: Final = ("customer_id", "until_us")
"""What an interval of a customer is known by."""


def before_next(events: ir.Table, bounds_us: Sequence[int]) -> ir.Table:
    """Events before the last bound, each with the first bound after it as `until_us`. Bounds ascend."""
    known = events.filter(events.occurred_us < bounds_us[-1])
    return known.mutate(until_us=first_after(known.occurred_us, bounds_us))


def first_after(moment_us: ir.IntegerValue, bounds_us: Sequence[int]) -> ir.IntegerValue:
    """The first bound after a moment; NULL: there is none. Bounds ascend."""
    return ibis.cases(*((moment_us < bound_us, ibis.literal(bound_us, "int64")) for bound_us in bounds_us))
