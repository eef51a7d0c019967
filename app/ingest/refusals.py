"""What is kept of an event that is refused: no more than of one that counts."""

from typing import Any, Final, NamedTuple

import orjson

from app.foundation.errors import Problem
from app.ingest.pseudonyms import ask_for, pseudonymise, with_subject
from app.ingest.rules import Rules
from app.lifecycle.wrappings import NOTHING, read_object

_ATTRIBUTES: Final = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "timestamp", "sentat", "receivedat", "line")
)
"""Members of an envelope that an event, or a replay of it, is read from, in lower case; and the line of a file. The
times may be in any case."""


class Rejection(NamedTuple):
    """An event that is refused, as it is kept (JSON, identifiers hashed), and why."""

    raw: bytes
    problem: Problem


def refuse(raw: Any, rules: Rules, problem: Problem) -> Rejection:
    """A refusal to be kept, of what came as `raw`."""
    return Rejection(orjson.dumps(_keep(raw, rules)), problem)


def _keep(raw: Any, rules: Rules) -> Any:
    """What may be kept of a refused event; of what is none at all (a bare text may be a phone) the size alone."""
    if not isinstance(raw, dict):
        return _size_of(raw)
    kept = {name: _keep_attribute(member) for name, member in raw.items() if name.lower() in _ATTRIBUTES}
    subject, data = kept.get("subject"), read_object(raw.get("data", {}))
    if data is NOTHING:
        kept["data"] = None if raw["data"] is None else [_size_of(raw["data"])]
        return {**kept, "subject": ask_for(subject, rules)} if isinstance(subject, str) else kept
    if isinstance(subject, str):
        kept["subject"], data = with_subject(subject, data, rules)
    if kept.get("subject", "") is None and subject is not None:
        del kept["subject"]
    return {**kept, "data": _keep_data(data, rules)} if data or "data" in raw else kept


def _size_of(value: Any) -> dict[str, int]:
    return {"bytes": len(orjson.dumps(value))}


def _keep_attribute(member: Any) -> Any:
    """An attribute is a text, if anything: what is in an object, nobody knows."""
    return _size_of(member) if isinstance(member, dict | list) else member


def _keep_data(data: dict[str, Any], rules: Rules) -> Any:
    """Data as they are kept of an event that counts."""
    kept = pseudonymise(data, rules)
    return kept if rules.kept_members is None else rules.kept_members.sift(kept)[0]


def is_size_alone(kept: Any) -> bool:
    """Whether this is what is kept of what was no event: its size, and in an import the number of its line.

    Whoever sent just that is refused as well.
    """
    return (
        isinstance(kept, dict)
        and kept.keys() in ({"bytes"}, {"line", "bytes"})
        and all(type(size) is int for size in kept.values())
    )
