"""Rules between members, as JSON Schema has them: `json_schema_extra` of a model.

They are conditions, which whoever generates a client may pass over, and not alternatives, of each of which generators
make a class.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
NO_VALUE: Final[Schema] = {"type": "null"}
A_VALUE: Final[Schema] = {"not": NO_VALUE}


def rules(*conditions: Schema) -> dict[str, Any]:
    """All of them hold."""
    return {"allOf": list(conditions)}


def where(given: Mapping[str, Schema], then: Schema, otherwise: Schema | None = None) -> Schema:
    """Of what has such members, one thing holds, and of all else another."""
    return {"if": having(given), "then": then, **({} if otherwise is None else {"else": otherwise})}


def having(members: Mapping[str, Schema]) -> dict[str, Any]:
    """It has these members, and they are so."""
    return {"required": [*members], "properties": dict(members)}


def lacking(*names: str) -> dict[str, Any]:
    """These have no value, or are not there."""
    return {"properties": dict.fromkeys(names, NO_VALUE)}


def either_of(one: str, other: str) -> dict[str, Any]:
    """One of two members has a value, and not both."""
    return rules(where({one: A_VALUE}, lacking(other), having({other: A_VALUE})))
