"""The contract as it is published: FastAPI's, with what only hot routes name and the form of every error."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.foundation.errors import ProblemOut
from app.http.openapi_texts import say_texts

PROBLEM_RESPONSE: Final = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
}


def complete_openapi(app: FastAPI, named: Sequence[type[BaseModel]]) -> None:
    """Adds the schemas that only hot routes name, and the form of every error."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            template = "#/components/schemas/{model}"
            inputs = [(body, "validation") for body in (*named, ProblemOut)]
            _, bodies = models_json_schema(inputs, ref_template=template)  # type: ignore[arg-type]
            schemas = {**bodies["$defs"], **schema["components"]["schemas"]}
            unused = ("HTTPValidationError", "ValidationError")
            schema["components"]["schemas"] = {name: found for name, found in schemas.items() if name not in unused}
            for operation in (found for path in schema["paths"].values() for found in path.values()):
                operation["responses"].pop("422", None)
                operation["responses"] |= {"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE}
            say_texts(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
