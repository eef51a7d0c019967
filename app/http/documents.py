"""The documents of the API, for whoever asks: rendered once, then bytes with an ETag.

What FastAPI does at each request, turning the contract into JSON, holds up a till for milliseconds, and the first time
for a second. So the first who asks has it made in a thread, and the others wait for that.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

_VARIES = ((b"cache-control", b"no-cache"), (b"vary", b"accept-encoding"))


@dataclass(frozen=True, slots=True)
class Document:
    """As it is sent, plain and packed."""

    media_type: bytes
    plain: bytes
    packed: bytes
    etag: bytes

    @classmethod
    def of(cls, media_type: str, plain: bytes) -> "Document":
        """Packed as small as it goes: it is done once."""
        etag = b'W/"%b"' % hashlib.sha256(plain).hexdigest()[:32].encode()
        return cls(media_type.encode(), plain, gzip.compress(plain, 9, mtime=0), etag)


class Documents:
    """ASGI: answers GET and HEAD of some paths; the rest goes on to `others`."""

    def __init__(self, makers: Mapping[str, Callable[[], Document]], others: ASGIApp) -> None:
        """`makers` are called in a thread, each once."""
        self._makers, self._others = makers, others
        self._made: dict[str, Awaitable[Document]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path not in self._makers or scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._others(scope, receive, send)
            return
        if path not in self._made:
            self._made[path] = asyncio.create_task(asyncio.to_thread(self._makers[path]), name=f"make {path}")
        document = await asyncio.shield(self._made[path])
        await _send(document, dict(scope["headers"]), scope["method"], send)


async def _send(document: Document, asked: Mapping[bytes, bytes], method: str, send: Send) -> None:
    headers = [(b"etag", document.etag), *_VARIES]
    if _matches(asked.get(b"if-none-match", b""), document.etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    is_packed = b"gzip" in asked.get(b"accept-encoding", b"")
    body = document.packed if is_packed else document.plain
    headers += [(b"content-type", document.media_type), (b"content-length", b"%d" % len(body))]
    if is_packed:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    return any(each.strip() in (etag, etag.removeprefix(b"W/"), b"*") for each in if_none_match.split(b","))
