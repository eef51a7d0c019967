"""`GET /v1/identifiers/shared`: who held what too many hold."""

from typing import Any, Final

from fastapi import APIRouter, Request

from app.customers.linking_queries import crowds
from app.customers.schemas import CrowdPageOut
from app.database.engine import transaction
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.lifecycle.identifiers import kind_of

MOST_NAMED: Final = 100
"""Customers that are named of one identifier."""

router = APIRouter(prefix="/v1/identifiers", tags=["customers"], dependencies=[requires("read")])


@router.get("/shared", response_model=CrowdPageOut, summary="Identifiers that too many customers hold")
async def get_shared(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """They join nobody: a shop's own number, typed for customers who gave none. Paged."""
    resources: Resources = request.app.state.resources
    (after,) = [""] if cursor is None else read_cursor(cursor, str)
    async with transaction(resources.engine) as connection:
        rows = (await connection.execute(crowds(after, limit + 1, MOST_NAMED))).all()
    page = rows[:limit]
    return {
        "identifiers": [
            {
                "identifier": row.node,
                "kind": kind_of(row.node),
                "holders": row.holders,
                "customer_ids": row.customer_ids,
            }
            for row in page
        ],
        "next_cursor": write_cursor(page[-1].node) if len(rows) > limit else None,
    }
