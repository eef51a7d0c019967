"""`GET /v1/customers/{id}` and its events."""

from typing import Any

from fastapi import APIRouter, Request

from app.customers import queries
from app.customers.held import Customers
from app.customers.schemas import EventPageOut, ProfileOut
from app.customers.service import read_customer_id, render_event, render_profile
from app.database.engine import transaction
from app.foundation.errors import UnknownCustomer
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.ingest.intake import Intake

router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[requires("read")])


@router.get("/{customer_id:path}/events", response_model=EventPageOut, summary="Events of a customer")
async def get_events(
    request: Request,
    customer_id: str,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Latest first, paged."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    before = None if cursor is None else read_cursor(cursor, int, str, str)
    async with transaction(resources.engine) as connection:
        rows = await queries.read_events(connection, customer_id, before, limit + 1)
    if not rows and before is None:
        raise UnknownCustomer("There is no event of this customer.")
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    return {
        "events": [render_event(row) for row in page],
        "next_cursor": write_cursor(last.occurred_us, last.source, last.id) if last is not None else None,
    }


@router.get("/{customer_id:path}", response_model=ProfileOut, summary="The profile in plain figures")
async def get_profile(request: Request, customer_id: str) -> dict[str, Any]:
    """What is known of a customer now."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    async with resources.patience():
        customers = resources.of(Customers)
        state = await customers.reader.submit(customer_id)
        if state is None:
            raise UnknownCustomer("There is no event of this customer.")
        channels = await customers.channels.submit(customer_id)
    settings = resources.settings
    return render_profile(state, channels, settings.currency, settings.digits)
