"""Nobody's data in logs and metrics: canaries are sent in every place there is, and looked for."""

import asyncio
from urllib.parse import quote

import httpx
import pytest

from app.lifecycle.default_actions import DEFAULT_ACTIONS
from tests.processes import make_key, starting

CANARY = "Kanarienvogel"
PHONE = "+8613800138777"
EMAIL = "kanarienvogel@example.com"
BASKET = "Kanarienvogel-A-77"
SIGNS = (CANARY, CANARY.lower(), "13800138777", quote(PHONE))
JSON = {"content-type": "application/json"}


def order(**changed):
    data = {
        "order_id": BASKET,
        "total": 12.5,
        "note": CANARY,
        "identifiers": [{"kind": "phone", "value": PHONE}, {"kind": "email", "value": EMAIL}],
        "products": [{"product_id": CANARY, "price": 1.5, "quantity": 1}],
    }
    event = {
        "specversion": "1.0",
        "id": f"{CANARY}-1",
        "source": f"/{CANARY}",
        "type": "order.completed",
        "subject": CANARY,
        "time": "2026-11-20T10:15:00Z",
        "data": data,
    }
    return event | changed


FEEDBACK = order(type="feedback.submitted", id="f", data={"metric": "csat", "score": 4, "text": f"{CANARY} {PHONE}"})
SEGMENT = {"type": "track", "event": CANARY, "messageId": CANARY, "userId": CANARY, "properties": {"email": EMAIL}}
SENT = [
    ("POST", "/v1/events", order()),
    ("POST", "/v1/events", order(id="unknown", type=f"{CANARY.lower()}.flew")),
    ("POST", "/v1/events", order(data={"order_id": BASKET, "total": CANARY})),
    ("POST", "/v1/events", order(data={"order_id": BASKET, "total": 99})),
    ("POST", "/v1/events", order(time=CANARY)),
    ("POST", "/v1/events", order(**{CANARY: CANARY})),
    ("POST", "/v1/events", [order(id=f"{CANARY}-{number}") for number in range(3)]),
    ("POST", "/v1/events", FEEDBACK),
    ("POST", "/v1/events", f'{{"id": "{CANARY}", '.encode()),
    ("POST", "/v1/events", CANARY.encode("utf-16")),
    ("POST", "/v1/checkouts", {"event": order(id="c"), "context": {"note": CANARY}, "channel": CANARY}),
    ("POST", "/v1/checkouts", {"event": order(id="c"), "max_actions": CANARY}),
    ("POST", "/v1/decisions", {"customer_id": CANARY, "exclude": [CANARY], "context": {"phone": PHONE}}),
    ("POST", "/v1/scores:batch", {"customer_ids": [CANARY, EMAIL]}),
    ("POST", "/v1/segment", SEGMENT),
    ("POST", f"/v1/segment?source={CANARY}", {"batch": [SEGMENT, CANARY]}),
    ("POST", f"/v1/shopify?prefix={CANARY}", {"id": CANARY, "email": EMAIL}),
    ("POST", f"/v1/woocommerce?prefix={CANARY}", {"id": CANARY, "email": EMAIL}),
    ("GET", f"/v1/customers/{CANARY}/score?as_of={CANARY}", None),
    ("GET", f"/v1/customers/{quote(EMAIL)}/score", None),
    ("GET", f"/v1/customers/{CANARY}", None),
    ("GET", f"/v1/customers/{CANARY}/events?phone={quote(PHONE)}", None),
    ("GET", f"/v1/events/rejected?type={CANARY}", None),
    ("GET", f"/{CANARY}?{CANARY}", None),
    ("DELETE", f"/v1/actions/{CANARY}", None),
    (CANARY.upper(), f"/{CANARY}", None),
]
HEADERS = [
    {},
    {"x-request-id": f"{CANARY} {PHONE}"},
    {"traceparent": CANARY, "tracestate": f"k={CANARY}", "baggage": f"customer={CANARY}"},
    {"user-agent": CANARY, "cookie": f"c={CANARY}", "accept-language": CANARY, "x-forwarded-for": CANARY},
    {"authorization": f"Bearer {CANARY}"},
]
ACTION = DEFAULT_ACTIONS[0].model_dump(mode="json") | {
    "action_id": "kanarienvogel",
    "title": {"en": CANARY, "zh": CANARY},
}
BREAKS = {
    "the driver's": (
        "ALTER TABLE customer_states ADD CONSTRAINT canary CHECK (customer_id <> 'Kanarienvogel') NOT VALID",
        "ALTER TABLE customer_states DROP CONSTRAINT canary",
        ("POST", "/v1/events", order(id="broken", time="2026-11-21T10:15:00Z")),
    ),
    "SQLAlchemy's": (
        "ALTER TABLE actions ADD CONSTRAINT canary CHECK (action_id <> 'kanarienvogel')",
        "ALTER TABLE actions DROP CONSTRAINT canary",
        ("PUT", "/v1/actions/kanarienvogel", ACTION),
    ),
}


@pytest.fixture
async def key(engine, sql):
    return await make_key(engine)


@pytest.fixture
async def process(database_url, tmp_path, wait_until, key):
    async with starting(database_url, tmp_path, wait_until) as start:
        yield await start(log_level="DEBUG", metrics_open=True, drain_seconds=0)


async def send(client, method, path, body, headers=None):
    content = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
    return await client.request(method, path, headers={**JSON, **(headers or {})}, **content)


async def send_what_is_no_http(base):
    host, _, port = base.removeprefix("http://").partition(":")
    for line in (
        f"{CANARY} {PHONE}\r\n\r\n",
        f"GET /{CANARY} HTTP/9.9\r\n{CANARY}\r\n\r\n",
        f"POST /v1/events?{CANARY}",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(line.encode())
        writer.write_eof()
        await reader.read()
        writer.close()


def assert_silent(process, metrics):
    log = process.log_file.read_text()
    assert log
    for sign in SIGNS:
        assert sign not in log, [line for line in log.splitlines() if sign in line]
        assert sign not in metrics, [line for line in metrics.splitlines() if sign in line]


async def test_neither_logs_nor_metrics_say_who_the_customer_is(process, key):
    statuses = set()
    async with process.client(key) as client:
        for headers in HEADERS:
            for method, path, body in SENT:
                statuses.add((await send(client, method, path, body, headers)).status_code)
        await send_what_is_no_http(process.base)
        metrics = (await client.get("/metrics")).text
    assert {200, 401, 404, 409, 422} <= statuses
    assert 'perennial_events_total{outcome="accepted",type="other"}' in metrics
    assert_silent(process, metrics)


@pytest.mark.parametrize("which", BREAKS)
async def test_what_the_database_says_of_a_row_stays_out_of_the_log(process, key, sql, which):
    """Postgres quotes the whole row in the error, and asyncpg in its message."""
    broken, mended, request = BREAKS[which]
    await sql.rows(broken)
    try:
        async with process.client(key) as client:
            assert (await send(client, *request)).status_code == 500
            metrics = (await client.get("/metrics")).text
    finally:
        await sql.rows(mended)
    defects = [line for line in process.lines() if line["event"] == "request.defect"]
    assert "CheckViolation" in defects[0]["exception"]
    assert "sqlstate 23514" in defects[0]["exception"]
    assert_silent(process, metrics)


async def test_what_nobody_awaited_is_not_quoted(process, key, sql):
    """A client that goes away while the database is slow, whose statement then fails."""
    await sql.rows(BREAKS["the driver's"][0])
    try:
        async with process.client(key, timeout=0.2) as client, sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events")
            with pytest.raises(httpx.TimeoutException):
                await send(client, "POST", "/v1/events", order(id="gone"))
        assert await process.stop() == 0
    finally:
        await sql.rows(BREAKS["the driver's"][1])
    assert_silent(process, "")
