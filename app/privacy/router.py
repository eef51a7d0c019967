"""`GET /v1/customers/{id}/export`."""

import time
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Final

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app.customers.service import read_customer_id
from app.http.resources import Resources
from app.http.routes import requires
from app.privacy.export import export_person
from app.privacy.schemas import ExportOut

CHUNK_BYTES: Final = 64 * 1024
router = APIRouter(prefix="/v1/customers", tags=["privacy"])


@router.get(
    "/{customer_id:path}/export",
    dependencies=[requires("admin")],
    response_model=ExportOut,
    summary="All that is kept of a person",
)
async def get_export(request: Request, customer_id: str) -> StreamingResponse:
    """Of the whole person, whichever of the ids is asked for, as it was at one moment."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id)
    document = await export_person(resources.surveys, customer_id, time.time_ns() // 1000)
    return StreamingResponse(
        _chunks(document),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(document.close),
    )


def _chunks(document: "SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    while chunk := document.read(CHUNK_BYTES):
        yield chunk
