"""Whom e-mails move: five halvings of the Hillstrom trial, each half learned from and judged by the other.

python -m benchmarks.uplift --data hillstrom.parquet
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.trials import TrialColumns, halve, load_trial
from ml.evaluation.uplift import evaluate_uplift

WOMENS = "Womens E-Mail"


def judge(data: Path, treated: tuple[str, ...], splits: int) -> list[dict[str, Any]]:
    """The figures of each half that is judged: of a split, first the second half, then the first."""
    columns = TrialColumns("segment", "No E-Mail", "visit", treated, ("row", "conversion", "spend"))
    trial = load_trial(data, columns)
    halves = [halve(trial, seed) for seed in range(splits)]
    return [evaluate_uplift(*pair) for first, second in halves for pair in ((first, second), (second, first))]


def tell(title: str, results: list[dict[str, Any]]) -> None:
    """A line a half, and the means."""
    print(f"{title}: uplift at 20 % of ours and of the response model; value of the policy and of the best arm for all")
    rows = [
        [
            *(result["models"][model]["uplift_at_20"] for model in ("perennial", "response")),
            *(result["policy"][policy]["value"] for policy in ("perennial", "best_constant")),
        ]
        for result in results
    ]
    for place, row in enumerate(rows):
        print(f"  split {place // 2 + 1}, half {2 - place % 2}  " + "  ".join(f"{value:.4f}" for value in row))
    print("  first direction  " + "  ".join(f"{value:.4f}" for value in np.mean(rows[::2], axis=0)))
    print("  all              " + "  ".join(f"{value:.4f}" for value in np.mean(rows, axis=0)))


def main() -> None:
    """As told above."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--splits", type=int, default=5)
    chosen = options.parse_args()
    tell("any e-mail", judge(chosen.data, (), chosen.splits))
    tell("women's e-mail", judge(chosen.data, (WOMENS,), chosen.splits))


if __name__ == "__main__":
    main()
