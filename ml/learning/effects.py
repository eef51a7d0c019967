"""What each action adds to what comes anyway, learned from decisions: estimates that know how sure they are.

    reward = level(x) + 1[a ≠ none] · (common + group(a) + stage(group(a), s) + own(a) + slope(x) + slope(x, a)) + noise

Each block of coefficients has a normal prior about 0 whose width is learned (MacKay, Bayesian interpolation, 1992).
Where decisions of an action are few, its own part is near 0, and it is told what its group and the stage are; where
they are many, what they say. Where actions change nothing, all blocks narrow to 0. Rows may come from any policy whose
choices depend on the features alone; propensities are not needed to learn, but to judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.data.decisions import NONE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROUNDS: Final = 30
_WIDEST: Final = 1e3
_NARROWEST: Final = 1e-8


@dataclass(frozen=True, slots=True)
class Offers:
    """Decisions, (n,) each: `actions` are places among the actions, or NONE; `stages` places among stages; `persons`
    number from 0 whom they were made for. `features` (n, k) are centred numbers of unit size."""

    actions: Ints
    stages: Ints
    features: Floats
    rewards: Floats
    persons: Ints

    def take(self, rows: Bools) -> "Offers":
        return Offers(
            self.actions[rows], self.stages[rows], self.features[rows], self.rewards[rows], self.persons[rows]
        )


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Which columns an action at a stage with features has, and where."""

    groups: Ints
    stages: int
    features: int

    def level(self, stages: Ints, features: Floats) -> Floats:
        """What comes anyway: (n, 1 + stages + k)."""
        return np.column_stack([np.ones(len(stages)), stages[:, None] == np.arange(self.stages), features])

    def effect(self, actions: Ints, stages: Ints, features: Floats) -> Floats:
        """(n, columns); zeros where there is no action."""
        count, kinds, given = len(self.groups), int(self.groups.max()) + 1, (actions != NONE)[:, None]
        own = actions[:, None] == np.arange(count)
        group = np.where(given[:, 0], self.groups[actions], -1)
        met = (group * self.stages + stages)[:, None] == np.arange(kinds * self.stages)
        slopes = (own[:, :, None] * features[:, None, :]).reshape(len(actions), -1)
        blocks = [np.ones_like(given), group[:, None] == np.arange(kinds), met, own, features, slopes]
        return np.hstack([np.asarray(block * given, np.float64) for block in blocks])

    def sizes(self) -> list[int]:
        """Of the blocks of an effect; then of the level's."""
        count, kinds = len(self.groups), int(self.groups.max()) + 1
        return [1, kinds, kinds * self.stages, count, self.features, count * self.features]


@dataclass(frozen=True, slots=True)
class EffectModel:
    """The posterior of the coefficients: mean (d,) and covariance (d, d), those of the level first."""

    blocks: _Blocks
    mean: Floats
    covariance: Floats
    noise: float

    def effects(self, stages: Ints, features: Floats) -> tuple[Floats, Floats]:
        """(n, actions) each: what an action adds to what comes anyway, and the standard deviation of that."""
        own = slice(len(self.mean) - sum(self.blocks.sizes()), None)
        means, deviations = [], []
        for action in range(len(self.blocks.groups)):
            columns = self.blocks.effect(np.full(len(stages), action), stages, features)
            means.append(columns @ self.mean[own])
            spread = np.einsum("ij,jk,ik->i", columns, self.covariance[own, own], columns, optimize=True)
            deviations.append(np.sqrt(np.maximum(spread, 0.0)))
        return np.column_stack(means), np.column_stack(deviations)

    def worths(self, stages: Ints, features: Floats, costs: Floats, caution: float = 0.0) -> Floats:
        """(n, 1 + actions): what is gained over doing nothing, net of `costs` (actions,), 0 of doing nothing itself.

        `caution` is how many standard deviations are taken off an effect: what may well bring nothing is then left.
        """
        means, deviations = self.effects(stages, features)
        return np.column_stack([np.zeros(len(stages)), means - caution * deviations - costs])

    def anyway(self, stages: Ints, features: Floats) -> Floats:
        """(n,): what is to be expected of doing nothing."""
        level = self.blocks.level(stages, features)
        return np.asarray(level @ self.mean[: level.shape[1]])

    def tabulate(self) -> tuple[Floats, Floats]:
        """Of k features: the terms of effects (actions, stages, 4 + k), which are common, group, stage, own and one for
        each feature, and the covariances (actions, stages, 1 + k, 1 + k) of what they are together, of each feature
        after."""
        actions, stages, count = len(self.blocks.groups), self.blocks.stages, self.blocks.features
        sizes = self.blocks.sizes()
        own = slice(len(self.mean) - sum(sizes), None)
        mean, covariance, owners = self.mean[own], self.covariance[own, own], np.repeat(np.arange(len(sizes)), sizes)
        terms = np.empty((actions, stages, 4 + count))
        covariances = np.empty((actions, stages, 1 + count, 1 + count))
        probes = np.vstack([np.zeros(count), np.eye(count)])
        for action in range(actions):
            for stage in range(stages):
                asked = np.full(len(probes), action), np.full(len(probes), stage)
                columns = self.blocks.effect(*asked, probes)
                columns[1:] -= columns[0]
                terms[action, stage, :4] = np.bincount(owners, columns[0] * mean, len(sizes))[:4]
                terms[action, stage, 4:] = columns[1:] @ mean
                covariances[action, stage] = columns @ covariance @ columns.T
        return terms, covariances


def fit_effects(offers: Offers, groups: Ints, stages: int) -> EffectModel:
    """Of decisions; `groups` (actions,) is the group of each action."""
    blocks = _Blocks(groups, stages, offers.features.shape[1])
    level = blocks.level(offers.stages, offers.features)
    columns = np.hstack([level, blocks.effect(offers.actions, offers.stages, offers.features)])
    sizes = [1, level.shape[1] - 1, *blocks.sizes()]
    mean, covariance, noise = _learn(columns.T @ columns, columns.T @ offers.rewards, offers.rewards, sizes)
    return EffectModel(blocks, mean, covariance, noise)


def fit_responses(offers: Offers, groups: Ints, stages: int) -> EffectModel:
    """The same of how likely a response is, of what was shown; `rewards` are responses, 0 to 1. There is no level: the
    effects are all there is, and what is common is taken as it is, as the level is there."""
    blocks = _Blocks(groups, stages, offers.features.shape[1])
    columns = blocks.effect(offers.actions, offers.stages, offers.features)
    mean, covariance, noise = _learn(columns.T @ columns, columns.T @ offers.rewards, offers.rewards, blocks.sizes())
    return EffectModel(blocks, mean, covariance, noise)


def _learn(gram: Floats, moment: Floats, rewards: Floats, sizes: list[int]) -> tuple[Floats, Floats, float]:
    """The posterior at the widths that make the rewards likeliest, by MacKay's fixed point."""
    noise = max(float(rewards.var()), 1e-12)
    widths = np.full(len(sizes), noise)
    widths[0] = max(float((rewards**2).mean()), noise) * _WIDEST
    owners = np.repeat(np.arange(len(sizes)), sizes)
    for _ in range(_ROUNDS):
        covariance = np.asarray(np.linalg.inv(gram / noise + np.diag(1.0 / widths[owners])), np.float64)
        mean = np.asarray(covariance @ moment / noise, np.float64)
        known = np.bincount(owners, 1.0 - np.diag(covariance) / widths[owners])
        size = np.bincount(owners, mean**2)
        widths[1:] = np.clip(size[1:] / np.maximum(known[1:], 1e-9), _NARROWEST * noise, _WIDEST * noise)
        left = float(rewards @ rewards - 2 * mean @ moment + mean @ gram @ mean)
        noise = max(left / max(len(rewards) - known.sum(), 1.0), 1e-12)
    return mean, covariance, noise


class CrossFitted(NamedTuple):
    """What models say of rows whose persons they have not seen: `anyway` (n,) is to be expected of doing nothing, and
    `effects` (n, actions) come on top of that, with their standard `deviations` (n, actions)."""

    anyway: Floats
    effects: Floats
    deviations: Floats

    @property
    def rewards(self) -> Floats:
        """(n, 1 + actions): what is to be expected of doing nothing, then of each action."""
        return np.column_stack([self.anyway, self.anyway[:, None] + self.effects])


def cross_fit(
    offers: Offers, groups: Ints, stages: int, taught: Bools | None = None, folds: int = 5, seed: int = 0
) -> CrossFitted:
    """Of every row, by models that learned of those that are `taught` (n,) of other persons; None: of all of theirs.
    An order is shared over the decisions of a person, so that one of them tells of the others."""
    rows, size = len(offers.rewards), (len(offers.rewards), len(groups))
    told = CrossFitted(np.empty(rows), np.empty(size), np.empty(size))
    for held in _folds(offers.persons, folds, seed):
        model = fit_effects(offers.take(~held if taught is None else taught & ~held), groups, stages)
        asked = offers.stages[held], offers.features[held]
        told.anyway[held] = model.anyway(*asked)
        told.effects[held], told.deviations[held] = model.effects(*asked)
    return told


def cross_fit_responses(
    offers: Offers, groups: Ints, stages: int, taught: Bools, folds: int = 5, seed: int = 0
) -> tuple[Floats, Floats]:
    """(n, actions) each: how likely a response is, and the standard deviation of that, by models that learned of those
    that are `taught` (n,) of other persons."""
    size = len(offers.rewards), len(groups)
    probabilities, deviations = np.empty(size), np.empty(size)
    for held in _folds(offers.persons, folds, seed):
        model = fit_responses(offers.take(taught & ~held), groups, stages)
        probabilities[held], deviations[held] = model.effects(offers.stages[held], offers.features[held])
    return probabilities, deviations


def _folds(persons: Ints, folds: int, seed: int) -> Iterator[Bools]:
    fold = np.random.default_rng(seed).permutation(int(persons.max()) + 1) % folds
    return (fold[persons] == each for each in range(folds))
