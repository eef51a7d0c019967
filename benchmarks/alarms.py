"""False alarms of A/A tests: looked at every day by the reading for any time, and once at the end by the fixed one.

python -m benchmarks.alarms
"""

import argparse
from typing import Any

import numpy as np

from app.lifecycle.effects import Z95
from app.lifecycle.sequences import Outcomes, read_at_any_time
from ml.data.trials import Trial
from ml.evaluation.ab import read_test

LOOKED_FOR = 0.02


def outcomes(draw: np.random.Generator, kind: str, size: int) -> Any:
    """Whether an order came of one in seven, or what it came to: few orders, their amounts far apart."""
    ordered = (draw.random(size) < 0.15).astype(np.float64)
    return ordered if kind == "orders" else ordered * draw.lognormal(3.0, 1.0, size)


def run_test(kind: str, days: int, a_day: int, seed: int) -> tuple[bool, bool, bool]:
    """Whether the reading for any time alarms on some day, the fixed one at the end, and a fixed one on some day."""
    draw, count = np.random.default_rng(seed), days * a_day
    arms, found = draw.integers(2, size=count), outcomes(draw, kind, count)
    looked_for = LOOKED_FOR if kind == "orders" else LOOKED_FOR * 30
    sums = [
        np.cumsum(part) for arm in (1, 0) for part in ((arms == arm), (arms == arm) * found, (arms == arm) * found**2)
    ]
    daily, naive = False, False
    for end in range(a_day - 1, count, a_day):
        n1, t1, s1, n0, t0, s0 = (float(each[end]) for each in sums)
        treated, control = Outcomes(int(n1), t1, s1), Outcomes(int(n0), t0, s0)
        reading = read_at_any_time(treated, control, looked_for)
        daily |= reading is not None and reading.is_certain
        error = np.sqrt(treated.variance / n1 + control.variance / n0)
        naive |= bool(abs(treated.mean - control.mean) > Z95 * error)
    fixed = read_test(Trial(("a", "b"), arms, found, {}), looked_for)["fixed"]
    return daily, bool(fixed["p"] < 0.05), naive


def measure(kind: str, tests: int, days: int, a_day: int) -> dict[str, float]:
    """Shares of tests that alarm."""
    alarms = np.array([run_test(kind, days, a_day, seed) for seed in range(tests)])
    return dict(zip(("any_time_daily", "fixed_once", "fixed_daily"), alarms.mean(axis=0).tolist(), strict=True))


def main() -> None:
    """As told above."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tests", type=int, default=1000)
    options.add_argument("--days", type=int, default=60)
    options.add_argument("--a-day", type=int, default=200)
    chosen = options.parse_args()
    for kind in ("orders", "spend"):
        told = measure(kind, chosen.tests, chosen.days, chosen.a_day)
        print(kind, "  ".join(f"{name} {share:.3f}" for name, share in told.items()), flush=True)


if __name__ == "__main__":
    main()
