"""`GET /v1/work` and `GET /v1/keys`: what runs beside answering, and who may call."""

import time
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.database.background import Work, list_works
from app.database.engine import transaction
from app.foundation.times import iso
from app.http.auth import KeyRow, list_keys
from app.http.resources import Part, Resources
from app.http.routes import requires

router = APIRouter(prefix="/v1", tags=["operations"])


class WorkOut(BaseModel):
    """Work on a schedule. Null: not yet. Most looks find that nothing is due, or that another process does it."""

    work: str
    every_s: float
    state: Literal["waiting", "queued", "running"] = Field(description="`queued`: for its turn in this process")
    next_at: str = Field(description="When it looks next whether it is due, or should have begun to")
    lag_s: float = Field(description="How long it waits for its turn beyond that")
    looked_at: str | None
    took_s: float | None
    did_at: str | None
    did: dict[str, Any] | None = Field(description="What was done then, as the log has it")
    failed_at: str | None = Field(description="Of its latest look, where that failed")
    failure: str | None


class WorksOut(BaseModel):
    """Of the process that answers. `ended`: what an error of ours ended; restart the service."""

    works: list[WorkOut]
    ended: list[str]


class KeyOut(BaseModel):
    """A key, without its secret, which nobody knows. Null: never."""

    key_id: str
    name: str
    scopes: list[str]
    state: Literal["valid", "revoked", "expired"]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeysOut(BaseModel):
    """The oldest first."""

    keys: list[KeyOut]


@router.get("/work", dependencies=[requires("read")], response_model=WorksOut, summary="What runs in the background")
async def get_work(request: Request) -> dict[str, Any]:
    """On a schedule, in the process that answers: each has such work, and whichever is first does what is due."""
    resources: Resources = request.app.state.resources
    now_us = time.time_ns() // 1000
    return {"works": [_render_work(work, now_us) for work in list_works()], "ended": resources.ended}


@router.get("/keys", dependencies=[requires("admin")], response_model=KeysOut, summary="Every key, without its secret")
async def get_keys(request: Request) -> dict[str, Any]:
    """With when it was last used, and when it ends."""
    resources: Resources = request.app.state.resources
    now_us = time.time_ns() // 1000
    async with transaction(resources.engine) as connection:
        rows = await list_keys(connection)
    return {"keys": [_render_key(row, now_us) for row in rows]}


def _render_work(work: Work, now_us: int) -> dict[str, Any]:
    return {
        "work": work.name,
        "every_s": work.every_s,
        "state": work.state,
        "next_at": iso(work.next_us),
        "lag_s": max(0.0, (now_us - work.next_us) / 1e6) if work.state == "queued" else 0.0,
        "looked_at": _told(work.looked_us),
        "took_s": work.took_s,
        "did_at": _told(work.did_us),
        "did": work.did,
        "failed_at": _told(work.failed_us),
        "failure": work.failure,
    }


def _render_key(row: KeyRow, now_us: int) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "name": row.name,
        "scopes": row.scopes,
        "state": row.state(now_us),
        "created_at": iso(row.created_us),
        "expires_at": _told(row.expires_us),
        "revoked_at": _told(row.revoked_us),
        "last_used_at": _told(row.last_used_us),
    }


def _told(us: int | None) -> str | None:
    return None if us is None else iso(us)


PART = Part("operations", routers=(router,))
