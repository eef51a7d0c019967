"""The check of a contract alone: pydantic's rules of a model, without the objects that it would make.

What is checked is read from the dictionaries that came, so a model of each line would be made and thrown away: half
the time of checking a basket.
"""

from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator


def make_check(model: type[BaseModel]) -> SchemaValidator:
    """`validate_python` of it raises ValidationError where the model would, with the same places and types of errors,
    but that what is no object is `dict_type`."""
    return SchemaValidator(_as_dictionaries(model.__pydantic_core_schema__))


def _as_dictionaries(schema: Any) -> Any:
    """A core schema with every model in it as a dictionary of the same fields, none of them filled in.

    A model with validators of its own stays one: they look at its attributes.
    """
    if isinstance(schema, list):
        return [_as_dictionaries(each) for each in schema]
    if not isinstance(schema, dict) or str(schema.get("type")).startswith("function-"):
        return schema
    if schema.get("type") == "model" and schema["schema"]["type"] == "model-fields":
        return _as_dictionary(schema)
    return {name: _as_dictionaries(each) for name, each in schema.items() if name != "metadata"}


def _as_dictionary(model: dict[str, Any]) -> dict[str, Any]:
    fields = {name: _as_member(field["schema"]) for name, field in model["schema"]["fields"].items()}
    kept: dict[str, Any] = {name: model[name] for name in ("ref", "config") if name in model}
    extra = model["config"]["extra_fields_behavior"]
    return {"type": "typed-dict", "fields": fields, "extra_behavior": extra, **kept}


def _as_member(schema: Any) -> dict[str, Any]:
    has_default = schema["type"] == "default"
    checked = schema["schema"] if has_default else schema
    return {"type": "typed-dict-field", "schema": _as_dictionaries(checked), "required": not has_default}
