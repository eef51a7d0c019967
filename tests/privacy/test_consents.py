"""The log of consents, and who refuses profiling."""

import asyncio
import json

import pytest


def consent(shop, purpose, granted, subject="C-1", **data):
    at = data.pop("at", None)
    return shop.event("consent.changed", subject, at=at, data={"purpose": purpose, "granted": granted, **data})


async def test_every_word_is_told_with_what_was_asked(client, shop):
    first = consent(
        shop, "marketing", True, channel="sms", version="2025-03", wording="Yes, texts.", at=shop.ago(days=2)
    )
    second = consent(shop, "profiling", False, wording_version=7)
    merged = shop.event("customer.merged", "C-2", data={"merged": "C-1"})
    await client.post("/v1/events", json=[first, second, merged, consent(shop, "marketing", True, "C-3")])
    told = (await client.get("/v1/customers/C-2/consents")).json()
    assert told["next_cursor"] is None
    latest, earlier = told["consents"]
    assert earlier.pop("received_at") > earlier.pop("time")
    assert earlier == {
        "customer_id": "C-1",
        "purpose": "marketing",
        "channel": "sms",
        "granted": True,
        "source": first["source"],
        "event_id": first["id"],
        "version": "2025-03",
        "wording": "Yes, texts.",
    }
    assert [latest[name] for name in ("purpose", "channel", "granted", "version", "wording")] == [
        "profiling",
        "*",
        False,
        "7",
        None,
    ]


async def test_the_log_is_paged_and_empty_for_whoever_said_nothing(client, shop):
    words = [consent(shop, f"purpose-{number}", True, at=shop.ago(days=9 - number)) for number in range(3)]
    await client.post("/v1/events", json=words)
    first = (await client.get("/v1/customers/C-1/consents?limit=2")).json()
    rest = (await client.get("/v1/customers/C-1/consents", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    purposes = [each["purpose"] for each in first["consents"] + rest["consents"]]
    assert purposes == ["purpose-2", "purpose-1", "purpose-0"]
    assert (await client.get("/v1/customers/nobody/consents")).json() == {"consents": [], "next_cursor": None}


@pytest.fixture
async def refusing(client, shop):
    """C-1 bought as C-2 did, and refuses profiling; C-3 and C-4 are one person, and so is their refusal."""
    orders = [shop.order(f"C-{n}", at=shop.ago(days=days)) for n in (1, 2, 3, 4) for days in (200, 170, 140)]
    visits = [shop.event("store.visited", f"V-{n}") for n in (1, 2)]
    merged = shop.event("customer.merged", "C-3", data={"merged": "C-4"})
    refusals = [consent(shop, "profiling", False, each) for each in ("C-1", "C-4", "V-1")]
    assert (await client.post("/v1/events", json=[*orders, *visits, merged, *refusals])).json()["rejected"] == 0


async def test_who_refuses_is_scored_as_unknown_and_the_score_says_so(client, refusing):
    ids = ["C-1", "C-2", "C-3", "C-4"]
    batch = (await client.post("/v1/scores:batch", json={"customer_ids": ids})).json()["scores"]
    for customer_id, in_batch in zip(ids, batch, strict=True):
        single = (await client.get(f"/v1/customers/{customer_id}/score")).json()
        for told in (single, in_batch):
            is_refusing = customer_id != "C-2"
            assert ("profiling_refused" in told["flags"]) is is_refusing
            assert (told["churn_risk"] is None) is is_refusing
            assert (told["expected_spend"] is None) is is_refusing
            assert (told["stage"] == "prospect") is is_refusing
            assert (told["data_sufficiency"] == "none") is is_refusing
    assert (await client.get("/v1/customers/C-1")).json()["orders"] == 3


async def test_nobody_who_refuses_is_swept_published_or_listed(client, perennial, sql, refusing):
    await asyncio.to_thread(perennial, "sweep")
    await asyncio.to_thread(perennial, "score")
    for table in ("stages", "scores"):
        found = {row["customer_id"] for row in await sql.rows(f"SELECT customer_id FROM {table}")}
        assert found == {"C-2", "V-2"}
    listed = (await client.get("/v1/prospects")).json()
    assert "V-2" in json.dumps(listed)
    assert "V-1" not in json.dumps(listed)


async def test_a_refusal_ends_the_record_of_stages_and_a_grant_begins_it_again(client, perennial, sql, shop):
    orders = [shop.order(each, at=shop.ago(days=5)) for each in ("C-1", "C-3", "C-4")]
    merged = shop.event("customer.merged", "C-3", data={"merged": "C-4"})
    await client.post("/v1/events", json=[*orders, merged])
    await asyncio.to_thread(perennial, "sweep")
    stages = "SELECT customer_id FROM stages ORDER BY 1"
    assert [row["customer_id"] for row in await sql.rows(stages)] == ["C-1", "C-3"]
    refusals = [consent(shop, "profiling", False, each, at=shop.ago(seconds=2)) for each in ("C-1", "C-4")]
    await client.post("/v1/events", json=refusals)
    checkout = await client.post("/v1/checkouts", json={"event": shop.order("C-1"), "channel": "store"})
    assert checkout.json()["score"]["flags"] == ["profiling_refused"]
    await asyncio.to_thread(perennial, "sweep")
    assert await sql.rows(stages) == []
    ended = "SELECT customer_id, rule FROM stage_transitions WHERE to_stage IS NULL ORDER BY 1"
    assert [tuple(row.values()) for row in await sql.rows(ended)] == [
        ("C-1", "profiling_refused"),
        ("C-3", "profiling_refused"),
    ]
    await client.post("/v1/events", json=[consent(shop, "personalization", True, each) for each in ("C-1", "C-4")])
    await asyncio.to_thread(perennial, "sweep")
    assert [row["customer_id"] for row in await sql.rows(stages)] == ["C-1", "C-3"]


async def test_who_refuses_everything_refuses_profiling_until_it_is_granted_by_name(client, perennial, sql, shop):
    orders = [shop.order(f"C-{number}", at=shop.ago(days=9)) for number in range(1, 6)]
    words = [
        consent(shop, "all", False, "C-1", at=shop.ago(days=2)),
        consent(shop, "all", False, "C-2", at=shop.ago(days=2)),
        consent(shop, "personalization", True, "C-2", at=shop.ago(days=1)),
        consent(shop, "personalization", True, "C-3", at=shop.ago(days=2)),
        consent(shop, "all", False, "C-3", at=shop.ago(days=1)),
        consent(shop, "all", True, "C-4"),
    ]
    await client.post("/v1/events", json=[*orders, *words])
    await asyncio.to_thread(perennial, "score")
    published = {row["customer_id"] for row in await sql.rows("SELECT customer_id FROM scores")}
    assert published == {"C-2", "C-4", "C-5"}
    for number in range(1, 6):
        told = (await client.get(f"/v1/customers/C-{number}/score")).json()
        assert ("profiling_refused" in told["flags"]) is (f"C-{number}" not in published)


async def test_a_decision_says_so_and_goes_by_nothing(client, refusing):
    for customer_id, is_refusing in (("C-1", True), ("C-2", False)):
        answer = (await client.post("/v1/decisions", json={"customer_id": customer_id, "channel": "store"})).json()
        codes = {each["code"] for each in answer["suppressed"]}
        assert ("profiling_opt_out" in codes) is is_refusing
        (receipt,) = (await client.get(f"/v1/customers/{customer_id}/decisions")).json()["decisions"]
        standing = receipt["receipt"]["customer"]
        assert (standing["churn_risk"] in (None, 0.0)) is is_refusing, standing
        assert standing["refuses_profiling"] is is_refusing
