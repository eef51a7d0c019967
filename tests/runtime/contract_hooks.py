"""What the language of the contract cannot say, told to schemathesis: how values of our own formats are drawn, and the
rules between a request and the moment, the state, or another part of it, which positive cases are made to keep.

Each has its reason. Negative cases are left as they are.
"""

from datetime import UTC, date, datetime, timedelta

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

from app.http.paging import write_cursor

DAY_S = 86_400
CURSOR = "a-cursor"
EACH_BY_ITSELF = (
    "POST /v1/checkouts",
    "POST /v1/events",
    "POST /v1/segment",
    "POST /v1/segment/v1/{call}",
    "POST /v1/batch",
    "POST /v1/outcomes",
    "PUT /v1/items",
)
PLACES = {
    "/v1/actions/{action_id}/versions": (1,),
    "/v1/audit": (1,),
    "/v1/customers/{customer_id}/consents": (1, "a", "b"),
    "/v1/customers/{customer_id}/decisions": (1, "a"),
    "/v1/customers/{customer_id}/events": (1, "a", "b"),
    "/v1/customers/{customer_id}/feedback": (1, "a", "b"),
    "/v1/customers/{customer_id}/loyalty/ledger": (1,),
    "/v1/customers/{customer_id}/stages": (1,),
    "/v1/decisions": (1, "a"),
    "/v1/erasures": (1, "a"),
    "/v1/identifiers/shared": ("a",),
    "/v1/items": ("a",),
    "/v1/loyalty/expiring": (1, "a", "b", "c"),
    "/v1/prospects": ("first_order", 1, 0.5, "a"),
    "/v1/warnings": (0.5, "a"),
}
"""Of each list, where a page of it may end: a cursor is what an earlier page gave."""

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
"""No schema knows when it is: the service takes times from 1970 to now."""


def _written(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


schemathesis.openapi.format("cursor", st.just(CURSOR))
schemathesis.openapi.format("date", st.dates(date(1970, 1, 2), YESTERDAY.date()).map(date.isoformat))
schemathesis.openapi.format("date-time", st.integers(86_400, int(YESTERDAY.timestamp())).map(_written))


@schemathesis.hook
def map_case(context, case):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _keep_query(case)
        for body in case.body if isinstance(case.body, list) else [case.body]:
            if isinstance(body, dict):
                _keep_body(case, body)
        if case.operation.path == "/v1/items" and isinstance(case.body, list):  # each once
            for place, item in enumerate(case.body):
                item["item_id"] = f"tea-{place}"
        if case.operation.path.endswith("{rejected_id}:replay") and not isinstance(case.body, dict):
            case.path_parameters["rejected_id"] = 2**63 - 1  # what was kept may be refused again
        for event in _events_in(case):
            _keep_event(event)
    return case


def _keep_query(case):
    query = case.query
    if query.get("cursor") and case.operation.path in PLACES:
        place = PLACES[case.operation.path]
        query["cursor"] = write_cursor(*(query.get("by", place[0]), *place[1:]) if len(place) == 4 else place)
    for first, last in (("from", "to"), ("since", "until")):
        if query.get(first) and query.get(last):
            query.pop(last)  # `to` is not before `from`, nor long after it
    if "from" in query and "effects" in case.operation.path:
        query["from"] = _written(int(YESTERDAY.timestamp()))
    if "from" in query and case.operation.path in ("/v1/kpis", "/v1/kpis/revenue-tree", "/v1/costs"):
        query["from"] = YESTERDAY.date().isoformat()
    if "from" in query and case.operation.path in ("/v1/kpis/cohorts", "/v1/kpis/stages"):
        query["from"] = YESTERDAY.date().replace(day=1).isoformat()
    if case.operation.path == "/v1/demand":  # an item or a category
        query.pop("item" if query.get("category") else "category", None)
        if not query.get("category"):
            query.setdefault("item", "tea")


def _keep_body(case, body):
    path = case.operation.path
    for name in ("action_id", "rule_id"):  # what is put is named in the path, and in the body once more
        if case.method == "PUT" and path.endswith(f"{{{name}}}"):
            body[name] = case.path_parameters[name]
    _keep_values(body)
    if path == "/v1/outcomes" and body.get("decision_id"):  # it chose the action, before that time
        body["decision_id"] = "D-none"
    if path == "/v1/tests/{test_id}":
        _keep_test(body)
    if path == "/v1/costs":  # `to` is after `from`, and not long after it
        body["from"], body["to"] = "2026-01-01", "2026-01-02"
    if path == "/v1/loyalty/programme":  # the last one begins after all others, and names each rule once
        body.pop("effective_at", None)
        _keep_programme(body["programme"])
    if path.startswith("/v1/actions"):
        body.pop("channel", None)  # asked about alone, one of the action's
        _keep_action(body.get("action") or body)


def _keep_values(body):
    if body.get("time_zone"):  # of a database of its own
        body["time_zone"] = "Asia/Shanghai"
    if body.get("deliver_at"):  # within 30 days
        body["deliver_at"] = _written(int(YESTERDAY.timestamp()) + 2 * DAY_S)
    if body.get("valid_from"):  # which is before valid_to
        body.pop("valid_to", None)
    if body.get("price"):  # no finer than the currency's minor unit
        body["price"] = round(body["price"])


def _keep_test(body):
    """It ends after it begins and after now, and its sides are there, and not the same."""
    body.pop("starts_at", None)
    body["ends_at"] = _written(int(YESTERDAY.timestamp()) + 30 * DAY_S)
    body["a"], body["b"] = {}, {"policy": "none"}


def _keep_programme(programme):
    for name in ("earn", "multipliers", "bonuses"):
        for place, rule in enumerate(programme.get(name) or ()):
            rule["action_id" if name == "bonuses" else "rule_id"] = f"{name}-{place}"


def _keep_action(action):
    """It takes no more off than the threshold, and has no more won than there is to win."""
    mechanic = action.get("mechanic") or {}
    if mechanic.get("threshold"):
        mechanic["threshold"] = 1e9
    for prize in mechanic.get("prizes", ()):
        prize["chance"] = min(prize["chance"], 0.01)


def _events_in(case):
    body = case.body
    if case.operation.path == "/v1/checkouts":
        return [body["event"]]
    if case.operation.path not in ("/v1/events", "/v1/events/rejected/{rejected_id}:replay"):
        return []
    return body if isinstance(body, list) else [body] if isinstance(body, dict) else []


def _keep_event(event):
    """It is of somebody, counts in the currency of the deployment, and no more of it than there is."""
    event["subject"] = "C-1"
    data = event.get("data")
    for amounts in (data, *((data or {}).get("products") or ())):
        for name in ("total", "discount", "price"):
            if amounts and amounts.get(name):
                amounts[name] /= 1000
    if data and data.get("currency"):
        data["currency"] = "CNY"
    if event["type"] in ("order.updated", "order.cancelled"):  # of a source that names its orders
        event["source"] = "/shopify/tea.example.com"
    if event["type"] == "order.refunded":  # of a source that may name its refunds otherwise
        data["total"] = 1


@schemathesis.check
def each_by_itself(ctx, response, case):
    """Of what comes many at a time each is refused by itself, in an answer of 200, and a detail of an event is left out
    or mended with a warning: not where it keeps to the contract, and always where it breaks it."""
    of_itself = f"{case.method} {case.operation.path}" in EACH_BY_ITSELF
    if not of_itself or response.status_code != 200 or case.meta is None:
        return
    told = response.json()
    results = told["results"] if "results" in told else [told, told["event"]]
    refused = [each["problem"] for each in results if each.get("status") == "rejected"]
    body = case.meta.components.get(ParameterLocation.BODY)
    if case.meta.generation.mode.is_positive:
        broken = [problem for problem in refused if problem["status"] in (400, 422)]
        assert not broken, f"refused although it keeps to the contract: {broken[:2]}"
    elif body is not None and body.mode.is_negative:
        is_told = any(each.get("warnings") or each.get("status") == "ignored" for each in results)
        assert refused or is_told, "taken although it breaks the contract"
