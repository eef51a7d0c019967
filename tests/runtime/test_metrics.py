"""What `/metrics` says, against what was done; and how the numbers of several workers become one."""

import json
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.database.engine import transaction
from app.foundation import exposition, metrics
from app.foundation.errors import Malformed
from app.foundation.exposition import Board, render, take_snapshot
from app.lifecycle.event_types import EVENT_TYPES
from app.models.held import Models


def parse(text):
    """(name, labels) → value."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def scrape(client):
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(response.text)


@pytest.fixture
def grown(client):
    """Does something, and gives a function: by how much a series has grown meanwhile."""

    async def observe(work):
        before = await scrape(client)
        await work()
        after = await scrape(client)

        def grown(name, **labels):
            key = (name, frozenset(labels.items()))
            return after.get(key, 0) - before.get(key, 0)

        return grown

    return observe


async def test_requests_by_opentelemetrys_names(client, grown):
    async def work():
        await client.get("/livez")
        await client.get("/v1/customers/Kanarienvogel/score")
        await client.get("/nowhere/Kanarienvogel")
        await client.request("BREW", "/livez")

    def labels(method, route, status):
        names = ("http_request_method", "http_route", "http_response_status_code")
        return dict(zip(names, (method, route, str(status)), strict=True))

    found = await grown(work)
    count, score = "http_server_request_duration_seconds_count", "/v1/customers/{customer_id:path}/score"
    assert found(count, **labels("GET", "/livez", 200)) == 1
    assert found(count, **labels("GET", score, 404)) == 1
    assert found(count, **labels("GET", "", 404)) == 1
    assert found(count, **labels("_OTHER", "/livez", 405)) + found(count, **labels("_OTHER", "", 405)) == 1
    assert found("http_server_request_duration_seconds_bucket", **labels("GET", "/livez", 200), le="+Inf") == 1
    assert found("http_server_request_duration_seconds_sum", **labels("GET", "/livez", 200)) > 0


async def test_the_scrape_itself_is_under_way(client):
    assert (await scrape(client))["http_server_active_requests", frozenset({("http_request_method", "GET")})] == 1


async def test_events_by_type_and_outcome(client, shop, grown):
    order = shop.order()
    lag_before = 7200

    async def work():
        await client.post("/v1/events", json=order)
        await client.post("/v1/events", json=order)
        await client.post("/v1/events", json={**order, "data": {**order["data"], "total": 99}})
        await client.post("/v1/events", json={**order, "time": "never"})
        await client.post(
            "/v1/events", json=[shop.event("store.visited", at=shop.ago(seconds=lag_before)) for _ in "ab"]
        )
        await client.post("/v1/events", json=shop.event("kanarienvogel.flew"))

    found = await grown(work)
    events = "perennial_events_total"
    assert found(events, type="order.completed", outcome="accepted") == 1
    assert found(events, type="order.completed", outcome="duplicate") == 1
    assert found(events, type="order.completed", outcome="conflict") == 1
    assert found(events, type="unread", outcome="rejected") == 1
    assert found(events, type="store.visited", outcome="accepted") == 2
    assert found(events, type="other", outcome="accepted") == 1
    assert found("perennial_event_lag_seconds_count") == 4
    assert found("perennial_event_lag_seconds_bucket", le="3600.0") == 2
    assert found("perennial_event_lag_seconds_sum") == pytest.approx(2 * lag_before, abs=60)
    assert found("perennial_rejected_backlog") == 2


async def test_what_was_rolled_back_is_not_counted(client, shop, sql, grown):
    async def work():
        await sql.rows("ALTER TABLE customer_states ADD CONSTRAINT broken CHECK (customer_id <> 'C-broken') NOT VALID")
        try:
            assert (await client.post("/v1/events", json=shop.order("C-broken"))).status_code == 500
        finally:
            await sql.rows("ALTER TABLE customer_states DROP CONSTRAINT broken")

    assert (await grown(work))("perennial_events_total", type="order.completed", outcome="accepted") == 0


async def test_scores_decisions_and_fallbacks(client, shop, grown, service, make_model):
    async def work():
        await client.post("/v1/checkouts", json={"event": shop.order("C-new")})
        await client.get("/v1/customers/C-new/score")
        await client.post("/v1/decisions", json={"customer_id": "C-nobody"})

    found = await grown(work)
    assert found("perennial_scores_total", stage="new", method="rules") == 2
    assert found("perennial_scores_total", stage="prospect", method="rules") == 1
    assert found("perennial_decisions_total", degraded="true", control="false") == 2
    assert found("perennial_fallbacks_total", reason="no_model") == 2
    assert found("perennial_score_duration_seconds_count") == 3
    assert found("perennial_decision_duration_seconds_count") == 2


async def test_a_model_is_told_by_version_and_age(serve, sql, make_model):
    async with serve(metrics_open=True) as service:
        service.resources.of(Models).champion = make_model("v7", trained_days_ago=2)
        found = await scrape(service.client)
    assert found["perennial_model_info", frozenset({("version", "v7")})] == 1
    assert found["perennial_model_age_seconds", frozenset()] == pytest.approx(2 * 86400, abs=60)


async def test_batches_pool_and_gatherers(client, shop, grown):
    async def work():
        await client.post("/v1/events", json=shop.order())

    found = await grown(work)
    assert found("perennial_gathered_batch_items_count", gatherer="till") == 1
    assert found("perennial_gathered_batch_items_sum", gatherer="till") == 1
    now = await scrape(client)
    assert now["db_client_connection_count", frozenset({("db_client_connection_state", "used")})] >= 1
    assert now["db_client_connection_max", frozenset()] >= 5
    assert now["perennial_waiting_requests", frozenset({("gatherer", "till")})] == 0
    assert now["perennial_workers", frozenset()] == 1
    assert now["process_resident_memory_bytes", frozenset()] > 10_000_000
    assert now["perennial_database_up", frozenset()] == 1


async def test_segment_messages_and_replays(client, grown):
    group = {"type": "group", "messageId": "g", "userId": "C-1", "originalTimestamp": "2026-11-20T10:15:00Z"}
    order = group | {"type": "track", "event": "Order Completed", "properties": {"order_id": "W", "total": "none"}}

    async def work():
        await client.post("/v1/segment", json={"batch": [group, order, {"type": "Kanarienvogel"}]})
        await client.post("/v1/events/rejected:replay", json={})

    found = await grown(work)
    assert found("perennial_segment_messages_total", status="ignored", reason="group") == 1
    assert found("perennial_segment_messages_total", status="ignored", reason="unknown_call") == 1
    assert found("perennial_segment_messages_total", status="rejected", reason="") == 1
    assert found("perennial_replayed_events_total", status="rejected") == 1


async def test_metrics_want_a_key_unless_they_are_open(serve, service, sql):
    async with service.connect() as stranger:
        refused = await stranger.get("/metrics")
        assert (refused.status_code, refused.json()["type"]) == (401, "urn:perennial:problem:unauthorized")
    async with serve(metrics_open=True) as other, other.connect() as stranger:
        assert (await stranger.get("/metrics")).status_code == 200


async def test_without_a_database_there_are_metrics_that_say_so(serve, tmp_path):
    nowhere = f"postgresql://nobody@/none?host={tmp_path}"
    async with serve(nowhere, prepares=False, metrics_open=True) as service:
        found = await scrape(service.client)
    assert found["perennial_database_up", frozenset()] == 0
    assert ("perennial_rejected_backlog", frozenset()) not in found


async def test_the_age_of_the_last_sweep(client, engine, sql):
    async with transaction(engine) as connection:
        await connection.exec_driver_sql("TRUNCATE sweeps")
    assert ("perennial_sweep_age_seconds", frozenset()) not in await scrape(client)
    await sql.rows(
        "INSERT INTO sweeps (as_of_us, finished_us, customers, transitions, policy) "
        "SELECT us, us, 0, 0, '' FROM (SELECT CAST((extract(epoch FROM now()) - 90) * 1e6 AS bigint)AS us) AS past"
    )
    found = await scrape(client)
    assert found["perennial_sweep_age_seconds", frozenset()] == pytest.approx(90, abs=30)
    async with transaction(engine) as connection:
        await connection.exec_driver_sql("TRUNCATE sweeps")


def test_a_value_on_a_bound_is_below_it():
    histogram = metrics.Histogram("test_bounds", "", (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    del metrics.HISTOGRAMS["test_bounds"]
    assert histogram.cells[()] == [2, 2, 1, 14.0]


def test_no_client_makes_a_series():
    """However many types, there is one more series than types of ours."""
    before = len(metrics.EVENTS.values)
    for number in range(1000):
        event = SimpleNamespace(type=f"made.up.{number}", occurred_us=1)
        entered = SimpleNamespace(events=(event,), rejections=())
        metrics.count_entered([entered], [SimpleNamespace(statuses=("accepted",))], 2)
    assert len(metrics.EVENTS.values) <= before + 1
    assert {type_ for type_, _ in metrics.EVENTS.values} <= {*EVENT_TYPES, metrics.OTHER, metrics.UNREAD}


def test_a_segment_problem_is_a_rejection():
    before = metrics.SEGMENT.values.get(("rejected", ""), 0)
    metrics.count_segment([Malformed("no")])
    assert metrics.SEGMENT.values["rejected", ""] == before + 1


@pytest.fixture
def alone(monkeypatch):
    """The numbers of this process as if it had just begun, and its board put back."""
    for counter in metrics.COUNTERS.values():
        monkeypatch.setattr(counter, "values", {})
    for histogram in metrics.HISTOGRAMS.values():
        monkeypatch.setattr(histogram, "cells", {})
    monkeypatch.setattr(exposition, "_cpu_before_s", 0.0)
    monkeypatch.setattr(metrics, "last_event", [0.0, 0.0])


def test_workers_are_added_up_and_a_successor_goes_on(tmp_path, alone):
    metrics.OVERLOADS.add(("till",), 3)
    metrics.BATCHES.observe(2, ("till",))
    Board(tmp_path, 0).publish([("perennial_workers", (), 1), ("perennial_model_age_seconds", (), 5)])
    successor = Board(tmp_path, 1)
    successor.publish([("perennial_workers", (), 1), ("perennial_model_age_seconds", (), 7)])
    found = parse(render(successor.read()).decode())
    till = frozenset({("gatherer", "till")})
    assert found["perennial_overloads_total", till] == 6
    assert found["perennial_gathered_batch_items_sum", till] == 4
    assert found["perennial_gathered_batch_items_bucket", till | {("le", "2.0")}] == 2
    assert found["perennial_workers", frozenset()] == 2
    assert found["perennial_model_age_seconds", frozenset()] == 7
    for counter in metrics.COUNTERS.values():
        counter.values.clear()
    for histogram in metrics.HISTOGRAMS.values():
        histogram.cells.clear()
    Board(tmp_path, 1).restore()
    assert metrics.OVERLOADS.values == {("till",): 3}
    metrics.OVERLOADS.add(("till",))
    successor.publish([])
    assert parse(render(successor.read()).decode())["perennial_overloads_total", till] == 7


def test_the_gauges_of_a_worker_that_is_gone_do_not_count(tmp_path, alone):
    metrics.OVERLOADS.add(("till",))
    (tmp_path / "0.json").write_text(
        json.dumps({**take_snapshot([("perennial_workers", (), 1)]), "at_s": 0}, default=list)
    )
    board = Board(tmp_path, 1)
    board.publish([("perennial_workers", (), 1)])
    found = parse(render(board.read()).decode())
    assert found["perennial_workers", frozenset()] == 1
    assert found["perennial_overloads_total", frozenset({("gatherer", "till")})] == 2
