"""What features mean, as digests: a model serves for as long as each of its own means what it has learned from.

A digest is of the feature's declaration, of the declarations of the measures that it reads, and of nothing else: a
measure or a feature more changes none of them. What has its default value is left out, so that a member more of
`Measure` or `Feature` changes none either. Nor does `given_back`: the money of an order that was given back always
counted, and goes on counting where the order does not.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, Final

from app.lifecycle.btyd import PARAMETERS
from app.lifecycle.features import FEATURES, READS, Feature
from app.lifecycle.measures import NUMERIC, Measure

DIGITS: Final = 16
"""Hexadecimal digits of a SHA-256 that tell one definition from another."""
_PARAMETERS: Final[Mapping[str, tuple[float, ...]]] = {"lapse_chance": PARAMETERS, "pace_orders": PARAMETERS}
"""Base column → the constants of its formula."""


def digest_feature(
    feature: Feature,
    measures: Iterable[Measure] = NUMERIC,
    parameters: Mapping[str, tuple[float, ...]] = _PARAMETERS,
) -> str:
    """DIGITS of the meaning of a feature over these measures. The label is no part of it."""
    read = measures_of(feature, measures)
    definition = {
        "feature": {name: value for name, value in _declared(feature).items() if name != "label"},
        "measures": {measure.name: _meaning(measure) for measure in measures if measure.name in read},
        "parameters": [parameters[column] for column in feature.columns if column in parameters],
    }
    text = json.dumps(definition, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def measures_of(feature: Feature, measures: Iterable[Measure] = NUMERIC) -> frozenset[str]:
    """The measures that it reads, with those that they stand behind."""
    read = {measure for column in feature.columns for measure in READS[column]}
    return frozenset(read | {measure.behind for measure in measures if measure.name in read and measure.behind})


def digest_together(digests: Mapping[str, str]) -> str:
    """One SHA-256 of features and their digests, in their order."""
    return hashlib.sha256(json.dumps(list(digests.items())).encode()).hexdigest()


def _declared(declaration: Any) -> dict[str, Any]:
    """The members of a dataclass that were given another value than their default."""
    values = ((field, getattr(declaration, field.name)) for field in fields(declaration))
    return {field.name: value for field, value in values if field.default is MISSING or value != field.default}


def _meaning(measure: Measure) -> dict[str, Any]:
    return {name: value for name, value in _declared(measure).items() if name != "given_back"}


def _plain(value: Enum) -> Any:
    return value.value


FEATURE_DIGESTS: Final[Mapping[str, str]] = {feature.name: digest_feature(feature) for feature in FEATURES}
"""Of this version, in the order of FEATURES."""
