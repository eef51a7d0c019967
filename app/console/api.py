"""The console as a client of the API, within the process: a page shows what the call answers that it names.

So a page may what the session's key may, is recorded as the key's own call is, charged to an allowance as large as the
key's, and has no figure that the API has not.
"""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

import orjson
from starlette.types import ASGIApp, Message

from app.foundation.errors import Malformed
from app.foundation.logs import request_under_way
from app.http.routes import HotRequest

Query = Mapping[str, str | int | None]
MOST_ROWS: Final = 100_000
"""Of a sheet."""
_LONGEST_PAGE: Final = 500
_ELSEWHERE: Final = 300
_FAILED: Final = 400
_NOT_FOUND: Final = 404
_PASSED_ON: Final = ("type", "asgi", "http_version", "scheme", "client", "server", "root_path")


class Refused(Exception):
    """What the API said instead: the status and the members of its problem document."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail


class Api:
    """The API, asked for somebody. `language`: of what it says in words."""

    def __init__(self, request: HotRequest, authorization: bytes, language: str) -> None:
        self._request, self._authorization, self._language = request, authorization, language

    async def get(self, path: str, query: Query | None = None) -> Any:
        """What it answers, read. Raises Refused."""
        return await self._call("GET", write_call(path, query), b"")

    async def get_all(self, path: str, query: Query, name: str) -> list[Any]:
        """The rows `name` of all pages of a list. Raises Refused, and Malformed where there are more than MOST_ROWS."""
        rows, cursor = list[Any](), None
        while len(rows) < MOST_ROWS:
            page = await self.get(path, {**query, "limit": _LONGEST_PAGE, "cursor": cursor})
            rows += page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows
        raise Malformed(f"There are more than {MOST_ROWS:,} rows: ask for fewer, or page by the API.")

    async def post(self, path: str, body: Mapping[str, Any] | bytes | None = None) -> Any:
        """The same of a call that has a body, or changes something. Raises Refused."""
        return await self._call(
            "POST", path, body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
        )

    async def put(self, path: str, body: bytes) -> Any:
        """The same of a call that puts something in its place. Raises Refused."""
        return await self._call("PUT", path, body)

    async def _call(self, method: str, call: str, body: bytes) -> Any:
        asking = self._ask(self._scope(method, call, body), body)
        status, content = await asyncio.create_task(asking, name="console")
        if _ELSEWHERE <= status < _FAILED:  # of a path that lacks its last part
            raise Refused(_NOT_FOUND, "not-found", "")
        answer = orjson.loads(content)
        if status >= _FAILED and "type" in answer:
            raise Refused(status, answer.get("code", "unknown"), answer.get("detail", ""))
        return answer

    async def _ask(self, scope: MutableMapping[str, Any], body: bytes) -> tuple[int, bytes]:
        """The status, and the body as it came."""
        status, parts = 500, list[bytes]()

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.append(message.get("body", b""))

        app: ASGIApp = self._request.app
        await app(scope, receive, send)
        return status, b"".join(parts)

    def _scope(self, method: str, call: str, body: bytes) -> MutableMapping[str, Any]:
        path, _, query = call.partition("?")
        asked, outer = request_under_way.get(), self._request.scope
        headers = [(b"authorization", self._authorization), (b"accept-language", self._language.encode())]
        if body:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if asked is not None:
            headers.append((b"x-request-id", asked[0].encode()))
        return {
            **{name: outer[name] for name in _PASSED_ON if name in outer},
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
        }


def write_call(path: str, query: Query | None = None) -> str:
    """A path with its query, as it stands behind `GET`."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given, safe=':/')}" if given else path


def path_of(customer_id: str, what: str = "") -> str:
    """Of a customer, and of something that is theirs."""
    path = f"/v1/customers/{quote(customer_id, safe='')}"
    return f"{path}/{what}" if what else path
