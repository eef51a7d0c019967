"""What a running service records, reads and cuts."""

import asyncio
import hashlib
import json
import time

import pytest

from app.audit.recorder import NOT_NOTED, Recorder
from app.audit.retention import cut_head
from app.database.engine import transaction
from app.http.auth import create_key
from app.lifecycle.events import DAY_US

ORDER = "POST /v1/checkouts"


@pytest.fixture(scope="module")
async def audited(serve):
    async with serve(audit_days=400) as service:
        yield service


@pytest.fixture
async def recorder(audited, sql, monkeypatch):
    monkeypatch.setattr("app.audit.recorder.EVERY_S", 3600.0)
    await audited.resources.refresh()
    held = audited.resources.of(Recorder)
    held._noted.clear()
    return held


@pytest.fixture
def rows_of(audited, recorder):
    """The rows that the service tells, the oldest first."""

    async def read(**asked):
        await recorder.write_noted()
        answer = await audited.client.get("/v1/audit", params=asked)
        assert answer.status_code == 200, answer.text
        recorder._noted.clear()  # that it was read
        return answer.json()["rows"][::-1]

    return read


async def key_id_of(sql, key):
    row = await sql.row(
        "SELECT key_id FROM api_keys WHERE key_sha256 = :sha", sha=hashlib.sha256(key.encode()).digest()
    )
    return row["key_id"]


async def test_who_read_and_changed_whom_is_told_with_request_ids(audited, recorder, rows_of, sql, shop):
    client, who = audited.client, f"key {await key_id_of(sql, audited.key)}"
    sent = [await client.post("/v1/checkouts", json={"event": shop.order(each)}) for each in ("C-1", "C-2")]
    await client.post("/v1/events", json=[shop.order("C-3"), shop.order("C-4")])
    read = await client.get("/v1/customers/C-1/score", headers={"X-Request-Id": "call-7"})
    batch = await client.post("/v1/scores:batch", json={"customer_ids": ["C-2", "C-3", "C-9"]})
    missed = await client.get("/v1/customers/nobody")
    await client.get("/v1/actions")
    assert (read.status_code, batch.status_code, missed.status_code) == (200, 200, 404)
    told = {row["operation"]: row for row in await rows_of()}
    names = {each: recorder.chain.hash_customer(each).hex() for each in ("C-1", "C-2", "C-3", "C-4", "C-9", "nobody")}
    assert {row["made_by"] for row in told.values()} == {who}
    sold = told[ORDER]
    assert (sold["act"], sold["calls"], sold["outcome"]) == ("change", 2, 200)
    assert sold["customers"] == [names["C-1"], names["C-2"]]
    assert sold["request_ids"] == [each.headers["x-request-id"] for each in sent]
    assert told["POST /v1/events"]["customers"] == [names["C-3"], names["C-4"]]
    seen = told["GET /v1/customers/{customer_id:path}/score"]
    assert (seen["act"], seen["customers"], seen["request_ids"]) == ("read", [names["C-1"]], ["call-7"])
    assert told["POST /v1/scores:batch"]["customers"] == [names["C-2"], names["C-3"], names["C-9"]]
    unknown = told["GET /v1/customers/{customer_id:path}"]
    assert (unknown["outcome"], unknown["customers"]) == (404, [names["nobody"]])
    assert "GET /v1/actions" not in told


async def test_it_can_be_asked_by_person_caller_act_and_time(audited, rows_of, shop):
    client, began = audited.client, shop.ago(seconds=1)
    merged = shop.event("customer.merged", "CARD-7", data={"merged": "WEB-9"})
    await client.post("/v1/events", json=[shop.order("CARD-7"), shop.order("WEB-9"), merged])
    await client.get("/v1/customers/WEB-9")
    await client.get("/v1/customers/C-3")
    assert [row["act"] for row in await rows_of(customer_id="CARD-7")] == ["change", "read"]
    assert [row["act"] for row in await rows_of(customer_id="C-3")] == ["read"]
    assert len(await rows_of(act="read")) == 2
    assert len(await rows_of(since=began)) == 3
    assert await rows_of(until=began) == []
    assert await rows_of(made_by="key none") == []
    page = (await client.get("/v1/audit", params={"limit": 2})).json()
    rest = (await client.get("/v1/audit", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [row["seq"] for row in page["rows"] + rest["rows"]] == [3, 2, 1]
    assert page["tip"] == f"3:{page['rows'][0]['hash']}"


async def test_the_chain_is_verified_up_to_its_end_and_a_row_that_was_changed_is_named(audited, recorder, rows_of, sql):
    client = audited.client
    await sql.rows("DELETE FROM audit_log RETURNING seq")
    empty = (await client.get("/v1/audit/chain")).json()
    assert (empty["rows"], empty["first"], empty["last"], empty["is_sound"]) == (0, None, None, True)
    for customer in ("C-1", "C-2", "C-3"):
        await client.get(f"/v1/customers/{customer}")
        await rows_of()
    sound = (await client.get("/v1/audit/chain")).json()
    assert (sound["rows"], sound["is_sound"], sound["findings"]) == (3, True, [])
    assert sound["tip"].startswith(f"{sound['last']}:")
    latest = (await client.get("/v1/audit/chain", params={"rows": 2})).json()
    assert (latest["first"], latest["rows"], latest["is_sound"]) == (sound["first"] + 1, 2, True)
    await sql.rows("UPDATE audit_log SET outcome = 200 WHERE seq = :seq RETURNING seq", seq=sound["first"] + 1)
    broken = (await client.get("/v1/audit/chain")).json()
    assert ([each["seq"] for each in broken["findings"]], broken["is_sound"]) == ([sound["first"] + 1], False)
    for wrong in (0, 20_001, "all"):
        assert (await client.get("/v1/audit/chain", params={"rows": wrong})).status_code == 422


async def test_who_is_read_by_phone_is_told_as_whom_they_are_kept(audited, rows_of, shop):
    await audited.client.post("/v1/events", json=shop.order("phone:+8613800138000"))
    for asked in ("phone:+8613800138000", "phone:+86 138 0013 8000"):
        assert (await audited.client.get(f"/v1/customers/{asked}/score")).status_code == 200
    rows = await rows_of(customer_id="phone:+8613800138000")
    assert [(row["act"], row["calls"], len(set(row["customers"]))) for row in rows] == [
        ("change", 1, 1),
        ("read", 2, 1),
    ]
    assert rows[0]["customers"] == rows[1]["customers"][:1]


async def test_an_export_and_an_erasure_are_recorded_before_they_are_answered(audited, recorder, sql, shop):
    client = audited.client
    await client.post("/v1/events", json=shop.order("C-secret"))
    await recorder.write_noted()
    assert (await client.get("/v1/customers/C-secret/export")).status_code == 200
    assert (await client.delete("/v1/customers/C-secret")).status_code == 200
    rows = await sql.rows("SELECT act, outcome, customers FROM audit_log ORDER BY seq DESC LIMIT 2")
    assert [(row["act"], row["outcome"]) for row in rows] == [("erase", 200), ("export", 200)]
    assert all(list(map(bytes, row["customers"])) == [recorder.chain.hash_customer("C-secret")] for row in rows)
    assert recorder.waiting == 0, "what is recorded is not noted beside it"
    whole = await sql.rows("SELECT CAST(audit_log AS text) AS row FROM audit_log")
    assert not [row for row in whole if "secret" in row["row"]]


async def test_a_change_that_does_not_come_about_is_not_said_to_have(audited, recorder, rows_of, sql):
    rule = {"rule_id": "r-1", "kind": "boost", "factor": 2.0, "category": ["x"]}
    answer = await audited.client.put("/v1/recommendations/rules/other", json=rule)
    gone = await audited.client.delete("/v1/recommendations/rules/Anna")
    assert (answer.status_code, gone.status_code) == (422, 404)
    told = await rows_of()
    assert [(row["outcome"], row["target"]) for row in told] == [(422, None), (404, None)], "which may name a person"


async def test_a_change_by_a_person_is_recorded_with_it(audited, recorder, sql):
    policy = (await audited.client.get("/v1/contact-policy")).json()["policy"]
    assert (await audited.client.put("/v1/contact-policy", json=policy)).status_code == 200
    (row,) = await sql.rows("SELECT * FROM audit_log")
    assert (row["act"], row["operation"], row["calls"]) == ("change", "PUT /v1/contact-policy", 1)
    assert recorder.waiting == 0


async def test_what_has_no_valid_key_is_not_noted_and_what_lacks_a_scope_is(audited, recorder, engine, sql):
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "till", ["ingest"], 1)
    for authorization in ("Bearer nobody", f"Bearer {key}"):
        await audited.client.get("/v1/customers/C-1", headers={"Authorization": authorization})
    assert [call.outcome for call in recorder._noted] == [403]


async def test_what_cannot_be_written_is_written_later_and_what_is_too_much_is_counted(
    audited, recorder, rows_of, sql, monkeypatch
):
    monkeypatch.setattr("app.audit.recorder.MOST_NOTED", 2)
    for number in range(5):
        await audited.client.get(f"/v1/customers/C-{number}")
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE audit_log")
        await other.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
        writing = asyncio.create_task(recorder._try_to_write())
        await sql.rows("SELECT pg_terminate_backend(:pid)", pid=await sql.wait_for_lock())
        await writing
    assert (recorder.waiting, recorder.failure is None) == (2, False)
    told = await rows_of()
    assert [(row["operation"], row["calls"]) for row in told][1:] == [(NOT_NOTED, 3)]
    assert told[0]["calls"] == 2
    await recorder._try_to_write()
    assert recorder.failure is None


async def test_several_workers_write_one_chain(audited, recorder, sql, perennial, serve, monkeypatch):
    async with serve(audit_days=400) as other:
        recorders = recorder, other.resources.of(Recorder)
        for number in range(5):
            for service in (audited, other):
                await service.client.get(f"/v1/customers/C-{number}")
            await asyncio.gather(*(each.write_noted() for each in recorders))
    monkeypatch.setenv("PERENNIAL_IDENTITY_KEY", "tests")
    assert "10 rows, 1 to 10: as they were written." in await asyncio.to_thread(perennial, "audit", "verify")
    await sql.rows("UPDATE audit_log SET made_by = 'key 0' WHERE seq = 4")
    await sql.rows("DELETE FROM audit_log WHERE seq IN (7, 10)")
    row = await sql.row("SELECT seq, hash FROM audit_log WHERE seq = 9")
    told = await asyncio.to_thread(perennial, "audit", "verify", "--tip", f"10:{bytes(row['hash']).hex()}")
    assert [line.split("\t")[0] for line in told.splitlines() if "\t" in line] == ["4", "8", "10"]
    assert "3 places are not as they were written." in told


async def test_what_is_old_is_cut_and_the_rest_is_verified_still(audited, recorder, sql, perennial, monkeypatch):
    for number in range(4):
        await audited.client.get(f"/v1/customers/C-{number}")
        await recorder.write_noted()
    tip = await asyncio.to_thread(perennial, "audit", "tip")
    now_us = time.time_ns() // 1000
    (third,) = await sql.rows("SELECT at_us FROM audit_log WHERE seq = 3")
    monkeypatch.setattr("app.audit.retention.PIECE", 1)
    assert await cut_head(sql.engine, recorder.chain, 400, third["at_us"] + 400 * DAY_US) == 2
    assert await cut_head(sql.engine, recorder.chain, 400, now_us) == 0
    monkeypatch.setenv("PERENNIAL_IDENTITY_KEY", "tests")
    told = await asyncio.to_thread(perennial, "audit", "verify", "--tip", tip)
    assert "4 rows, 3 to 6: as they were written." in told
    await sql.rows("DELETE FROM audit_log WHERE seq = 3")
    assert "Rows 1 to 3 are missing" in await asyncio.to_thread(perennial, "audit", "verify")


async def test_commands_are_recorded(sql, perennial, client, shop):
    await client.post("/v1/events", json=shop.order("C-1"))
    await asyncio.to_thread(perennial, "keys", "create", "Anna's till", "--scope", "read")
    await asyncio.to_thread(perennial, "export-customer", "C-1")
    listed = await asyncio.to_thread(perennial, "audit", "list")
    told = [json.loads(line) for line in listed.splitlines() if line.startswith("{")]
    assert [(row["operation"], row["act"]) for row in told] == [
        ("perennial export-customer", "export"),
        ("perennial keys create", "change"),
    ]
    assert told[1]["target"] in await asyncio.to_thread(perennial, "keys", "list")
    assert all(row["made_by"].startswith("user ") for row in told)
    assert len(told[0]["customers"]) == 1
    assert "Anna" not in listed


async def test_health_tells_the_tip(audited, recorder, client):
    await audited.client.get("/v1/customers/C-1")
    await recorder.write_noted()
    (check,) = (await audited.client.get("/health")).json()["checks"]["audit:tip"]
    assert (check["status"], check["observedValue"]) == ("pass", str(recorder.tip))
    assert recorder.tip.seq == 1
    assert "audit:tip" not in (await client.get("/health")).json()["checks"], "where nothing is recorded"
