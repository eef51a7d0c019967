"""The step that keeps what is refused."""

import orjson

from app.checkout.batch import Batch
from app.foundation.errors import Conflict
from app.foundation.times import iso
from app.ingest.order_identity import OrderIdentity
from app.ingest.queries import KEEP_REJECTED
from app.ingest.refusals import Rejection
from app.lifecycle.events import Event


async def keep_refused(batch: Batch) -> None:
    """Keeps the refusals that submissions bring, and the events that came before with other content."""
    refused = [rejection for item in batch.submissions for rejection in item.rejections]
    refused += [
        Rejection(_raw(event, batch.identity), Conflict())
        for item, statuses in zip(batch.submissions, batch.statuses, strict=True)
        for event, status in zip(item.events, statuses, strict=True)
        if status == "conflict"
    ]
    if refused:
        await batch.driver.fetch(
            KEEP_REJECTED,
            received_us=[batch.now_us] * len(refused),
            problem=[orjson.dumps(item.problem.as_json()).decode() for item in refused],
            event=[item.raw.decode() for item in refused],
        )


def _raw(event: Event, identity: OrderIdentity) -> bytes:
    """An event as the CloudEvent it came as, identifiers hashed."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": identity.name_by_sender(event.source, event.id),
            "source": event.source,
            "type": event.type,
            "subject": event.customer_id,
            "time": iso(event.occurred_us),
            "data": orjson.Fragment(event.data),
        }
    )
