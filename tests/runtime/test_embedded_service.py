"""A service on the embedded Postgres outlives its server."""

import contextlib
import os
import signal

import pytest

from app.database.engine import create_engine
from tests.processes import make_key, starting


@pytest.mark.parametrize("workers", [1, 2])
async def test_checkouts_go_on_after_the_embedded_postgres_was_killed(wait_until, tmp_path, shop, workers):
    async with starting(None, tmp_path, wait_until) as start:
        service = await start(workers=workers)
        control = (tmp_path / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n")
        engine = create_engine(f"postgresql://perennial@/perennial?host={control[4]}")
        key = await make_key(engine)
        await engine.dispose()
        async with service.client(key) as client:
            first, second = shop.order("C-1", total=5.0), shop.order("C-1", total=5.0)

            async def sell(event):
                return (await client.post("/v1/checkouts", json={"event": event})).status_code

            assert await sell(first) == 200
            assert (await client.get("/health")).json()["checks"]["database:server"][0]["status"] == "pass"
            os.kill(int(control[0]), signal.SIGKILL)
            statuses = []

            async def is_sold():
                with contextlib.suppress(OSError):
                    statuses.append(await sell(second))
                    return statuses[-1] == 200

            await wait_until(is_sold)
            assert set(statuses) <= {200, 503}, "never a 500"
            assert (await client.get("/livez")).status_code == 200

            async def is_told():  # a backend that was left over may have sold it before the death was noticed
                with contextlib.suppress(OSError):
                    told = (await client.get("/health")).json()["checks"].get("database:server")
                    return told is not None and (told[0]["status"], told[0]["observedValue"]) == ("warn", 1)

            await wait_until(is_told)
            await wait_until(is_sold)  # once more, by the new one, and counted once
            assert set(statuses) <= {200, 503}, "never a 500"
            state = (await client.get("/v1/customers/C-1")).json()
            assert state["orders"] == 2
        assert await service.stop() in (0, -signal.SIGTERM)
        assert {"postgres.ended", "postgres.restarted"} <= {line["event"] for line in service.lines()}
