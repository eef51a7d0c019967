"""What models said of targets beyond the three, and what came: as it is kept, and side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import orjson

from app.lifecycle.features import Floats
from app.lifecycle.targets import OTHERS, Target
from app.monitoring.measuring import Outcomes, Pair
from app.monitoring.queries import Resolved

Sums = Mapping[str, float]


def write_others(expected: Mapping[str, Floats], customers: int) -> list[str | None]:
    """Expectations by the name of a target, (n,) each, as n JSON texts of those of OTHERS that the model knows.

    None: it knows none, which it says by NaN.
    """
    known = {target.name: expected[target.name] for target in OTHERS if not np.isnan(expected[target.name]).any()}
    if not known:
        return [None] * customers
    columns = (column.tolist() for column in known.values())
    return [orjson.dumps(dict(zip(known, one, strict=True))).decode() for one in zip(*columns, strict=True)]


def gather_outcomes(rows: Sequence[Resolved]) -> Outcomes:
    """Of n ≥ 1 customers."""
    risk, orders, spend_minor, orders_ahead, spend_ahead_minor, *_ = map(np.array, zip(*rows, strict=True))
    return Outcomes(risk, orders, spend_minor, orders_ahead, spend_ahead_minor, _gather_others(rows))


def _gather_others(rows: Sequence[Resolved]) -> dict[str, Pair]:
    """By the name of each of OTHERS that was told: of whom it was, what was expected and what came."""
    told = [
        (row, orjson.loads(row.expected_others), orjson.loads(row.sums_ahead or "{}"))
        for row in rows
        if row.expected_others
    ]
    pairs = {
        target.name: [
            (said[target.name], came)
            for row, said, sums in told
            if target.name in said and (came := _came(target, row, sums)) is not None
        ]
        for target in OTHERS
    }
    return {
        name: (found[:, 0], found[:, 1]) for name, each in pairs.items() if len(found := np.array(each, np.float64))
    }


def _came(target: Target, row: Resolved, sums: Sums) -> float | None:
    """In the unit of the target; None: its outcome was not kept."""
    bought = {
        "churned": row.orders_ahead == 0,
        "orders_ahead": row.orders_ahead,
        "spend_ahead_minor": row.spend_ahead_minor,
    }
    came = bought.get(target.outcome, sums.get(target.outcome))
    return None if came is None else float(came > 0 if target.is_probability else came)
