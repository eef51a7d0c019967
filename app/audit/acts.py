"""Which calls are recorded, and as what: every route with a key is in one of the two tables, as a test holds."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Act = Literal["read", "change", "export", "erase"]
ACTS: Final[tuple[Act, ...]] = get_args(Act)

_CUSTOMER: Final = "/v1/customers/{customer_id:path}"
_READ: Final = (
    ("GET", _CUSTOMER),
    *(("GET", f"{_CUSTOMER}/{what}") for what in ("score", "stages", "events", "consents", "decisions")),
    *(("GET", f"{_CUSTOMER}/{what}") for what in ("loyalty", "loyalty/ledger", "feedback")),
    *(("GET", f"{_CUSTOMER}/{what}") for what in ("recommendations", "offers/{item_id:path}")),
    ("POST", f"{_CUSTOMER}/offers"),
    ("POST", "/v1/scores:batch"),
    ("GET", "/v1/loyalty/expiring"),
    ("POST", "/v1/recommendations"),
    *(("GET", f"/v1/{what}") for what in ("warnings", "prospects", "decisions", "decisions/{decision_id}")),
    *(("GET", f"/v1/{what}") for what in ("events/rejected", "identifiers/shared", "erasures")),
    *(("GET", f"/v1/{what}") for what in ("erasures/{erasure_id}", "audit")),
)
_CHANGE: Final = (
    *(("POST", f"/v1/{what}") for what in ("events", "checkouts", "segment", "segment/v1/{call}", "batch")),
    *(("POST", f"/v1/{what}") for what in ("shopify", "woocommerce", "outcomes", "decisions")),
    *(("POST", f"/v1/decisions/{{decision_id}}/{what}") for what in ("activate", "deliver")),
    *(("DELETE", f"/v1/events/{what}") for what in ("rejected", "rejected/{rejected_id}")),
    *(("POST", f"/v1/events/rejected{what}:replay") for what in ("/{rejected_id:int}", "")),
    *(("POST", f"/v1/loyalty/{what}") for what in ("reserve", "confirm", "release")),
    *(("PUT", f"/v1/{what}") for what in ("contact-policy", "costs", "loyalty/programme")),
    *((method, "/v1/actions/{action_id}") for method in ("PUT", "DELETE")),
    *((method, "/v1/tests/{test_id}") for method in ("PUT", "DELETE")),
    *((method, "/v1/recommendations/rules/{rule_id}") for method in ("PUT", "DELETE")),
    *(("POST", f"/v1/models{what}") for what in ("/{version}:promote", "/{version}:approve", ":rollback")),
    ("PUT", "/v1/items"),
    ("DELETE", "/v1/items/{item_id:path}"),
)
OPERATIONS: Final[Mapping[tuple[str, str], Act]] = {
    **dict.fromkeys(_READ, "read"),
    **dict.fromkeys(_CHANGE, "change"),
    ("GET", f"{_CUSTOMER}/export"): "export",
    ("DELETE", _CUSTOMER): "erase",
}
"""Method and template of the path → what a call does."""

_OF_NOBODY: Final = (
    *("/v1/actions", "/v1/actions/{action_id}/versions", "/v1/contact-policy", "/v1/contact-policy/{version:int}"),
    *("/v1/stages", "/v1/effects", "/v1/demand", "/v1/tests", "/v1/tests/{test_id}", "/v1/items"),
    *("/v1/items/{item_id:path}", "/v1/recommendations/rules", "/v1/recommendations/effects"),
    *("/v1/models", "/v1/models:compare", "/v1/models/{version}"),
    *("/v1/kpis", "/v1/kpis/definitions", "/v1/kpis/cohorts", "/v1/kpis/stages", "/v1/kpis/revenue-tree", "/v1/costs"),
    *("/v1/work", "/v1/keys", "/v1/audit/chain"),
    *("/v1/loyalty/programme", "/v1/loyalty/programme/{version:int}"),
)
UNRECORDED: Final = frozenset(
    (
        *(("GET", path) for path in _OF_NOBODY),
        ("POST", "/v1/policies:evaluate"),
        ("POST", "/v1/actions:simulate"),
        ("POST", "/v1/sentiment"),
    )
)
"""Calls that change nothing, and whose answers tell of catalogues, models, sums and what was sent: of no person."""

TARGETS: Final = ("decision_id", "action_id", "test_id", "rule_id", "version", "erasure_id", "rejected_id")
"""Parameters of paths by which a row says what a call was about, where there was such a thing."""
