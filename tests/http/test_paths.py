"""Customer ids in paths, whatever they hold."""

from urllib.parse import quote

import pytest

from app.http.paths import keep_slashes, read_id

IDS = [
    "a/score",
    "a/b/events",
    "/score",
    "score",
    "a/stages",
    "a/",
    "a%2Fscore",
    "100%",
    "%25",
    "C%2f",
    "会员/score",
    "a b+c",
]
EACH_ID = pytest.mark.parametrize("customer_id", IDS)


@pytest.mark.parametrize("call", ["", "/score", "/events", "/stages"])
@EACH_ID
def test_an_encoded_id_is_read_back(customer_id, call):
    raw = f"/v1/customers/{quote(customer_id, safe='')}{call}"
    kept = keep_slashes(raw, raw.encode())
    head, slash, tail = kept.rpartition("/")
    assert slash + tail == call or not call
    assert read_id((head if call else kept).removeprefix("/v1/customers/")) == customer_id


def test_other_paths_are_as_they_were():
    assert keep_slashes("/v1/actions/a/b", b"/v1/actions/a%2Fb") == "/v1/actions/a/b"
    assert keep_slashes("/v1/customers/a/b", b"") == "/v1/customers/a/b"


@EACH_ID
async def test_every_call_of_an_id_that_looks_like_a_call(client, sql, shop, customer_id):
    assert (await client.post("/v1/events", json=shop.order(customer_id))).status_code == 200
    path = f"/v1/customers/{quote(customer_id, safe='')}"
    profile = (await client.get(path)).json()
    assert (profile["customer_id"], profile["orders"]) == (customer_id, 1)
    assert (await client.get(f"{path}/score")).json()["customer_id"] == customer_id
    assert (await client.get(f"{path}/stages")).json()["customer_id"] == customer_id
    assert len((await client.get(f"{path}/events")).json()["events"]) == 1


async def test_a_slash_that_is_not_encoded_parts_as_before(client, sql, shop):
    for customer_id in ("a/b", "a/b/score"):
        await client.post("/v1/events", json=shop.order(customer_id))
    assert (await client.get("/v1/customers/a/b")).json()["customer_id"] == "a/b"
    assert (await client.get("/v1/customers/a/b/score")).json()["customer_id"] == "a/b"
    assert (await client.get("/v1/customers/a/b/score/score")).json()["customer_id"] == "a/b/score"
    assert "churn_risk" in (await client.get("/v1/customers/a/b%2Fscore/score")).json()
    assert "orders" in (await client.get("/v1/customers/a/b%2fscore")).json()
