"""API keys: who may do what, and what is kept of a key."""

import asyncio
import hashlib
import string
import time

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Mount, Route

from app.database.engine import transaction
from app.foundation.errors import Unauthorized, UnknownKey
from app.foundation.settings import Settings
from app.http.auth import (
    CHECKSUM_LENGTH,
    KEY_PREFIX,
    REREAD_SECONDS,
    SCOPES,
    Keyring,
    create_key,
    hash_key,
    is_valid_key,
    is_well_formed,
    list_keys,
    read_keyring,
    revoke_key,
    write_key,
)
from app.runtime.main import create_app

SCOPES_OF_ROUTES = {
    ("POST", "/v1/events"): {"ingest"},
    ("POST", "/v1/checkouts"): {"ingest", "decide"},
    ("POST", "/v1/segment"): {"ingest"},
    ("POST", "/v1/segment/v1/{call}"): {"ingest"},
    ("POST", "/v1/batch"): {"ingest"},
    ("GET", "/v1/events/rejected"): {"read"},
    ("DELETE", "/v1/events/rejected"): {"admin"},
    ("DELETE", "/v1/events/rejected/{rejected_id}"): {"admin"},
    ("POST", "/v1/events/rejected/{rejected_id:int}:replay"): {"admin"},
    ("POST", "/v1/events/rejected:replay"): {"admin"},
    ("GET", "/v1/customers/{customer_id:path}/score"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/stages"): {"read"},
    ("GET", "/v1/stages"): {"read"},
    ("GET", "/v1/warnings"): {"read"},
    ("GET", "/v1/prospects"): {"read"},
    ("POST", "/v1/scores:batch"): {"read"},
    ("POST", "/v1/decisions"): {"decide"},
    ("GET", "/v1/decisions"): {"read"},
    ("GET", "/v1/decisions/{decision_id}"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/decisions"): {"read"},
    ("POST", "/v1/decisions/{decision_id}/activate"): {"decide"},
    ("POST", "/v1/outcomes"): {"ingest"},
    ("POST", "/v1/decisions/{decision_id}/deliver"): {"decide"},
    ("GET", "/v1/contact-policy"): {"read"},
    ("GET", "/v1/contact-policy/{version:int}"): {"read"},
    ("PUT", "/v1/contact-policy"): {"admin"},
    ("GET", "/v1/effects"): {"read"},
    ("POST", "/v1/policies:evaluate"): {"read"},
    ("GET", "/v1/tests"): {"read"},
    ("PUT", "/v1/tests/{test_id}"): {"admin"},
    ("GET", "/v1/tests/{test_id}"): {"read"},
    ("DELETE", "/v1/tests/{test_id}"): {"admin"},
    ("GET", "/v1/actions"): {"read"},
    ("POST", "/v1/actions:simulate"): {"read"},
    ("GET", "/v1/actions/{action_id}/versions"): {"read"},
    ("PUT", "/v1/actions/{action_id}"): {"admin"},
    ("DELETE", "/v1/actions/{action_id}"): {"admin"},
    ("PUT", "/v1/items"): {"ingest"},
    ("GET", "/v1/items"): {"read"},
    ("GET", "/v1/items/{item_id:path}"): {"read"},
    ("DELETE", "/v1/items/{item_id:path}"): {"ingest"},
    ("GET", "/v1/recommendations/rules"): {"read"},
    ("PUT", "/v1/recommendations/rules/{rule_id}"): {"admin"},
    ("DELETE", "/v1/recommendations/rules/{rule_id}"): {"admin"},
    ("GET", "/v1/customers/{customer_id:path}/recommendations"): {"read"},
    ("POST", "/v1/recommendations"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/offers/{item_id:path}"): {"read"},
    ("POST", "/v1/customers/{customer_id:path}/offers"): {"read"},
    ("GET", "/v1/recommendations/effects"): {"read"},
    ("GET", "/v1/demand"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/feedback"): {"read"},
    ("POST", "/v1/sentiment"): {"read"},
    ("GET", "/v1/kpis"): {"read"},
    ("GET", "/v1/kpis/definitions"): {"read"},
    ("GET", "/v1/kpis/cohorts"): {"read"},
    ("GET", "/v1/kpis/stages"): {"read"},
    ("GET", "/v1/kpis/revenue-tree"): {"read"},
    ("GET", "/v1/costs"): {"read"},
    ("PUT", "/v1/costs"): {"admin"},
    ("GET", "/v1/loyalty/programme"): {"read"},
    ("POST", "/v1/loyalty/reserve"): {"decide"},
    ("POST", "/v1/loyalty/confirm"): {"decide"},
    ("POST", "/v1/loyalty/release"): {"decide"},
    ("GET", "/v1/loyalty/expiring"): {"read"},
    ("GET", "/v1/loyalty/programme/{version:int}"): {"read"},
    ("PUT", "/v1/loyalty/programme"): {"admin"},
    ("GET", "/v1/customers/{customer_id:path}/loyalty"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/loyalty/ledger"): {"read"},
    ("GET", "/v1/models"): {"admin"},
    ("GET", "/v1/models:compare"): {"admin"},
    ("GET", "/v1/models/{version}"): {"admin"},
    ("POST", "/v1/models/{version}:promote"): {"admin"},
    ("POST", "/v1/models/{version}:approve"): {"admin"},
    ("POST", "/v1/models:rollback"): {"admin"},
    ("GET", "/v1/customers/{customer_id:path}/events"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}"): {"read"},
    ("GET", "/v1/customers/{customer_id:path}/export"): {"admin"},
    ("GET", "/v1/customers/{customer_id:path}/consents"): {"read"},
    ("DELETE", "/v1/customers/{customer_id:path}"): {"admin"},
    ("GET", "/v1/audit"): {"admin"},
    ("GET", "/v1/audit/chain"): {"admin"},
    ("GET", "/v1/work"): {"read"},
    ("GET", "/v1/keys"): {"admin"},
    ("GET", "/v1/erasures"): {"admin"},
    ("GET", "/v1/erasures/{erasure_id}"): {"admin"},
    ("GET", "/v1/identifiers/shared"): {"read"},
}
SIGNED = {("POST", "/v1/shopify"), ("POST", "/v1/woocommerce")}
"""Let in by a signature over the body."""
CONSOLE = ("/", "/console")
"""For who has a session (`tests/console`)."""
OPEN = {"/metrics", "/livez", "/readyz", "/health", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}

EACH_ROUTE = pytest.mark.parametrize(("method", "path"), SCOPES_OF_ROUTES)


def fill(path):
    values = {
        "customer_id:path": "nobody",
        "action_id": "none-such",
        "test_id": "none-such",
        "decision_id": "none-such",
        "erasure_id": "none-such",
        "version": "none-such",
        "call": "track",
    }
    numbers = dict.fromkeys(("rejected_id", "rejected_id:int", "version:int"), "1")
    for name, value in (values | numbers).items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.fixture
async def make_key(engine, running_service):
    """Makes keys that the service knows at once."""

    async def make(*scopes):
        async with transaction(engine) as connection:
            _, key = await create_key(connection, "test", scopes, 1)
        await running_service.resources.refresh()
        return key

    return make


def well_formed(number):
    """A key that nobody made."""
    return write_key(str(number).rjust(43, "-"))


async def ask(service, method, path, authorization=None, **options):
    headers = {} if authorization is None else {"Authorization": authorization}
    async with service.connect(headers=headers) as client:
        return await client.request(method, fill(path), **options)


def test_every_route_is_in_the_table():
    app = create_app(Settings(), "postgresql://unused/")
    found = set()
    for route in app.routes:
        assert isinstance(route, Route | Mount)
        if route.path in OPEN or not route.path.startswith("/v1"):
            is_page = route.path in CONSOLE or route.path.startswith("/console/")
            assert is_page or route.path in OPEN or route.path.startswith("/static"), route.path
            continue
        assert isinstance(route, APIRoute)
        found |= {(method, route.path) for method in route.methods or ()}
    assert found == SCOPES_OF_ROUTES.keys() | SIGNED


@EACH_ROUTE
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer perennial_nobody-knows-this",
        "Basic dXNlcjpwYXNz",
        "perennial_x",
        b"Bearer \xe9",
    ],
)
async def test_without_a_valid_key(service, method, path, authorization):
    response = await ask(service, method, path, authorization, content=b"{not even JSON")
    assert (response.status_code, response.json()["type"]) == (401, "urn:perennial:problem:unauthorized")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "nobody-knows" not in response.text


@EACH_ROUTE
async def test_a_request_without_a_key_is_not_read(service, method, path):
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 1024

    response = await ask(service, method, path, content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 401
    assert sent == 0


@EACH_ROUTE
async def test_scopes(service, make_key, method, path):
    """Any set of scopes short of what the route asks for is refused; what it asks for, and admin, are not."""
    needed = SCOPES_OF_ROUTES[method, path]
    for scope in needed:
        others = [other for other in SCOPES if other not in (scope, "admin")]
        response = await ask(service, method, path, f"Bearer {await make_key(*others)}", content=b"{}")
        assert (response.status_code, response.json()["type"]) == (403, "urn:perennial:problem:forbidden")
        assert response.headers["content-type"] == "application/problem+json"
    for key in (await make_key(*needed), await make_key("admin")):
        response = await ask(service, method, path, f"Bearer {key}", content=b"{}")
        assert response.status_code not in (401, 403)


async def test_a_key_of_no_scope_may_do_nothing(service, make_key):
    key = await make_key()
    for method, path in SCOPES_OF_ROUTES:
        assert (await ask(service, method, path, f"Bearer {key}")).status_code == 403


async def test_the_scheme_is_written_in_any_case(service):
    for scheme in ("bearer", "BEARER"):
        assert (await ask(service, "GET", "/v1/actions", f"{scheme} {service.key}")).status_code == 200


async def test_a_key_made_and_a_key_revoked_are_noticed_by_a_running_service(
    engine, serve, sql, monkeypatch, wait_for_status
):
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.02)
    async with serve() as service:
        async with transaction(engine) as connection:
            key_id, key = await create_key(connection, "till 3", ["read"], 1)
        await wait_for_status(service, key, 200)
        async with transaction(engine) as connection:
            assert await revoke_key(connection, key_id, 2)
        await wait_for_status(service, key, 401)
        assert (await ask(service, "GET", "/v1/actions", f"Bearer {service.key}")).status_code == 200


@pytest.fixture
def reads(running_service, monkeypatch):
    """How often the keys have been read; not by themselves while a test runs."""
    counted = []

    async def count(connection):
        counted.append(1)
        return await read_keyring(connection)

    monkeypatch.setattr("app.http.resources.read_keyring", count)
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 3600.0)
    return counted


async def test_a_key_just_made_works_at_once(engine, serve, sql, reads):
    """Of two services, as of two workers: neither has read the keys since."""
    async with serve() as one, serve() as other:
        for service in (one, other):
            async with transaction(engine) as connection:
                _, key = await create_key(connection, "till 3", ["read"], 1)
            assert (await ask(service, "GET", "/v1/actions", f"Bearer {key}")).status_code == 200
            assert (await ask(service, "GET", "/v1/customers/nobody/score", f"Bearer {key}")).status_code == 404
        assert (await ask(one, "GET", "/v1/actions", f"Bearer {key}")).status_code == 200
        assert (await ask(one, "GET", "/metrics", f"Bearer {key}")).status_code == 200


async def test_any_number_of_unknown_keys_costs_the_database_little(serve, sql, reads):
    async with serve() as service:
        reads.clear()
        begun = time.monotonic()
        unknown = [f"Bearer {well_formed(number)}" for number in range(300)]
        answers = await asyncio.gather(*(ask(service, "GET", "/v1/actions", key) for key in unknown))
        assert {answer.status_code for answer in answers} == {401}
        assert len(reads) <= 2 + (time.monotonic() - begun) / REREAD_SECONDS
        reads.clear()
        for key in unknown[:20]:
            assert (await ask(service, "GET", "/v1/actions", key)).status_code == 401
        assert (await ask(service, "GET", "/v1/actions", "Bearer none-of-ours")).status_code == 401
        assert not reads


async def test_whether_there_is_such_a_key_cannot_be_told_without_the_database(serve, sql, reads):
    """A till takes a 401 for final: one whose key was just made would throw its sales away."""
    async with serve(patience_ms=200) as service, sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE api_keys")
        answer = await ask(service, "GET", "/v1/actions", f"Bearer {well_formed('just-made')}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await ask(service, "GET", "/v1/actions", f"Bearer {service.key}")).status_code == 200


def test_only_so_many_keys_are_remembered_to_be_none(monkeypatch):
    monkeypatch.setattr("app.http.auth.MOST_UNKNOWN", 2)
    keyring = Keyring({})
    headers = [f"Bearer {well_formed(number)}".encode() for number in range(3)]
    for header in headers:
        with pytest.raises(UnknownKey):
            keyring.authorize(header, ["read"])
        keyring.remember_unknown(header)
    for header, is_remembered in zip(headers, (True, True, False), strict=True):
        with pytest.raises(Unauthorized) as refused:
            keyring.authorize(header, ["read"])
        assert isinstance(refused.value, UnknownKey) is not is_remembered


@pytest.fixture
def wait_for_status(wait_until):
    async def wait(service, key, status):
        async def is_answered():
            return (await ask(service, "GET", "/v1/actions", f"Bearer {key}")).status_code == status

        await wait_until(is_answered)

    return wait


async def test_revocation_is_noticed_though_the_connection_broke_in_between(
    engine, serve, sql, monkeypatch, wait_for_status
):
    """Reading the keys anew must go on whatever happened to it once."""
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.02)
    async with serve() as service:
        async with transaction(engine) as connection:
            key_id, key = await create_key(connection, "till 3", ["read"], 1)
        await wait_for_status(service, key, 200)
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE api_keys")
            await sql.rows("SELECT pg_terminate_backend(:pid)", pid=await sql.wait_for_lock())
        async with transaction(engine) as connection:
            await revoke_key(connection, key_id, 2)
        await wait_for_status(service, key, 401)


async def test_only_the_hash_of_a_key_is_kept(engine, sql):
    async with transaction(engine) as connection:
        key_id, key = await create_key(connection, "till 3", ["ingest", "decide"], 7)
    assert key.startswith(KEY_PREFIX)
    row = await sql.row("SELECT * FROM api_keys WHERE key_id = :key_id", key_id=key_id)
    assert bytes(row["key_sha256"]) == hashlib.sha256(key.encode()).digest()
    assert (row["name"], row["scopes"], row["created_us"], row["revoked_us"]) == (
        "till 3",
        ["ingest", "decide"],
        7,
        None,
    )
    secret = key.removeprefix(KEY_PREFIX)[:-CHECKSUM_LENGTH]
    assert len(secret) >= 43  # 256 bits
    assert secret not in str({**row, "key_sha256": bytes(row["key_sha256"])})


async def test_keys_are_listed_revoked_and_checked(engine, sql):
    async with transaction(engine) as connection:
        (first_id, first), (second_id, second) = [
            await create_key(connection, name, ["read"], at) for name, at in (("a", 10**15), ("b", 10**15 + 1))
        ]
        assert first != second
        assert await revoke_key(connection, first_id, 10**15 + 2)
        assert not await revoke_key(connection, first_id, 10**15 + 3)
        assert not await revoke_key(connection, "none-such", 1)
        listed = [row for row in await list_keys(connection) if row.key_id in (first_id, second_id)]
        assert [(row.key_id, row.name, row.revoked_us) for row in listed] == [
            (first_id, "a", 10**15 + 2),
            (second_id, "b", None),
        ]
        assert not await is_valid_key(connection, first)
        assert await is_valid_key(connection, second)


async def test_a_key_that_was_mistyped_is_refused_before_anything_is_looked_for(engine, serve, sql, reads):
    async with serve() as service:
        async with transaction(engine) as connection:
            _, key = await create_key(connection, "till 3", ["read"], 1)
        assert is_well_formed(key.encode())
        reads.clear()
        other = "B" if key[15] == "A" else "A"
        for wrong in (key[:15] + other + key[16:], key[:-1], key + "x", key[:-1] + ("0" if key[-1] != "0" else "1")):
            assert (await ask(service, "GET", "/v1/actions", f"Bearer {wrong}")).status_code == 401
        assert not reads
        assert (await ask(service, "GET", "/v1/actions", f"Bearer {key}")).status_code == 200


async def test_a_key_of_before_checksums_is_valid(engine, serve, sql):
    old = KEY_PREFIX + "o" * 43
    await sql.rows(
        "INSERT INTO api_keys (key_id, name, key_sha256, scopes, created_us) VALUES ('old', 'old', :sha, '{read}', 1)",
        sha=hash_key(old.encode()),
    )
    async with serve() as service:
        assert (await ask(service, "GET", "/v1/actions", f"Bearer {old}")).status_code == 200
    await sql.rows("DELETE FROM api_keys WHERE key_id = 'old'")


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=43, max_size=43), st.integers(0, 48))
def test_a_checksum_tells_any_one_wrong_character(secret, place):
    key = write_key(secret)
    assert is_well_formed(key.encode())
    at = len(KEY_PREFIX) + place
    wrong = key[:at] + ("x" if key[at] != "x" else "y") + key[at + 1 :]
    assert not is_well_formed(wrong.encode())
