"""What `app.http.strict_json` asks of every text, said in the contract: no control characters, in a text or in the name
of a member, but line breaks and tabs where people write prose."""

from collections.abc import Iterator
from typing import Any, Final

from app.http.strict_json import PROSE_MEMBERS

PLAIN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
PROSE: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
PLAIN_JSON: Final = "PlainJson"
_REFERENCE: Final = "#/components/schemas/"
_SAID_ALREADY: Final = frozenset(("pattern", "enum", "const", "format"))
_ANY_JSON: Final = {
    "title": PLAIN_JSON,
    "description": "Any JSON whose texts and names of members have no control characters; numbers of 64 bits.",
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "number", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "pattern": PLAIN},
        {"type": "array", "items": {"$ref": _REFERENCE + PLAIN_JSON}},
        {
            "type": "object",
            "propertyNames": {"pattern": PLAIN},
            "additionalProperties": {"$ref": _REFERENCE + PLAIN_JSON},
        },
    ],
}


def say_texts(contract: dict[str, Any]) -> None:
    """Says it of all that is sent: parameters, bodies, and the schemas that these name."""
    schemas = contract["components"]["schemas"]
    schemas[PLAIN_JSON] = _ANY_JSON
    sent = [
        each
        for operations in contract["paths"].values()
        for operation in operations.values()
        for each in (*(one["schema"] for one in operation.get("parameters", ())), *_bodies(operation))
    ]
    said = {PLAIN_JSON}
    while sent:
        node = sent.pop()
        _say(node, PLAIN)
        named = {name.removeprefix(_REFERENCE) for name in _references(node)} - said
        said |= named
        sent += [schemas[name] for name in sorted(named)]


def _bodies(operation: dict[str, Any]) -> Iterator[Any]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield content["schema"]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = [*node.values()]
    for each in node if isinstance(node, list) else ():
        yield from _references(each)


def _say(node: Any, pattern: str) -> None:
    """`pattern` is that of the texts that the schema itself is of."""
    if isinstance(node, list):
        for each in node:
            _say(each, pattern)
    if not isinstance(node, dict):
        return
    if node.get("type") == "string" and not _SAID_ALREADY & node.keys():
        node["pattern"] = pattern
    if "patternProperties" in node:
        node.setdefault("additionalProperties", False)
    if node.get("type") == "object" and node.get("additionalProperties", True) is True:
        node["additionalProperties"] = {"$ref": _REFERENCE + PLAIN_JSON}
        node["propertyNames"] = {"pattern": PLAIN}
    for keyword in ("anyOf", "oneOf", "allOf", "items", "additionalProperties"):
        _say(node.get(keyword), pattern)
    for name, member in node.get("properties", {}).items():
        _say(member, PROSE if name in PROSE_MEMBERS else PLAIN)
