"""The hot route class: FastAPI's OpenAPI, without its dependency solver.

A hot endpoint takes the request and its path parameters as text, and answers a Response; it reads
its body with `read_body`. Its `response_model` and `json_body` are for OpenAPI alone.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson
from fastapi.params import Security
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from app.auth import Keyring, Scope
from app.errors import Problem, TooLarge, Unreadable, UnsupportedMediaType

MAX_BODY_BYTES: Final = 1024 * 1024
JSON_TYPES: Final = frozenset(
    ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
)


class HotRoute(APIRoute):
    """Checks the key, calls the endpoint, sends its answer; a Problem becomes a problem document."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        scopes: list[Scope] = [
            scope  # type: ignore[misc]
            for dependency in self.dependencies
            if isinstance(dependency, Security)
            for scope in dependency.scopes or ()
        ]

        async def serve(scope: ASGIScope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive, send)
            try:
                keyring: Keyring = request.app.state.resources.keyring
                authorization = request.headers.get("authorization")
                for wanted in scopes:
                    keyring.authorize(authorization, wanted)
                answer: Response = await endpoint(request, **request.path_params)
            except Problem as problem:
                answer = problem.response()
            await answer(scope, receive, send)

        self.app = serve


async def read_body(request: Request) -> bytes:
    """The body of a JSON request, at most 1 MiB.

    Raises TooLarge before a larger one is read whole, UnsupportedMediaType for what is not JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        raise UnsupportedMediaType("Send application/json or application/cloudevents(-batch)+json.")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 15 or int(declared) > MAX_BODY_BYTES):
        raise TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
            parts.append(part)
    except ClientDisconnect as error:
        raise Unreadable("The client went away in the middle of the body.") from error
    return b"".join(parts)


def answer_json(content: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def language_of(request: Request) -> str:
    """`zh` where the client asks for Chinese first, else `en`."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a hot route: the schema of its body."""
    content = {media_type: {"schema": schema} for media_type in sorted(JSON_TYPES)}
    return {"requestBody": {"required": True, "content": content}}


def schema_of(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model's schema; `create_app` adds the schemas that only hot routes name."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
