"""The catalogue over HTTP."""

import json

import pytest

from app.database.engine import transaction
from app.http.auth import create_key
from app.items.following import Items
from app.items.schemas import MOST_ITEMS
from tests.items.conftest import MILK


def held(service):
    return service.resources.of(Items).catalogue


async def test_an_item_is_told_as_it_was_put(client, put):
    assert await put(MILK) == ["created"]
    item = (await client.get("/v1/items/4711")).json()
    assert item.pop("updated_at")
    assert item == {
        **MILK,
        "valid_from": "2025-12-31T16:00:00.000Z",
        "valid_to": "2026-12-31T16:00:00.000Z",
        "tags": ["cold", "organic"],
    }


async def test_what_is_left_out_goes_back_to_its_default(client, put):
    assert await put(MILK) == ["created"]
    assert await put({"item_id": "4711"}) == ["updated"]
    item = (await client.get("/v1/items/4711")).json()
    del item["updated_at"]
    assert item == {
        "item_id": "4711",
        "title": {"en": None, "zh": None},
        "category": [],
        "brand": None,
        "price": None,
        "margin": None,
        "in_stock": True,
        "in_stock_by_store": {},
        "valid_from": None,
        "valid_to": None,
        "tags": [],
        "hidden": False,
        "substitute_of": None,
        "pack_of": None,
    }


async def test_the_same_again_changes_nothing(service, put, sql):
    await put(MILK, {"item_id": "4712"})
    before = await sql.rows("SELECT item_id, version, updated_us FROM items ORDER BY item_id")
    again = {**MILK, "tags": ["cold", "organic", "cold"], "valid_from": "2025-12-31T16:00:00Z"}
    assert await put(again, {"item_id": "4712", "in_stock": True}) == ["unchanged", "unchanged"]
    assert await sql.rows("SELECT item_id, version, updated_us FROM items ORDER BY item_id") == before
    assert held(service).size == 2


async def test_the_next_request_sees_a_change(service, put):
    await put(MILK)
    assert held(service).item("4711").title("zh") == "全脂牛奶 1升"
    await put({**MILK, "title": {"en": "Milk"}})
    assert held(service).item("4711").title("zh") == "Milk"


async def test_a_bad_item_costs_no_other(service, client, put):
    answer = await client.put("/v1/items", json=[{"item_id": "a"}, {"item_id": "b", "prize": 1}, {"item_id": "c"}])
    told = answer.json()
    assert {name: told[name] for name in ("created", "updated", "unchanged", "rejected")} == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    bad = told["results"][1]
    assert bad["status"] == "rejected"
    assert bad["problem"]["errors"][0]["code"] == "unknown_member"
    assert held(service).size == 2


async def test_ten_thousand_items_of_which_one_is_bad(service, client, sql):
    """With titles in both languages, in one request; the next changes a tenth of them."""
    items = [
        {
            "item_id": f"I-{n}",
            "title": {"en": f"Item number {n}", "zh": f"第{n}号商品"},
            "category": ["food", f"aisle {n % 40}"],
            "brand": f"brand {n % 300}",
            "price": n / 100,
            "in_stock_by_store": {f"store-{n % 20}": False},
            "tags": ["new"] if n % 7 == 0 else [],
        }
        for n in range(MOST_ITEMS)
    ]
    items[5000]["price"] = -1
    body = json.dumps(items)
    assert len(body) > 1024 * 1024
    told = (await client.put("/v1/items", content=body, headers={"Content-Type": "application/json"})).json()
    assert (told["created"], told["rejected"]) == (MOST_ITEMS - 1, 1)
    assert [n for n, result in enumerate(told["results"]) if result["status"] == "rejected"] == [5000]
    assert await sql.value("SELECT count(*) FROM items") == held(service).size == MOST_ITEMS - 1
    assert held(service).item("I-9999").price_minor == 9999
    for item in items[:1000]:
        item["hidden"] = True
    told = (await client.put("/v1/items", json=items)).json()
    assert (told["updated"], told["unchanged"], told["rejected"]) == (1000, MOST_ITEMS - 1001, 1)


async def test_more_than_that_are_too_large(client):
    answer = await client.put("/v1/items", json=[{"item_id": "a"}] * (MOST_ITEMS + 1))
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("too-large")


async def test_a_body_has_an_end(client):
    answer = await client.put(
        "/v1/items", content=b" " * (8 * 1024 * 1024 + 1), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


async def test_an_id_twice_in_a_request(client, put):
    assert await put({"item_id": "a"}, {"item_id": "a"}) == ["created", "unchanged"]
    assert await put({"item_id": "a", "price": 1.0}, {"item_id": "a", "price": 2.0}) == ["updated", "rejected"]
    assert (await client.get("/v1/items/a")).json()["price"] == 1.0


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"item_id": ""}, "/item_id"),
        ({"item_id": "a\n"}, "/*"),
        ({"item_id": 4711}, "/item_id"),
        ({"title": "milk"}, "/title"),
        ({"title": {"de": "Milch"}}, "/title"),
        ({"category": "food"}, "/category"),
        ({"category": ["a"] * 9}, "/category"),
        ({"price": "12.80"}, "/price"),
        ({"price": 12.345}, "/price"),
        ({"price": -1}, "/price"),
        ({"margin": 22}, "/margin"),
        ({"in_stock": 1}, "/in_stock"),
        ({"in_stock_by_store": {"s": 3}}, "/in_stock_by_store/s"),
        ({"valid_from": "2026-01-01"}, "/valid_from"),
        ({"valid_from": "2026-01-01T00:00:00"}, "/valid_from"),
        ({"valid_to": 1780000000}, "/valid_to"),
        ({"valid_from": "2026-02-01T00:00:00Z", "valid_to": "2026-02-01T00:00:00Z"}, "/valid_to"),
        ({"tags": ["x" * 129]}, "/tags/0"),
        ({"hidden": None}, "/hidden"),
        ({"substitute_of": "x"}, "/substitute_of"),
        ({"colour": "red"}, ""),
    ],
)
async def test_a_single_item_that_is_refused(client, sql, members, pointer):
    answer = await client.put("/v1/items", json={"item_id": "x", **members})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["errors"][0]["pointer"] == pointer
    assert "red" not in problem["detail"]
    assert await sql.value("SELECT count(*) FROM items") == 0


@pytest.mark.parametrize("body", [b"[1]", b'["a"]', b"[null]", b"[[]]"])
async def test_what_is_no_item_is_rejected(client, body):
    told = (await client.put("/v1/items", content=body, headers={"Content-Type": "application/json"})).json()
    assert told["rejected"] == 1


@pytest.mark.parametrize("body", [b"1", b'"a"', b"null"])
async def test_what_is_no_list_either_is_refused(client, body):
    answer = await client.put("/v1/items", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


async def test_no_items_are_none(client):
    told = (await client.put("/v1/items", json=[])).json()
    assert told == {"created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "results": []}


async def test_a_deleted_item_is_gone_and_not_shown(service, client, put):
    await put(MILK, {"item_id": "b"})
    assert (await client.delete("/v1/items/4711")).status_code == 204
    assert (await client.get("/v1/items/4711")).status_code == 404
    assert (await client.delete("/v1/items/4711")).status_code == 404
    assert [item["item_id"] for item in (await client.get("/v1/items")).json()["items"]] == ["b"]
    catalogue = held(service)
    assert (catalogue.size, catalogue.item("4711").is_known, catalogue.item("4711").title("en")) == (1, False, None)
    assert not catalogue.may_be_shown(catalogue.places_of(["4711"]), 0)[0]
    assert await put(MILK) == ["created"]
    assert held(service).item("4711") is not None
    assert held(service).size == 2


async def test_ids_may_hold_anything(client, put):
    for item_id in ("a/b", "a%2Fb", "牛奶 1L", "a?b#c"):
        await put({"item_id": item_id})
        path = "".join(f"%{byte:02X}" for byte in item_id.encode())
        assert (await client.get(f"/v1/items/{path}")).json()["item_id"] == item_id
        assert (await client.delete(f"/v1/items/{path}")).status_code == 204
    assert (await client.get("/v1/items/%00")).status_code == 404
    assert (await client.delete("/v1/items/%00")).status_code == 404


async def test_the_list_goes_page_by_page(client, put):
    await put(*({"item_id": f"I-{n:02}", "category": ["food", "a" if n % 2 else "b"]} for n in range(7)))
    found, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/items", params=query)).json()
        assert len(page["items"]) <= 3
        found += [item["item_id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [f"I-{n:02}" for n in range(7)]
    page = (await client.get("/v1/items", params=[("category", "food"), ("category", "a")])).json()
    assert [item["item_id"] for item in page["items"]] == ["I-01", "I-03", "I-05"]
    assert (await client.get("/v1/items", params={"category": "a"})).json()["items"] == []
    assert (await client.get("/v1/items", params={"cursor": "x"})).status_code == 422
    assert (await client.get("/v1/items", params={"limit": 501})).status_code == 422
    assert (await client.get("/v1/items?category=%00")).status_code == 422


async def test_a_key_needs_its_scope(service, engine):
    async with transaction(engine) as connection:
        _, reads = await create_key(connection, "reads", ["read"], 1)
        _, ingests = await create_key(connection, "ingests", ["ingest"], 1)
    async with service.connect() as client:
        for key, wanted in ((reads, (403, 403, 404, 200)), (ingests, (200, 204, 403, 403)), ("none", (401,) * 4)):
            headers = {"Authorization": f"Bearer {key}"}
            answers = [
                await client.put("/v1/items", json={"item_id": "a"}, headers=headers),
                await client.delete("/v1/items/a", headers=headers),
                await client.get("/v1/items/a", headers=headers),
                await client.get("/v1/items", headers=headers),
            ]
            assert tuple(answer.status_code for answer in answers) == wanted


async def test_health_and_metrics_tell_of_the_catalogue(client, put):
    await put(MILK, {"item_id": "b"})
    check = (await client.get("/health")).json()["checks"]["items:catalogue"][0]
    assert check == {"status": "pass", "componentType": "component", "observedValue": 2, "observedUnit": "items"}
    told = (await client.get("/metrics")).text
    assert "perennial_items 2.0" in told
    assert 'perennial_item_changes_total{status="created"}' in told
