"""Estimates of a policy's value on simulated logs whose truth is known: how far off, how often in the interval.

python -m benchmarks.estimators
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.off_policy import Log, PolicyValue, evaluate_policy
from ml.demo.offers import GROUPS, STAGES, Customers, OfferShop
from ml.learning.effects import Offers, cross_fit

Floats = NDArray[np.float64]

ESTIMATORS = ("inverse_propensity", "self_normalised", "doubly_robust")
MANY = 400_000


def softly(worths: Floats, sharpness: float, floor: float) -> Floats:
    """(n, choices): probabilities that rise with worth, each of at least `floor` / choices."""
    raised = np.exp(sharpness * (worths - worths.max(axis=1, keepdims=True)))
    return np.asarray((1 - floor) * raised / raised.sum(axis=1, keepdims=True) + floor / worths.shape[1])


def logging(shop: OfferShop, customers: Customers) -> Floats:
    """What was done: rather what is believed to be good, now and then anything."""
    return softly(shop.beliefs[:, customers.stages].T, 15.0, 0.3)


def target(shop: OfferShop, customers: Customers) -> Floats:
    """What is judged: rather what is good."""
    return softly(shop.values(customers), 40.0, 0.1)


def simulate(shop: OfferShop, decisions: int, seed: int) -> PolicyValue:
    """A log, and what it says of the target."""
    draw = np.random.default_rng(seed)
    customers, rows = shop.arrive(decisions, draw), np.arange(decisions)
    chances = logging(shop, customers)
    chosen = (draw.random((decisions, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, len(GROUPS))
    rewards = (draw.random(decisions) < shop.chances(customers)[rows, chosen]).astype(np.float64)
    offers = Offers(chosen - 1, customers.stages, customers.features, rewards, rows)
    told = cross_fit(offers, GROUPS, STAGES, seed=seed).rewards
    wanted = target(shop, customers)
    log = Log(rewards, chances[rows, chosen], wanted[rows, chosen], told[rows, chosen], (wanted * told).sum(axis=1))
    return evaluate_policy(log)


def truth_of(shop: OfferShop) -> float:
    """By many customers, their chances known."""
    customers = shop.arrive(MANY, np.random.default_rng(99))
    return float((target(shop, customers) * shop.chances(customers)).sum(axis=1).mean())


def measure(logs: int, decisions: int) -> dict[str, dict[str, float]]:
    """By estimator the root of the mean squared error, the mean error and how many intervals hold the truth."""
    shop = OfferShop.draw(1)
    truth, found = truth_of(shop), [simulate(shop, decisions, seed) for seed in range(logs)]
    measured = {}
    for name in ESTIMATORS:
        told = np.array([getattr(each, name) for each in found])
        off = told[:, 0] - truth
        held = (told[:, 1] <= truth) & (truth <= told[:, 2])
        measured[name] = {
            "rmse": float(np.sqrt((off**2).mean())),
            "bias": float(off.mean()),
            "held": float(held.mean()),
        }
    return measured


def main() -> None:
    """As told above."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--logs", type=int, default=500)
    options.add_argument("--decisions", type=int, default=4000)
    chosen = options.parse_args()
    for name, figures in measure(chosen.logs, chosen.decisions).items():
        print(f"{name:20s}", "  ".join(f"{metric} {value:.4f}" for metric, value in figures.items()))


if __name__ == "__main__":
    main()
