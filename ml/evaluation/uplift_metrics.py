"""How well a score of uplift ranks, on rows whose treatment was drawn by chance.

`score`, `treated` (0 or 1) and `outcome` are (n,). The Qini curve at a share φ of the customers, by descending score,
is what treating them brought, per treated customer of all:

    q(φ) = (treated outcomes in φ − control outcomes in φ · treated rows in φ / control rows in φ) / all treated rows

(Radcliffe, Using control groups to target on predicted lift, 2007), the second term 0 where φ has no control row. It
ends at the average effect, whichever its sign. `qini` is the area between the curve and the straight line to its end,
which is what a random order brings: positive where the order is better than chance, also where treating does harm; it
is not divided by any area, which may be of either sign. Customers of one score are taken in part, as drawn by chance.
"""

from typing import Final

import numpy as np

from ml.data.trials import Floats, Ints

SHARES: Final = (0.1, 0.2, 0.3)


def _sums(score: Floats, treated: Ints, outcome: Floats) -> Floats:
    """(groups + 1, 5): rows, treated, control, outcomes of both, added up from the best score down, equals at once."""
    order = np.argsort(-score, kind="stable")
    columns = np.column_stack([np.ones(len(score)), treated, 1 - treated, treated * outcome, (1 - treated) * outcome])[
        order
    ]
    ends = np.append(np.flatnonzero(np.diff(score[order]) != 0), len(score) - 1)
    return np.vstack([np.zeros(5), np.cumsum(columns, axis=0)[ends]])


def qini(score: Floats, treated: Ints, outcome: Floats) -> float | None:
    """The area between the curve and that of a random order, in outcomes per treated customer; None: one arm only."""
    rows, given, held, came, came_anyway = _sums(score, treated, outcome).T
    if not given[-1] or not held[-1]:
        return None
    ratio = np.divide(given, held, out=np.zeros_like(given), where=held > 0)
    curve = (came - came_anyway * ratio) / given[-1]
    shares = rows / rows[-1]
    return float(np.trapezoid(curve - shares * curve[-1], shares))


def uplift_at(score: Floats, treated: Ints, outcome: Floats, share: float) -> float | None:
    """Mean outcome of the treated less that of the control among the `share` of best score; None: of one arm only."""
    sums = _sums(score, treated, outcome)
    _, given, held, came, came_anyway = (np.interp(share * len(score), sums[:, 0], column) for column in sums.T)
    return float(came / given - came_anyway / held) if given > 0 and held > 0 else None


def judge_uplift(score: Floats, treated: Ints, outcome: Floats) -> dict[str, float | None]:
    """Every number of a score."""
    at = {f"uplift_at_{share:.0%}".rstrip("%"): uplift_at(score, treated, outcome, share) for share in SHARES}
    return {"qini": qini(score, treated, outcome), **at}


def judge_chance(treated: Ints, outcome: Floats) -> dict[str, float | None]:
    """The same of a random order, as theory has it: no area, and at every share the average effect."""
    return judge_uplift(np.zeros(len(outcome)), treated, outcome)
