"""What a path may be asked with: 405 with every method that it knows, where it is asked with another.

The router looks for a route of the path and the method together, so a path that ends in a call, asked with a method
that the call has not, may be taken for an id of a path that has it (`DELETE /v1/events/rejected/7:replay`), and
answered 422.
Here the path decides: of the templates that fit it, the one that says most of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.foundation.errors import MEDIA_TYPE, write_problem


class Methods:
    """ASGI: answers 405, or goes on to `others`."""

    def __init__(self, routes: Sequence[BaseRoute], others: ASGIApp) -> None:
        self._others = others
        by_path = defaultdict[str, set[str]](set)
        patterns: dict[str, Any] = {}
        for route in (each for each in routes if isinstance(each, Route)):
            by_path[route.path] |= route.methods or set()
            patterns.setdefault(route.path, route)
        self._known = sorted(((patterns[path], by_path[path]) for path in by_path), key=lambda one: -_said(one[0].path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = self._allowed(scope) if scope["type"] == "http" else None
        if allowed is None or scope["method"] in allowed:
            await self._others(scope, receive, send)
            return
        body = write_problem("method-not-allowed", "Method Not Allowed", 405, "Method Not Allowed.")
        allow = {"Allow": ", ".join(sorted(allowed))}
        await Response(orjson.dumps(body), 405, allow, MEDIA_TYPE)(scope, receive, send)

    def _allowed(self, scope: Scope) -> set[str] | None:
        """The methods of the path; None: nobody knows it."""
        for route, methods in self._known:
            if route.matches(scope)[0] is not Match.NONE:
                return methods
        return None


def _said(template: str) -> int:
    """How much of a path a template says itself."""
    return len(template) - sum(len(part.partition("}")[0]) + 2 for part in template.split("{")[1:])
