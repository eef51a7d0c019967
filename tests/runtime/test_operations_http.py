"""What runs beside answering, and who may call, as the API tells it."""

from app.database.engine import transaction
from app.http.auth import create_key, revoke_key


async def test_background_work_is_told_of(client):
    told = (await client.get("/v1/work")).json()
    assert told["ended"] == []
    works = {each["work"]: each for each in told["works"]}
    assert works["erasures"]["every_s"] > 0


async def test_keys_are_told_of_without_their_secrets(client, engine):
    async with transaction(engine) as connection:
        ended, _ = await create_key(connection, "ended", ["read"], 1, expires_us=2_000_000)
        gone, _ = await create_key(connection, "gone", ["read", "decide"], 1)
        await revoke_key(connection, gone, 3_000_000)
    keys = {each["key_id"]: each for each in (await client.get("/v1/keys")).json()["keys"]}
    assert (keys[ended]["state"], keys[ended]["expires_at"]) == ("expired", "1970-01-01T00:00:02.000Z")
    assert (keys[gone]["state"], keys[gone]["revoked_at"]) == ("revoked", "1970-01-01T00:00:03.000Z")
    assert keys[gone]["scopes"] == ["read", "decide"]
    assert keys[gone]["last_used_at"] is None
    assert not any("sha" in name for each in keys.values() for name in each)
