"""The hot route class: FastAPI's OpenAPI, without its dependency solver and middlewares.

A hot endpoint takes a HotRequest and its path parameters as text, and answers JSON bytes or a
Response; it reads its body with `read_body`. Its `response_model` and `json_body` are for OpenAPI alone.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Final, TypeVar

import orjson
from fastapi import Security
from fastapi.params import Security as SecurityParam
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from fastapi.security.http import HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from app.foundation.errors import (
    Problem,
    TooLarge,
    Unreadable,
    UnsupportedMediaType,
    malformed,
)
from app.http.auditing import KEY
from app.http.auth import Scope
from app.http.encodings import begin_unpacking
from app.http.paths import keep_slashes
from app.http.request_log import ALLOWANCE
from app.http.resources import Resources
from app.http.strict_json import check_texts, read_json, write_whole

MAX_BODY_BYTES: Final = 1024 * 1024
LARGE_BODY_BYTES: Final = 64 * 1024
"""Reading more takes milliseconds."""
UNIT_BYTES: Final = 1024
"""Of a large body so many cost a unit."""
PACKING_BYTES: Final = 4096
"""A compressed body may be larger by so many as it comes: what cannot be packed grows."""
JSON_TYPES: Final = frozenset(
    (b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json")
)
_JSON: Final = (b"content-type", b"application/json")
Answer = bytes | Response
Model = TypeVar("Model", bound=BaseModel)
Read = TypeVar("Read")


_bearer = HTTPBearer(auto_error=False, description="An API key, made with `perennial keys create`.")


async def authorize(request: Request, wanted: SecurityScopes, _: Annotated[Any, Security(_bearer)]) -> None:
    """The dependency of every route that needs a key. Raises TooMany, as hot routes do."""
    resources: Resources = request.app.state.resources
    authorization = request.headers.get("authorization", "").encode()
    request.scope[KEY] = authorization
    await resources.authorize(authorization, wanted.scopes)  # type: ignore[arg-type]
    charge(request.scope, resources, authorization, 1)


def charge(scope: ASGIScope, resources: Resources, authorization: bytes, units: float) -> None:
    """Of what a key may ask for; the answer tells what is left. Raises TooMany."""
    scope.pop(ALLOWANCE, None)  # of who asked for less, before they asked for too much
    scope[ALLOWANCE] = resources.allowances.charge(authorization, units)


def requires(scope: Scope) -> Any:
    """`dependencies=[requires("read")]` on a route."""
    return Security(authorize, scopes=[scope])


class HotRequest(Request):
    """A request with its headers as they came, by lower-case name, the last of a name."""

    def __init__(self, scope: ASGIScope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        self.resources: Resources = scope["app"].state.resources
        now_s = time.monotonic()
        self.began_s: float = scope.get("arrived_s", now_s)
        """Of `time.monotonic`: when it came, before the door or at it."""
        self.stood_s = now_s - self.began_s

    def charge(self, units: float) -> None:
        """Of what its key may ask for. Raises TooMany."""
        charge(self.scope, self.resources, self.fields.get(b"authorization", b""), units)

    def begin_long_work(self, units: float) -> None:
        """It costs so much, and is no measure of how long short requests take. Raises TooMany."""
        self.charge(units)
        line = self.scope.get("line")
        if line is not None:
            line.excuse(asyncio.current_task())


class HotRoute(APIRoute):
    """Checks the key, calls the endpoint, sends its answer; a Problem becomes a problem document."""

    wants_key: ClassVar[bool] = True
    """False: the endpoint itself sees to it that it is asked by whom it should be."""
    is_charged: ClassVar[bool] = True
    """False: it costs a key nothing of what it may ask for."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        scopes: list[Scope] = [
            scope  # type: ignore[misc]
            for dependency in self.dependencies
            if isinstance(dependency, SecurityParam)
            for scope in dependency.scopes or ()
        ]

        is_charged = self.is_charged

        async def serve(scope: ASGIScope, receive: Receive, send: Send) -> None:
            request = HotRequest(scope, receive)
            try:
                if self.wants_key:
                    scope[KEY] = authorization = request.fields.get(b"authorization", b"")
                    await request.resources.authorize(authorization, scopes)
                    if is_charged:
                        request.charge(1)
                answer: Answer = await endpoint(request, **scope["path_params"])
            except Problem as problem:
                answer = problem.response()
            if type(answer) is bytes:
                headers = [_JSON, (b"content-length", b"%d" % len(answer))]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": answer})
            else:
                await answer(scope, receive, send)  # type: ignore[operator]

        self.app = serve


class HotPaths:
    """ASGI: takes requests to hot routes straight to them, past everything that stands before `others`."""

    def __init__(self, routes: Sequence[BaseRoute], others: ASGIApp) -> None:
        self._others = others
        hot = [route for route in routes if isinstance(route, HotRoute)]
        self._fixed = {(method, route.path): route for route in hot for method in route.methods or ()}
        self._varying = [route for route in hot if "{" in route.path]

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        route = self._find(scope) if scope["type"] == "http" else None
        if route is None:
            await self._others(scope, receive, send)
        else:
            scope["route"] = route
            await route.app(scope, receive, send)

    def _find(self, scope: ASGIScope) -> HotRoute | None:
        route = self._fixed.get((scope["method"], scope["path"]))
        if route is not None:
            scope["path_params"] = {}
            return route
        scope["path"] = keep_slashes(scope["path"], scope.get("raw_path") or b"")
        for varying in self._varying:
            match, matched = varying.matches(scope)
            if match is Match.FULL:
                scope.update(matched)
                return varying
        return None


async def read_body(request: HotRequest, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The body of a JSON request, at most so many bytes, unpacked where it comes compressed.

    Raises TooLarge before a larger one is read or unpacked whole, UnsupportedMediaType for what is not JSON,
    UnsupportedEncoding, Unreadable where it is not packed as it says or the client goes away in the middle.
    """
    media_type = request.fields.get(b"content-type", b"")
    if media_type not in JSON_TYPES and media_type.partition(b";")[0].strip().lower() not in JSON_TYPES:
        raise UnsupportedMediaType("Send application/json or application/cloudevents(-batch)+json.")
    return await read_bytes(request, most_bytes)


async def read_bytes(request: HotRequest, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """`read_body`, of any media type."""
    unpacking = None
    if b"content-encoding" in request.fields:
        encodings = [value for name, value in request.scope["headers"] if name == b"content-encoding"]
        unpacking = begin_unpacking(encodings, most_bytes)
    most_sent = most_bytes if unpacking is None else most_bytes + PACKING_BYTES
    declared = request.fields.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > most_sent):
        raise TooLarge(f"A body has at most {most_bytes} bytes.")
    parts, size, is_whole = [], 0, False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Unreadable("The client went away in the middle of the body.")
        part = message.get("body", b"")
        size += len(part)
        if size > most_sent:
            raise TooLarge(f"A body has at most {most_bytes} bytes.")
        parts.append(part if unpacking is None else unpacking.feed(part))
        is_whole = not message.get("more_body", False)
    if unpacking is not None:
        unpacking.finish()
    return b"".join(parts)


async def read_value(request: HotRequest) -> Any:
    """The body's JSON value. Raises what `read_body`, `read_in_turn` and `read_json` raise."""
    return await read_in_turn(request, await read_body(request), read_json)


async def read_in_turn(request: HotRequest, body: bytes, read: Callable[[bytes], Read]) -> Read:
    """What `read` makes of a body. A large one is charged for and read in its turn, as long work is.

    Raises TooMany, Overloaded.
    """
    if len(body) <= LARGE_BODY_BYTES:
        return read(body)
    request.begin_long_work(len(body) / UNIT_BYTES)
    async with request.resources.long_work.turn():
        return read(body)


async def read_model(request: HotRequest, model: type[Model], *, strict: bool | None = None) -> Model:
    """The body as a model of the wire, its texts without control characters.

    Raises Malformed beside what `read_body` and `read_json` raise.
    """
    raw = await read_value(request)
    written = orjson.dumps(raw)
    check_texts(raw, written)
    if b".0" in written:
        written = orjson.dumps(write_whole(raw))
    try:
        return model.model_validate_json(written, strict=strict)
    except ValidationError as error:
        raise malformed(error) from None


def language_of(request: HotRequest) -> str:
    """`zh` where the client asks for Chinese first, else `en`."""
    return "zh" if request.fields.get(b"accept-language", b"")[:2].lower() == b"zh" else "en"


def has_body(request: HotRequest) -> bool:
    """For what may be asked with a body or without."""
    headers = request.fields
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def json_body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a hot route: the schema of its body."""
    content = {media_type.decode(): {"schema": schema} for media_type in sorted(JSON_TYPES)}
    return {"requestBody": {"required": required, "content": content}}


def schema_of(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model's schema; `create_app` adds the schemas that only hot routes name."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
