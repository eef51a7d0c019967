"""The merchant's rules over HTTP."""

import pytest

from app.recommendations.held import Recommendations

RULES = "/v1/recommendations/rules"
PIN = {
    "rule_id": "week-48",
    "effect": "pin",
    "rank": 1,
    "title": {"en": "Our choice of the week", "zh": "本周推荐"},
    "items": ["4711", "4712"],
    "scenarios": ["home"],
    "stores": ["store-12"],
    "valid_from": "2026-11-23T00:00:00+08:00",
    "valid_to": "2026-11-30T00:00:00+08:00",
}


async def test_a_rule_is_put_told_and_in_force_at_once(service, client):
    put = await client.put(f"{RULES}/week-48", json=PIN)
    assert put.status_code == 200, put.text
    told = put.json()
    assert told == {
        **PIN,
        "factor": None,
        "most_depth": None,
        "category": [],
        "brand": None,
        "tag": None,
        "enabled": True,
    }
    assert (await client.get(RULES)).json() == {"rules": [told]}
    assert [rule.rule_id for rule in service.resources.of(Recommendations).rules] == ["week-48"]


async def test_a_rule_is_replaced_and_removed(service, client):
    await client.put(f"{RULES}/week-48", json=PIN)
    await client.put(f"{RULES}/milk", json={"rule_id": "milk", "effect": "hide", "tag": "cold"})
    again = await client.put(
        f"{RULES}/week-48", json={"rule_id": "week-48", "effect": "boost", "factor": 2, "tag": "x"}
    )
    assert again.json()["effect"] == "boost"
    rules = (await client.get(RULES)).json()["rules"]
    assert [rule["rule_id"] for rule in rules] == ["milk", "week-48"]
    assert (await client.delete(f"{RULES}/milk")).status_code == 204
    assert (await client.delete(f"{RULES}/milk")).status_code == 404
    assert [rule.rule_id for rule in service.resources.of(Recommendations).rules] == ["week-48"]


async def test_what_was_put_elsewhere_is_read_again(service, client):
    await client.put(f"{RULES}/week-48", json=PIN)
    service.resources.of(Recommendations).rules = ()
    await service.resources.refresh()
    assert [rule.items for rule in service.resources.of(Recommendations).rules] == [("4711", "4712")]


@pytest.mark.parametrize(
    ("rule_id", "content", "pointer"),
    [
        ("other", PIN, "/rule_id"),
        ("week-48", {**PIN, "rank": 0}, "/rank"),
        ("week-48", {**PIN, "rank": None}, ""),
        ("week-48", {**PIN, "valid_from": "2026-11-23T00:00:00"}, "/valid_from"),
        ("week-48", {**PIN, "scenarios": ["till"]}, "/scenarios/0"),
        ("week-48", {**PIN, "surprise": 1}, ""),
        ("week-48", {"rule_id": "week-48", "effect": "limit", "tag": "x"}, ""),
        ("week-48", {"rule_id": "week-48", "effect": "hide", "most_depth": 0.1, "tag": "x"}, ""),
        ("week-48", {"rule_id": "week-48", "effect": "limit", "most_depth": 1.1, "tag": "x"}, "/most_depth"),
        ("week-48", {"rule_id": "week-48", "effect": "limit", "most_depth": 0.1, "tag": "x", "stores": ["a"]}, ""),
    ],
)
async def test_a_rule_that_is_none_is_refused_by_name(client, rule_id, content, pointer):
    refused = await client.put(f"{RULES}/{rule_id}", json=content)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await client.get(RULES)).json() == {"rules": []}
