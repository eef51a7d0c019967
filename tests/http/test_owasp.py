"""OWASP's ten risks of APIs (2023), a test each: docs/security.md names them."""

import ast
import gzip
import re
from pathlib import Path

import pytest

import app
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.http.auth import create_key
from app.runtime.main import create_app

CALLERS = {"httpx", "aiohttp", "requests", "urllib3", "urllib.request", "http.client"}
"""What could send a request to where a client says."""


@pytest.fixture
def keyed(engine, client, running_service):
    """Calls with a key of these scopes."""

    async def call(scopes, method, path, **options):
        async with transaction(engine) as connection:
            _, key = await create_key(connection, "test", scopes, 1)
        async with running_service.connect(headers={"Authorization": f"Bearer {key}"}) as caller:
            return await caller.request(method, path, **options)

    return call


@pytest.mark.parametrize("path", ["", "/score", "/events", "/export"])
async def test_api1_an_id_alone_opens_no_customer(client, keyed, shop, path):
    await client.post("/v1/events", json=shop.order("C-1", total=5.0))
    assert (await keyed(["ingest", "decide"], "GET", f"/v1/customers/C-1{path}")).status_code == 403


async def test_api2_nobody_is_let_in_without_a_key_that_is_valid(client, running_service):
    async with running_service.connect() as stranger:
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"}):
            assert (await stranger.get("/v1/customers/C-1", headers=header)).status_code == 401
        by_query = await stranger.get("/v1/customers/C-1", params={"key": running_service.key})
        assert by_query.status_code == 401, "a key in a URL is in every log"


async def test_api3_no_property_is_shown_or_set_that_is_not_the_callers(client, keyed, shop):
    phone = [{"kind": "phone", "value": "+86 138 1234 0001"}]
    await client.post("/v1/events", json=shop.order("C-1", total=5.0, identifiers=phone))
    events = await keyed(["read"], "GET", "/v1/customers/C-1/events")
    assert (events.status_code, "13812340001" in events.text) == (200, False)
    asked = {"customer_id": "C-1", "in_control_group": True, "selection_probability": 1.0}
    decided = await keyed(["decide"], "POST", "/v1/decisions", json=asked)
    assert decided.status_code == 422 or decided.json()["in_control_group"] is False


async def test_api4_what_one_call_may_take_is_bounded(client, shop):
    json = {"Content-Type": "application/json"}
    assert (await client.post("/v1/events", content=b"[" + b" " * 2**20 + b"]", headers=json)).status_code == 413
    bomb = gzip.compress(b"[" + b" " * 2**24 + b"]")
    packed = await client.post("/v1/events", content=bomb, headers={**json, "Content-Encoding": "gzip"})
    assert packed.status_code == 413
    assert (await client.post("/v1/events", json=[shop.order()] * 1001)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/actions/tea"),
        ("POST", "/v1/models:rollback"),
        ("DELETE", "/v1/customers/C-1"),
        ("GET", "/v1/models"),
    ],
)
async def test_api5_what_an_admin_may_do_is_not_done_by_other_keys(keyed, method, path):
    assert (await keyed(["ingest", "read", "decide"], method, path)).status_code == 403


async def test_api6_a_sale_that_is_sent_again_and_again_counts_once(client, keyed, shop):
    event = shop.order("C-1", total=5.0)
    for _ in range(5):
        assert (await keyed(["ingest"], "POST", "/v1/events", json=event)).status_code == 200
    assert (await client.get("/v1/customers/C-1")).json()["orders"] == 1


def test_api7_nothing_in_the_service_calls_where_a_client_says():
    for path in Path(app.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {each.name for each in node.names}
            else:
                names = {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            assert CALLERS.isdisjoint(names), path


async def test_api8_answers_tell_nothing_of_the_inside_and_are_not_kept(client, shop):
    await client.post("/v1/events", json=shop.order("C-1", total=5.0))
    answer = await client.get("/v1/customers/C-1")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    refused = await client.post("/v1/events", content=b"{", headers={"Content-Type": "application/json"})
    for told in (answer, refused):
        assert "server" not in told.headers
        assert "Traceback" not in told.text


def test_api9_every_route_is_in_the_openapi_document():
    service = create_app(Settings(), "postgresql://unused/")
    paths = {str(getattr(route, "path", "")) for route in service.routes}
    served = {path for path in paths if path.startswith("/v1")}
    assert {re.sub(":(path|int)}", "}", path) for path in served} == {
        path for path in service.openapi()["paths"] if path.startswith("/v1")
    }


async def test_api10_what_a_shop_system_sends_counts_by_its_signature_alone(serve, sql):
    async with serve(shopify_secrets="secret") as service, service.connect() as shop_system:
        headers = {"x-shopify-topic": "orders/create", "x-shopify-hmac-sha256": "AAAA", "x-shopify-shop-domain": "a.b"}
        refused = await shop_system.post("/v1/shopify", json={"id": 1, "total_price": "5.00"}, headers=headers)
        assert refused.status_code == 401
    assert await sql.row("SELECT count(*) AS events FROM events") == {"events": 0}
