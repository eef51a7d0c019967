"""`/livez`, `/readyz` and `/health`: what each says, and what each depends on."""

import pytest

from app.database.schema import HEAD_REVISION, OLDEST_CODE
from app.models.held import Models
from app.runtime.main import create_app

CHECKS = {
    *("database:responseTime", "database:schema", "model:version", "model:age"),
    *("recommendations:model", "decisions:policy"),
    "service:background",
    *("events:lag", "events:rejected", "events:times", "events:refunds", "stages:sweepAge"),
    *("decisions:arms", "model:drift", "model:calibration", "recommendations:due", "recommendations:hits"),
}


async def health(client):
    response = await client.get("/health")
    assert response.headers["content-type"] == "application/health+json"
    return response.status_code, response.json()


def check(told, name):
    (found,) = told["checks"][name]
    return found


@pytest.fixture
async def stale_schema(sql):
    """A database of another revision than this version's."""
    await sql.rows("UPDATE alembic_version SET version_num = '0000'")
    yield
    await sql.rows("UPDATE alembic_version SET version_num = :head", head=HEAD_REVISION)


async def test_all_is_well(serve, sql, make_model):
    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7", trained_days_ago=3)
        code, told = await health(service.client)
    assert (code, told["status"], CHECKS - set(told["checks"])) == (200, "pass", set())
    assert {found["status"] for checks in told["checks"].values() for found in checks} == {"pass"}
    assert check(told, "database:responseTime")["observedUnit"] == "ms"
    assert check(told, "database:schema")["observedValue"] == HEAD_REVISION
    assert check(told, "model:version")["observedValue"] == "v7"
    assert check(told, "model:age")["observedValue"] == pytest.approx(3, abs=0.1)


async def test_no_model_is_a_warning(client):
    code, told = await health(client)
    assert (code, told["status"]) == (200, "warn")
    assert check(told, "model:version")["status"] == "warn"
    assert "perennial train" in check(told, "model:version")["output"]
    assert check(told, "database:schema")["status"] == "pass"


async def test_an_old_model_is_a_warning(serve, sql, make_model):
    async with serve(model_max_age_days=30) as service:
        service.resources.of(Models).champion = make_model("v7", trained_days_ago=31)
        code, told = await health(service.client)
    assert (code, told["status"]) == (200, "warn")
    assert (check(told, "model:version")["status"], check(told, "model:age")["status"]) == ("pass", "warn")


async def test_a_model_that_cannot_be_loaded_is_a_warning_and_says_why(serve, sql):
    await sql.rows(
        "INSERT INTO models VALUES ('broken', 'champion', false, 90, '', '', 0, 0, '{}', 0, 0, 'no manifest', '', NULL)"
    )
    async with serve() as service:
        code, told = await health(service.client)
        assert (code, told["status"]) == (200, "warn")
        assert "broken: the manifest cannot be read" in check(told, "model:version")["output"]
        assert (await service.client.post("/v1/decisions", json={"customer_id": "C"})).json()["degraded"] is True


async def test_the_model_in_use_is_told_beside_the_one_that_was_refused(serve, sql, make_model):
    async with serve() as service:
        service.resources.of(Models).champion, service.resources.of(Models).refusal = (
            make_model("v7"),
            "v8: it is none.",
        )
        code, told = await health(service.client)
    found = check(told, "model:version")
    assert (code, found["status"], found["observedValue"], found["output"]) == (200, "warn", "v7", "v8: it is none.")


async def test_background_work_that_has_ended_is_a_warning(serve, sql, make_model, wait_until):
    async def fail():
        raise RuntimeError("of ours")

    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7")
        service.resources.refresh = fail

        async def is_warned():
            code, told = await health(service.client)
            return (code, told["status"]) == (200, "warn") and check(told, "service:background")

        assert "refresh" in (await wait_until(is_warned))["output"]


async def test_a_schema_of_another_version_is_a_failure(client, stale_schema):
    code, told = await health(client)
    assert (code, told["status"]) == (503, "fail")
    assert check(told, "database:schema")["status"] == "fail"
    assert check(told, "database:schema")["observedValue"] == "0000"
    assert "perennial migrate" in check(told, "database:schema")["output"]
    assert check(told, "database:responseTime")["status"] == "pass"
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
    assert int(ready.headers["retry-after"]) > 0
    assert int((await client.get("/health")).headers["retry-after"]) > 0
    assert (await client.get("/livez")).json() == {"status": "pass"}


@pytest.fixture
async def set_schema(sql):
    """Gives the database a revision, and the oldest code that serves on it."""

    async def put(revision, oldest_code):
        await sql.rows(f"COMMENT ON TABLE alembic_version IS '{oldest_code}'")
        await sql.rows("UPDATE alembic_version SET version_num = :revision", revision=revision)

    yield put
    await put(HEAD_REVISION, OLDEST_CODE)


async def test_a_schema_that_a_later_version_only_added_to_is_served_on_and_warned_of(client, set_schema, shop):
    await set_schema("9999", OLDEST_CODE)
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.post("/v1/checkouts", json={"event": shop.order()})).status_code == 200
    code, told = await health(client)
    assert (code, told["status"]) == (200, "warn")
    assert "Schema ahead" in check(told, "database:schema")["output"]


async def test_a_schema_that_is_too_far_ahead_is_not_ready_and_says_so(client, set_schema):
    await set_schema("9999", "9998")
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert "Schema ahead" in ready.json()["detail"]
    assert "cannot serve" in ready.json()["detail"]
    code, told = await health(client)
    assert (code, check(told, "database:schema")["status"]) == (503, "fail")


async def test_a_schema_that_is_behind_is_not_ready_and_says_what_to_run(client, stale_schema):
    assert "Schema behind" in (await client.get("/readyz")).json()["detail"]


async def test_a_database_that_was_never_migrated_is_a_failure(serve, make_database):
    async with serve(make_database(), prepares=False) as service:
        code, told = await health(service.client)
        assert (code, told["status"]) == (503, "fail")
        assert check(told, "database:schema")["status"] == "fail"
        assert (await service.client.get("/readyz")).status_code == 503
        assert (await service.client.get("/livez")).status_code == 200


async def test_without_a_database_the_process_lives_and_is_not_ready(serve, tmp_path):
    nowhere = f"postgresql://nobody@/none?host={tmp_path}"
    async with serve(nowhere, prepares=False) as service:
        assert (await service.client.get("/livez")).status_code == 200
        ready = await service.client.get("/readyz")
        assert (ready.status_code, ready.json()["type"]) == (503, "urn:perennial:problem:not-ready")
        code, told = await health(service.client)
        assert (code, told["status"]) == (503, "fail")
        assert check(told, "database:responseTime")["status"] == "fail"
        assert "nobody" not in str(told)


async def test_ready_and_draining(client, service):
    assert (await client.get("/readyz")).json() == {"status": "pass"}
    service.resources.is_draining = True
    try:
        assert (await client.get("/readyz")).status_code == 503
        assert (await health(client))[0] == 503
        assert (await client.get("/livez")).status_code == 200
    finally:
        service.resources.is_draining = False


async def test_probes_need_no_key(service):
    async with service.connect() as client:
        for path in ("/livez", "/readyz", "/health"):
            assert (await client.get(path)).status_code == 200


async def test_livez_does_not_even_look_at_the_database(serve):
    """The application without its resources: not started, or its database hangs."""
    from httpx import ASGITransport, AsyncClient

    from app.foundation.settings import Settings

    app = create_app(Settings(), "postgresql://unused/")
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.get("/livez")).json() == {"status": "pass"}


async def test_strangers_may_be_told_the_status_alone(serve, sql):
    async with serve(health_open=False) as service, service.connect() as stranger:
        code, told = await health(stranger)
        assert (code, told.keys()) == (200, {"status"})
        wrong = await stranger.get("/health", headers={"Authorization": "Bearer perennial_wrong"})
        assert (wrong.status_code, wrong.json()) == (200, told)
        code, whole = await health(service.client)
        assert (code, whole["status"], CHECKS - set(whole["checks"])) == (200, told["status"], set())
