"""Learning in a simulated shop: after 20,000 decisions, beside rules, an oracle and bandits of a kept library.

python -m benchmarks.learning
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from mabwiser.mab import MAB, LearningPolicy
from numpy.typing import NDArray

from app.lifecycle.exploration import draw_place
from app.lifecycle.learned_effects import CAUTION
from ml.demo.offers import COSTS, GROUPS, STAGES, Customers, OfferShop
from ml.learning.effects import EffectModel, Offers, fit_effects

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Choose = Callable[[Customers], Ints]

BATCH = 1000
EXPLORATION = 0.3
FRESH = 50_000


def learn(shop: OfferShop, decisions: int, seed: int) -> Choose:
    """Batches: everybody is offered by what was learned of those before, with exact probabilities of chance."""
    draw, seen = np.random.default_rng(seed), list[Offers]()
    model: EffectModel | None = None
    for begin in range(0, decisions, BATCH):
        customers = shop.arrive(BATCH, draw)
        if model is None:
            chosen = draw.integers(1 + len(GROUPS), size=BATCH)
        else:
            chosen = explore(model, customers, f"{seed}-{begin}")
        rewards = draw.random(BATCH) < shop.chances(customers)[np.arange(BATCH), chosen]
        persons = begin + np.arange(BATCH)
        seen.append(Offers(chosen - 1, customers.stages, customers.features, rewards.astype(np.float64), persons))
        model = fit_effects(join(seen), GROUPS, STAGES)
    final = model
    assert final is not None
    return lambda customers: final.worths(customers.stages, customers.features, COSTS, CAUTION).argmax(axis=1)


def explore(model: EffectModel, customers: Customers, seed: str) -> Ints:
    """(n,) places, 0 for doing nothing: worths are moved above 0, so that their gaps count in units of an order."""
    worths = model.worths(customers.stages, customers.features, COSTS)
    chosen = np.empty(len(worths), np.int64)
    for row, each in enumerate(worths - worths.min(axis=1, keepdims=True) + 0.25):
        order = np.argsort(-each, kind="stable")
        chosen[row] = order[draw_place(each[order].tolist(), EXPLORATION, f"{seed}-{row}", 0)[0]]
    return chosen


def join(seen: list[Offers]) -> Offers:
    """Of batches."""
    columns = (
        [getattr(each, name) for each in seen] for name in ("actions", "stages", "features", "rewards", "persons")
    )
    return Offers(*map(np.concatenate, columns))


def contexts(customers: Customers) -> Floats:
    """As the library takes them: a one, the stages, the numbers."""
    stages = customers.stages[:, None] == np.arange(STAGES)
    return np.column_stack([np.ones(len(stages)), stages, customers.features])


def learn_bandit(policy: Any, shop: OfferShop, decisions: int, seed: int) -> Choose:
    """The same customers and batches, rewards net of costs."""
    draw, bandit = np.random.default_rng(seed), MAB(list(range(1 + len(GROUPS))), policy, seed=seed)
    for begin in range(0, decisions, BATCH):
        customers = shop.arrive(BATCH, draw)
        places = draw.integers(1 + len(GROUPS), size=BATCH) if not begin else bandit.predict(contexts(customers))
        chosen = np.asarray(places, np.int64)
        orders = draw.random(BATCH) < shop.chances(customers)[np.arange(BATCH), chosen]
        (bandit.partial_fit if begin else bandit.fit)(
            chosen, orders - np.append(0.0, COSTS)[chosen], contexts(customers)
        )
    return lambda customers: np.asarray(bandit.predict(contexts(customers)), np.int64)


def gain(shop: OfferShop, choose: Choose, seed: int) -> float:
    """What the choices bring a customer who comes anew."""
    customers = shop.arrive(FRESH, np.random.default_rng(seed + 10_000))
    return float(shop.values(customers)[np.arange(FRESH), choose(customers)].mean())


def judge(shop: OfferShop, decisions: int, seed: int, with_bandits: bool) -> dict[str, float]:
    """Value a customer, by policy."""
    found = {
        "nothing": gain(shop, lambda customers: np.zeros(len(customers.stages), np.int64), seed),
        "rules": gain(shop, shop.rule, seed),
        "oracle": gain(shop, lambda customers: shop.values(customers).argmax(axis=1), seed),
        "learned": gain(shop, learn(shop, decisions, seed), seed),
    }
    if with_bandits:
        found["LinUCB"] = gain(shop, learn_bandit(LearningPolicy.LinUCB(alpha=0.5), shop, decisions, seed), seed)
        found["LinTS"] = gain(shop, learn_bandit(LearningPolicy.LinTS(alpha=0.3), shop, decisions, seed), seed)
    return found


def main() -> None:
    """As told above: shops with effects, and shops that nothing moves."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shops", type=int, default=5)
    options.add_argument("--decisions", type=int, default=20_000)
    chosen = options.parse_args()
    for moved in (True, False):
        print("shops that actions move" if moved else "shops that nothing moves")
        for seed in range(chosen.shops):
            found = judge(OfferShop.draw(seed, moved), chosen.decisions, seed, with_bandits=True)
            print("  " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
