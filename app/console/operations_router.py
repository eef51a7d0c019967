"""Operations: how the service fares, and who may call it."""

import time

from fastapi import APIRouter
from starlette.responses import Response

from app.console.pages import PageRequest, PageRoute
from app.database.engine import transaction
from app.foundation.times import iso
from app.http.auth import KeyRow, list_keys

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/operations")
async def get_operations(request: PageRequest) -> Response:
    """All checks; of an admin, the keys too, of which nobody knows the secrets."""
    health = await request.api.get("/health")
    checks = [(name, check) for name, found in (health.get("checks") or {}).items() for check in found]
    order = ("fail", "warn", "pass")
    checks.sort(key=lambda one: order.index(one[1]["status"]))
    assert request.who is not None
    keys = await _read_keys(request) if request.who.may("admin") else None
    return await request.draw("operations.html", health=health, checks=checks, keys=keys, call="/health")


async def _read_keys(request: PageRequest) -> list[dict[str, object]]:
    now_us = time.time_ns() // 1000
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        rows = await list_keys(connection)
    return [_render_key(row, now_us) for row in rows]


def _render_key(row: KeyRow, now_us: int) -> dict[str, object]:
    def told(us: int | None) -> str | None:
        return None if us is None else iso(us)

    return {
        "key_id": row.key_id,
        "name": row.name,
        "scopes": row.scopes,
        "state": row.state(now_us),
        "created_at": iso(row.created_us),
        "expires_at": told(row.expires_us),
        "last_used_at": told(row.last_used_us),
    }
