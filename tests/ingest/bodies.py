"""Bodies that the routes take, to be spoilt, and what a refusal looks like."""

import copy
from datetime import UTC, datetime, timedelta

CANARY = "Kanarienvogel"
JSON = {"content-type": "application/json"}
NOW = datetime.now(UTC)
ORDER = {
    "specversion": "1.0",
    "id": "bad-1",
    "source": "/pos",
    "type": "order.completed",
    "subject": "C-1",
    "time": (NOW - timedelta(minutes=1)).isoformat(),
    "data": {"order_id": "A-1", "total": 12.5},
}
BODIES = {
    "/v1/events": ORDER,
    "/v1/checkouts": {"event": ORDER},
    "/v1/decisions": {"customer_id": "C-1"},
    "/v1/scores:batch": {"customer_ids": ["C-1"]},
}
FREE_FORM = {"/v1/events": ("data",), "/v1/checkouts": ("event", "data"), "/v1/decisions": ("context",)}
"""Where a body takes members of any name; elsewhere an unknown member is itself an error."""

MISSING = object()


def changed(body, path, value):
    """A body with the member at `path` replaced, added, or taken away."""
    made = copy.deepcopy(body)
    place = made
    for step in path[:-1]:
        place = place.setdefault(step, {})
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def assert_refused(response, status, slug):
    """A problem document of this type that says nothing of what was sent."""
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["type"]) == (status, f"urn:perennial:problem:{slug}")
    assert response.json()["status"] == status
    assert response.json()["detail"]
    assert CANARY.lower() not in (response.text + str(response.headers)).lower()
