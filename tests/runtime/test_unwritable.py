"""A full disk, a read-only database and a failover: 503 with the reason, reads go on, and all resumes by itself."""

import pytest

from app.database import refusals
from tests.decisions.acting import action_of

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM refused WHERE pid IN (0, pg_backend_pid())) THEN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$
"""


@pytest.fixture
async def refuse(sql, monkeypatch):
    """Has the database refuse what is written to these tables, of all connections or of those that there are."""
    tables = list[str]()

    async def begin(code, *names, of_all=True):
        pids = "SELECT 0 AS pid" if of_all else "SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL"
        async with sql.engine.begin() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE refused AS {pids}")
            await connection.exec_driver_sql(REFUSE.format(code=code))
            for name in names:
                tables.append(name)
                await connection.exec_driver_sql(
                    f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {name} EXECUTE FUNCTION refuse()"
                )

    async def end():
        async with sql.engine.begin() as connection:
            for name in tables:
                await connection.exec_driver_sql(f"DROP TRIGGER refuse ON {name}")
            await connection.exec_driver_sql("DROP FUNCTION IF EXISTS refuse")
            await connection.exec_driver_sql("DROP TABLE IF EXISTS refused")
        tables.clear()

    begin.end = end  # type: ignore[attr-defined]
    monkeypatch.setattr(refusals, "_last", [])
    yield begin
    await end()


@pytest.mark.parametrize(
    ("code", "said", "remedy"), [("53100", "disk is full", "add space"), ("25006", "read-only", "primary")]
)
async def test_what_cannot_be_written_is_a_503_and_resumes(serve, sql, shop, refuse, monkeypatch, code, said, remedy):
    async with serve() as service:

        async def sell(number):
            event = shop.order("C-1", id=f"e-{number}", total=5.0)
            return await service.client.post("/v1/checkouts", json={"event": event})

        assert (await sell(1)).status_code == 200
        await refuse(code, "events")
        refused = await sell(2)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert said in refused.json()["detail"]
        batch = await service.client.post("/v1/events", json=[shop.order("C-1", id="e-3", total=5.0)])
        assert (batch.status_code, said in batch.json()["detail"]) == (503, True)
        assert (await service.client.get("/v1/customers/C-1")).json()["orders"] == 1
        assert (await service.client.get("/v1/customers/C-1/score")).status_code == 200
        assert (await service.client.get("/readyz")).status_code == 200, "reads go on"
        health = await service.client.get("/health")
        told = health.json()["checks"]["database:writing"][0]
        assert (health.status_code, told["status"], remedy in told["output"]) == (503, "fail", True)

        await refuse.end()
        assert (await sell(2)).status_code == 200
        assert (await service.client.get("/v1/customers/C-1")).json()["orders"] == 2
        monkeypatch.setattr(refusals, "TOLD_SECONDS", -1.0)
        assert (await service.client.get("/health")).json()["checks"]["database:writing"][0]["status"] == "pass"


async def test_what_other_requests_write_is_a_503_too(serve, sql, refuse):
    async with serve() as service:
        await refuse("53100", "actions")
        answer = await service.client.put("/v1/actions/tea", json=action_of("tea"))
        assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (503, True), answer.text


async def test_after_a_failover_connections_are_made_anew(serve, sql, shop, refuse):
    """Those that there were lead to what is no primary any more."""
    async with serve() as service:
        assert (await service.client.post("/v1/events", json=[shop.order("C-1", total=5.0)])).status_code == 200
        await refuse("25006", "events", of_all=False)
        event = shop.order("C-1", total=5.0)
        statuses = [(await service.client.post("/v1/events", json=[event])).status_code for _ in range(2)]
        assert statuses == [503, 200]
