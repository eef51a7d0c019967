"""The kinds of model that the registry keeps. Each has a champion and a challenger of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from app.models.artefact import ArtefactRefused, Model, is_servable, load_model, read_artefact
from app.models.item_artefact import KIND, ItemModel, is_item_servable, load_item_model, read_item_artefact
from app.models.policy_artefact import KIND as POLICY_KIND
from app.models.policy_artefact import (
    PolicyModel,
    find_doubt,
    is_policy_servable,
    load_policy_model,
    read_policy_artefact,
    tell_gain,
)
from app.models.sentiment_artefact import KIND as SENTIMENT_KIND
from app.models.sentiment_artefact import (
    SentimentModel,
    is_sentiment_servable,
    load_sentiment_model,
    read_sentiment_artefact,
)

SCORE: Final = "score"
RECOMMEND: Final = KIND
POLICY: Final = POLICY_KIND
SENTIMENT: Final = SENTIMENT_KIND

AnyModel = Model | ItemModel | PolicyModel | SentimentModel


class Kind(NamedTuple):
    """How models of a kind are read. Each raises ArtefactRefused but `can_serve`."""

    name: str
    load: Callable[[Path], AnyModel]
    """Of a directory."""
    read: Callable[[str, Mapping[str, bytes]], AnyModel]
    """Of a version's files."""
    can_serve: Callable[[str, bytes], bool]
    """Of a version and its manifest, as far as that says."""
    digest: str
    """The member of the manifest that says what the inputs mean."""
    made_by: str
    """The command that makes one."""
    find_doubt: Callable[[Mapping[str, Any]], str | None] | None = None
    """Of the metrics of one that nobody has judged yet: why it may not take an empty seat by itself; None: it may."""
    tell_gain: Callable[[Mapping[str, Any]], str] | None = None
    """Of the same, where it may: what is gained by it, in a sentence."""
    is_gated: bool = False
    """Whether what it would do is compared with what is done before it is put in force (`app.models.gates`)."""


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(SCORE, load_model, read_artefact, is_servable, "feature_digest", "perennial train"),
            Kind(
                RECOMMEND,
                load_item_model,
                read_item_artefact,
                is_item_servable,
                "signals_digest",
                "perennial train recommend",
            ),
            Kind(
                POLICY,
                load_policy_model,
                read_policy_artefact,
                is_policy_servable,
                "effects_digest",
                "perennial train policy",
                find_doubt,
                tell_gain,
                is_gated=True,
            ),
            Kind(
                SENTIMENT,
                load_sentiment_model,
                read_sentiment_artefact,
                is_sentiment_servable,
                "terms_digest",
                "perennial train sentiment",
            ),
        )
    }
)


def kind_of(name: str, manifest: bytes) -> Kind:
    """The kind that a manifest names; models of scores name none. Raises ArtefactRefused: it is none of KINDS."""
    try:
        members = json.loads(manifest)
    except ValueError:
        members = None
    named = members.get("kind", SCORE) if isinstance(members, dict) else SCORE
    kind = KINDS.get(named) if isinstance(named, str) else None
    if kind is None:
        raise ArtefactRefused(f"{name}: its kind is none of {', '.join(KINDS)}.")
    return kind
