"""`POST /v1/events`: every event counts once, whoever sends it, however often, in whatever order."""

import asyncio
import json
import random
from contextlib import AsyncExitStack

import pytest

from app.ingest.intake import Intake
from app.lifecycle.measures import MEASURES, Lift, Merge

CONFLICT = "urn:perennial:problem:conflict"
MALFORMED = "urn:perennial:problem:malformed"


async def send(client, event):
    return await client.post("/v1/events", json=event)


async def read_state(sql, customer_id="C-1"):
    return await sql.row("SELECT * FROM customer_states WHERE customer_id = :customer_id", customer_id=customer_id)


def assert_same_state(one, other):
    """Integers, times and texts exactly; sums of floats to 1e-9."""
    for measure in MEASURES:
        floats = measure.merge is Merge.DECAYED or (isinstance(measure.lift, Lift) and measure.lift is not Lift.ONE)
        expected = pytest.approx(other[measure.name], rel=1e-9, abs=1e-9) if floats else other[measure.name]
        assert one[measure.name] == expected, measure.name


@pytest.fixture
async def services(service, serve):
    """Two services on one database, as two processes behind a load balancer."""
    async with serve() as other:
        yield service, other


@pytest.fixture
async def clients(services):
    """Fifty clients, every other one of the same service."""
    async with AsyncExitStack() as stack:
        opened = []
        for number in range(50):
            service = services[number % 2]
            headers = {"Authorization": f"Bearer {service.key}"}
            opened.append(await stack.enter_async_context(service.connect(headers=headers)))
        yield opened


@pytest.fixture
def failed_batches(services, monkeypatch):
    """The errors of batches that failed, and were run again item by item unseen by the client."""
    failures = []

    def watch(run):
        async def watched(items):
            try:
                return await run(items)
            except Exception as error:
                failures.append(error)
                raise

        return watched

    for service in services:
        for gatherer in (*service.resources.of(Intake).tills, service.resources.of(Intake).bulk):
            monkeypatch.setattr(gatherer, "_run", watch(gatherer._run))
    return failures


async def test_one_event_is_accepted(client, sql, shop):
    response = await send(client, shop.order(total=12.5))
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "results": [{"status": "accepted"}],
    }
    state = await read_state(sql)
    assert (state["events"], state["orders"], state["spend_minor"]) == (1, 1, 1250)


async def test_the_same_event_again_changes_nothing(client, sql, shop):
    event = shop.order()
    await send(client, event)
    before = await read_state(sql)
    for _ in range(3):
        assert (await send(client, event)).json()["results"] == [{"status": "duplicate"}]
    assert await read_state(sql) == before
    assert await sql.value("SELECT count(*) FROM events") == 1
    assert await sql.value("SELECT count(*) FROM rejected_events") == 0


async def test_the_same_event_twice_in_a_batch(client, sql, shop):
    event, other = shop.order(), shop.order()
    answer = (await send(client, [event, other, event])).json()
    assert [result["status"] for result in answer["results"]] == ["accepted", "accepted", "duplicate"]
    assert (answer["accepted"], answer["duplicate"]) == (2, 1)
    assert (await read_state(sql))["orders"] == 2


async def test_the_same_event_fifty_times_at_once(clients, sql, shop):
    event = shop.order(total=12.5)
    ways = [
        lambda client: client.post("/v1/events", json=event),
        lambda client: client.post("/v1/events", json=[event, shop.event("store.visited")]),
        lambda client: client.post("/v1/checkouts", json={"event": event}),
    ]
    responses = await asyncio.gather(*(ways[n % 3](client) for n, client in enumerate(clients)))
    assert {response.status_code for response in responses} == {200}
    answers = [response.json() for response in responses]
    statuses = [
        answer["event"]["status"] if "event" in answer else answer["results"][0]["status"] for answer in answers
    ]
    assert sorted(statuses) == ["accepted"] + ["duplicate"] * 49
    state = await read_state(sql)
    assert (state["orders"], state["spend_minor"], state["visits"]) == (1, 1250, 17)


async def test_many_customers_from_many_clients(clients, failed_batches, sql, shop):
    """Overlapping batches, each in an order of its own."""
    events = [shop.order(f"C-{n % 20}", total=1) for n in range(200)]
    batches = [random.Random(n).sample(events, 100) for n in range(len(clients))]
    responses = await asyncio.gather(*(send(c, batch) for c, batch in zip(clients, batches, strict=True)))
    assert {response.status_code for response in responses} == {200}
    sent = {event["id"] for batch in batches for event in batch}
    assert sum(response.json()["accepted"] for response in responses) == len(sent)
    totals = await sql.row("SELECT sum(orders) AS orders, sum(spend_minor) AS spend FROM customer_states")
    assert totals == {"orders": len(sent), "spend": 100 * len(sent)}
    assert failed_batches == []


@pytest.fixture
async def slow_rows(sql):
    """A database that takes ten milliseconds for a row, so that statements overlap for certain."""
    await sql.rows(
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'"
    )
    for table in ("events", "customer_states"):
        await sql.rows(f"CREATE TRIGGER slow BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION take_time()")
    yield
    await sql.rows("DROP FUNCTION take_time CASCADE")


@pytest.mark.parametrize("share", ["events", "customers"])
async def test_opposite_orders_do_not_deadlock(services, failed_batches, slow_rows, sql, shop, share):
    """Two processes with the same events, or with others of the same customers, the other way round."""
    forward = [shop.order(f"C-{number}", total=1) for number in range(30)]
    others = forward if share == "events" else [shop.order(f"C-{number}", total=1) for number in range(30)]
    both = zip(services, (forward, others[::-1]), strict=True)
    responses = await asyncio.gather(*(send(service.client, batch) for service, batch in both))
    expected = 30 if share == "events" else 60
    assert sum(response.json()["accepted"] for response in responses) == expected
    assert await sql.value("SELECT sum(orders) FROM customer_states") == expected
    assert failed_batches == []


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "C-2"},
        {"type": "store.visited"},
        {"time": "2026-01-01T00:00:00Z"},
        {"data": {"order_id": "A-1", "total": 99}},
        {"data": {"order_id": "A-1", "total": 10, "note": "more"}},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_the_same_source_and_id_with_other_content(client, sql, shop, change):
    event = shop.order(order_id="A-1", total=10, at=shop.ago(days=1))
    await send(client, event)
    before = await read_state(sql)
    response = await send(client, {**event, **change})
    assert (response.status_code, response.json()["type"]) == (409, CONFLICT)
    assert response.headers["content-type"] == "application/problem+json"
    assert await read_state(sql) == before
    assert await sql.value("SELECT count(*) FROM customer_states") == 1
    kept = await sql.row("SELECT problem, event FROM rejected_events")
    assert kept["problem"]["type"] == CONFLICT
    assert json.loads(kept["event"])["id"] == event["id"]


async def test_other_content_at_the_same_time(clients, sql, shop):
    """One wins; the others are refused and kept."""
    event = shop.order()
    variants = [{**event, "data": {**event["data"], "total": n}} for n in range(1, 21)]
    responses = await asyncio.gather(*(send(c, variant) for c, variant in zip(clients, variants, strict=False)))
    codes = [response.status_code for response in responses]
    assert sorted(codes) == [200] + [409] * 19
    assert (await read_state(sql))["spend_minor"] == 100 * (1 + codes.index(200))
    assert await sql.value("SELECT count(*) FROM rejected_events") == 19


async def test_other_content_in_one_batch(client, sql, shop):
    event = shop.order(total=10)
    other = {**event, "data": {**event["data"], "total": 11}}
    answer = (await send(client, [event, other, event])).json()
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "duplicate"]
    assert answer["results"][1]["problem"]["type"] == CONFLICT
    assert (await read_state(sql))["spend_minor"] == 1000


async def test_a_repeat_is_a_repeat_though_a_conflict_comes_before_it_in_the_batch(client, shop):
    event = shop.order(total=10)
    other = {**event, "data": {**event["data"], "total": 11}}
    await send(client, event)
    answer = (await send(client, [other, event])).json()
    assert [result["status"] for result in answer["results"]] == ["rejected", "duplicate"]


async def test_the_same_content_written_otherwise_is_the_same(client, shop):
    event = shop.order(total=128.5, order_id="A-1", at="2026-03-01T10:15:00+08:00")
    await send(client, event)
    turned = dict(reversed(event.items())) | {"data": dict(reversed(event["data"].items()))}
    for again in (turned, {**event, "time": "2026-03-01T02:15:00.000000Z"}, {**event, "traceparent": "00-1"}):
        assert (await send(client, again)).json()["duplicate"] == 1
    raw = json.dumps(event).replace("128.5", "1.2850e2")
    response = await client.post("/v1/events", content=raw, headers={"content-type": "application/json"})
    assert response.json()["duplicate"] == 1


async def test_a_whole_number_is_the_same_with_and_without_its_point(client, shop):
    """A gateway that writes JSON anew turns 100.0 into 100."""
    event = shop.order(total=100.0)
    await send(client, event)
    again = {**event, "data": {**event["data"], "total": 100}}
    assert (await send(client, again)).json()["duplicate"] == 1


async def test_sources_number_their_events_apart(client, sql, shop):
    event = shop.order()
    answer = await send(client, [event, {**event, "source": "/pos/store-2"}])
    assert answer.json()["accepted"] == 2
    assert (await read_state(sql))["orders"] == 2


def history(shop):
    """A year of one customer with every kind of measure in it."""
    made = [
        shop.event(
            "customer.identified",
            at=shop.ago(days=400),
            data={"identifiers": [{"kind": "card", "value": "7"}]},
        ),
        shop.event("product.viewed", at=shop.ago(days=390), data={"product_id": "4711"}),
        *(shop.order(at=shop.ago(days=days, hours=days), total=days + 0.25) for days in (380, 300, 200, 90, 30, 3)),
        shop.order(at=shop.ago(days=60), total=80, discount=8.5, channel="web", order_id="R"),
        shop.event("order.refunded", at=shop.ago(days=55), data={"order_id": "R", "total": 80}),
        shop.event("case.opened", at=shop.ago(days=54), data={"case_id": "1", "kind": "complaint"}),
        shop.event("case.resolved", at=shop.ago(days=50), data={"case_id": "1"}),
        shop.event("feedback.submitted", at=shop.ago(days=54), data={"metric": "csat", "score": 2}),
        shop.event("feedback.submitted", at=shop.ago(days=20), data={"metric": "csat", "score": 4}),
        shop.event("consent.changed", at=shop.ago(days=370), data={"purpose": "marketing", "granted": True}),
        shop.event("consent.changed", at=shop.ago(days=10), data={"purpose": "marketing", "granted": False}),
        shop.event("points.earned", at=shop.ago(days=380), data={"points": 120}),
        shop.event("points.redeemed", at=shop.ago(days=100), data={"points": 50}),
        shop.event("tier.changed", at=shop.ago(days=80), data={"tier": "gold"}),
        shop.event("action.accepted", at=shop.ago(days=2), data={"action_id": "cross-sell"}),
    ]
    return sorted(made, key=lambda event: event["time"])


@pytest.mark.parametrize("seed", range(4))
async def test_late_shuffled_and_repeated_events_give_the_state_of_those_in_order(client, sql, shop, seed):
    chance = random.Random(seed)
    events = history(shop)
    for event in events:
        assert (await send(client, event)).json()["accepted"] == 1
    in_order = await read_state(sql)
    await sql.rows("TRUNCATE events, customer_states")
    mixed = events + chance.sample(events, 8)
    chance.shuffle(mixed)
    while mixed:
        size = chance.randint(1, 6)
        batch, mixed = mixed[:size], mixed[size:]
        assert (await send(client, batch if chance.random() < 0.7 else batch[0])).status_code == 200
        mixed += batch[1:] if chance.random() < 0.1 else []
    for event in events:  # whatever a lone send of the first of a batch has left out
        await send(client, event)
    assert_same_state(await read_state(sql), in_order)


async def test_an_unknown_type_is_kept_and_counted_and_scores_nothing(client, sql, shop):
    strange = shop.event("loyalty.spun-the-wheel", "C-1", data={"amount": 5, "total": 99, "channel": "store"})
    assert (await send(client, strange)).json()["accepted"] == 1
    state = await read_state(sql)
    told = {name for name, value in state.items() if value not in (0, None, [])} - {"customer_id"}
    assert told == {"events", "first_event_us", "last_event_us"}
    page = (await client.get("/v1/customers/C-1/events")).json()
    assert [event["data"] for event in page["events"]] == [strange["data"]]
    score = (await client.get("/v1/customers/C-1/score")).json()
    assert (score["stage"], score["churn_risk"]) == ("prospect", None)


async def test_a_batch_of_good_and_bad_events_counts_the_good_and_keeps_the_bad(client, sql, shop):
    bad = [
        {"specversion": "1.0"},
        7,
        shop.order(total="twelve"),
        shop.event("store.visited", at="2999-01-01T00:00:00Z"),
    ]
    good = [shop.order(), shop.order()]
    answer = (await send(client, [bad[0], good[0], bad[1], bad[2], good[1], bad[3]])).json()
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["rejected", "accepted", "rejected", "rejected", "accepted", "rejected"]
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 0, 4)
    assert (await read_state(sql))["orders"] == 2
    kept = await sql.rows("SELECT problem, event FROM rejected_events ORDER BY rejected_id")
    assert [json.loads(row["event"]) for row in kept] == [bad[0], {"bytes": 1}, *bad[2:]]
    told = [result["problem"] for result in answer["results"] if result["status"] == "rejected"]
    assert [row["problem"] for row in kept] == told
    assert {problem["type"] for problem in told} == {MALFORMED}


async def test_a_single_refused_event_is_kept(client, sql, shop):
    event = shop.order(total=None)
    response = await send(client, event)
    assert response.status_code == 422
    kept = await sql.row("SELECT problem, event FROM rejected_events")
    assert (kept["problem"], json.loads(kept["event"])) == (response.json(), event)


async def test_a_problem_points_at_the_member_it_is_about(client, shop):
    problem = (await send(client, shop.order(total=None, products=[{"product_id": "1"}, {"product_id": ""}]))).json()
    assert [error["pointer"] for error in problem["errors"]] == ["/data/total", "/data/products/1/product_id"]


async def test_an_empty_batch(client):
    response = await send(client, [])
    assert response.json() == {"accepted": 0, "duplicate": 0, "rejected": 0, "results": []}


async def test_identifiers_are_stored_as_keyed_hashes_only(client, sql, shop):
    identifiers = [
        {"kind": "phone", "value": "+86 138 0013 8000"},
        {"kind": "email", "value": "Li@Example.com"},
    ]
    await send(client, shop.event("customer.identified", data={"identifiers": identifiers, "birthday": "1990-05-01"}))
    same = [{"kind": "phone", "value": "+8613800138000"}, {"kind": "email", "value": " li@example.COM "}]
    await send(client, shop.event("customer.identified", data={"identifiers": same}))
    first, second = await sql.rows("SELECT data FROM events ORDER BY id")
    assert first["data"]["identifiers"] == second["data"]["identifiers"]
    assert [set(item) for item in first["data"]["identifiers"]] == [{"kind", "hash"}] * 2
    stored = str(await sql.rows("SELECT * FROM events"))
    assert "8000" not in stored
    assert "xample" not in stored


async def test_identifiers_of_refused_events_are_not_stored_in_the_clear(client, sql, shop):
    identifiers = [{"kind": "phone", "value": "13800138000"}]
    await send(client, shop.event("customer.identified", at="no time", data={"identifiers": identifiers}))
    unreadable = {"identifiers": [*identifiers, {"kind": "email"}]}
    await send(client, [shop.event("customer.identified", at="no time", data=unreadable)])
    assert await sql.value("SELECT count(*) FROM rejected_events") == 2
    assert "13800138000" not in str(await sql.rows("SELECT * FROM rejected_events"))


@pytest.mark.parametrize(
    ("currency", "total", "minor"),
    [
        ("CNY", 1.005, 101),
        ("CNY", 0.1 + 0.2, 30),
        ("CNY", 10_000_000_000, 10**12),
        ("JPY", 1234, 1234),
        ("KWD", 1.2345, 1235),
    ],
)
async def test_amounts_become_whole_minor_units(serve, sql, shop, currency, total, minor):
    async with serve(currency=currency) as service:
        answer = await send(service.client, shop.order(total=total, currency=currency))
        assert answer.json()["accepted"] == 1
        assert (await read_state(sql))["spend_minor"] == minor
        refused = await send(service.client, shop.order(total=1, currency="EUR"))
        assert refused.status_code == 422


async def test_a_time_may_be_a_little_ahead(client, shop):
    assert (await send(client, shop.order(at=shop.ago(minutes=-4)))).json()["accepted"] == 1


async def test_any_text_serves_as_a_customer(client, sql, shop):
    for subject in ("客户/7", "a b", "🛒", "x" * 256, "O'Brien; DROP TABLE events"):
        assert (await send(client, shop.order(subject))).json()["accepted"] == 1
        assert (await read_state(sql, subject))["orders"] == 1
