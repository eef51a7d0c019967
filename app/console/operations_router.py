"""Operations: how the service fares, what runs in the background, who may call it, and who looked at whom."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from app.audit.acts import ACTS
from app.console.api import Query, write_call
from app.console.days import ago, midnight, read_day
from app.console.pages import PageRequest, PageRoute
from app.console.sheets import write_sheet

AUDIT: Final = "/v1/audit"
CHAIN: Final = "/v1/audit/chain"
WORK: Final = "/v1/work"
KEYS: Final = "/v1/keys"
AUDITED_DAYS: Final = 7
PAGE: Final = 500
_FILTERS: Final = ("customer_id", "made_by", "act")
_COLUMNS: Final = (
    *("seq", "from", "at", "made_by", "act", "operation", "outcome", "calls", "customers", "request_ids", "target"),
    "hash",
)

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/operations")
async def get_operations(request: PageRequest) -> Response:
    """All checks and works; of an admin, the keys too, of which nobody knows the secrets."""
    api, may_all = request.api, request.who is not None and request.who.may("admin")
    health, work = await asyncio.gather(api.get("/health"), api.get(WORK))
    checks = [(name, check) for name, found in (health.get("checks") or {}).items() for check in found]
    order = ("fail", "warn", "pass")
    checks.sort(key=lambda one: order.index(one[1]["status"]))
    return await request.draw(
        "operations.html",
        health=health,
        checks=checks,
        work=work,
        keys=(await api.get(KEYS))["keys"] if may_all else None,
        call="/health",
        work_call=WORK,
        keys_call=KEYS,
    )


@router.get("/audit")
async def get_audit(request: PageRequest) -> Response:
    """Who read, changed, exported and erased whom, of some days; whether the latest rows are as they were written."""
    asked, query = _read(request)
    page, chain, keys = await asyncio.gather(
        request.api.get(AUDIT, {**query, "limit": PAGE, "cursor": request.query_params.get("cursor")}),
        request.api.get(CHAIN),
        request.api.get(KEYS),
    )
    return await request.draw(
        "audit.html",
        asked=asked,
        page=page,
        chain=chain,
        keys={f"key {key['key_id']}": key["name"] for key in keys["keys"]},
        acts=ACTS,
        call=write_call(AUDIT, query),
        chain_call=CHAIN,
        sheet=write_call("/console/audit.csv", asked),
        more=write_call("/console/audit", {**asked, "cursor": page["next_cursor"]}),
    )


@router.get("/audit.csv")
async def get_audit_csv(request: PageRequest) -> Response:
    """All rows of what is asked for."""
    _, query = _read(request)
    rows = await request.api.get_all(AUDIT, query, "rows")
    cells = ([_cell(row[name]) for name in _COLUMNS] for row in rows)
    return await asyncio.to_thread(write_sheet, "audit", _COLUMNS, cells)  # it may be long


def _cell(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value


def _read(request: PageRequest) -> tuple[Query, Query]:
    """What the form says, and as the API is asked; of days from the first to the last. Raises Malformed."""
    given, zone = request.query_params, request.formats.zone
    first, last = (read_day(given.get(name)) for name in ("from", "to"))
    first = first or ago(AUDITED_DAYS - 1, zone)
    asked = {name: given.get(name, "").strip() or None for name in _FILTERS}
    days = {"from": first.isoformat(), "to": None if last is None else last.isoformat()}
    until = None if last is None else midnight(last + timedelta(1), zone)
    return {**asked, **days}, {**asked, "since": midnight(first, zone), "until": until}
