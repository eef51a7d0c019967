"""`/v1/models`: who may, what is told, and what is refused."""

import pytest

from app.database.engine import transaction
from app.http.auth import create_key

NOT_PROMOTABLE = "urn:perennial:problem:not-promotable"


@pytest.fixture
async def pair(registry, make_artefact):
    """Directories of champion and challenger."""
    champion, challenger = make_artefact(), make_artefact()
    await registry.register(champion)
    await registry.register(challenger)
    return champion, challenger


@pytest.fixture
async def reader(engine, running_service, wait_until):
    """A client whose key may do anything but administer."""
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "reader", ["ingest", "read", "decide"], 1)
    async with running_service.connect(headers={"Authorization": f"Bearer {key}"}) as client:

        async def is_known():
            return (await client.get("/v1/actions")).status_code == 200

        await wait_until(is_known)
        yield client


async def test_the_list_of_models(client, pair):
    champion, challenger = pair
    models = (await client.get("/v1/models")).json()["models"]
    assert [(model["version"], model["state"]) for model in models] == [
        (challenger.name, "challenger"),
        (champion.name, "champion"),
    ]
    assert models[0] == {
        "version": challenger.name,
        "kind": "score",
        "state": "challenger",
        "simulated": False,
        "horizon_days": 90,
        "readable": True,
        "data_from": models[0]["data_from"],
        "data_until": models[0]["data_until"],
        "registered_at": "1970-01-01T00:00:01.000002Z",
        "changed_at": "1970-01-01T00:00:01.000002Z",
        "metrics": {"churn": {"models": {"perennial": {"auc": 0.8, "brier": 0.15}}}},
        "manifest_sha256": models[0]["manifest_sha256"],
    }


async def test_a_model_with_its_card_its_changes_and_how_it_fares(client, pair, sql):
    champion, challenger = pair
    await sql.rows(
        "INSERT INTO model_reports VALUES (:version, 'outcome', 1000000, 2000000, '{\"brier\": 0.2}')",
        version=champion.name,
    )
    told = (await client.get(f"/v1/models/{champion.name}")).json()
    assert told["card"] == f"# {champion.name}\n"
    assert told["manifest"]["version"] == champion.name
    assert [(change["act"], change["was"], change["state"]) for change in told["changes"]] == [
        ("registered", None, "champion")
    ]
    assert told["reports"] == [
        {
            "kind": "outcome",
            "at": "1970-01-01T00:00:01.000Z",
            "made_at": "1970-01-01T00:00:02.000Z",
            "report": {"brier": 0.2},
        }
    ]
    assert (await client.get(f"/v1/models/{challenger.name}")).json()["reports"] == []


async def test_a_promotion_and_a_rollback_say_who_and_why(client, pair, sql):
    champion, challenger = pair
    answer = await client.post(f"/v1/models/{challenger.name}:promote", json={"reason": "better in the shadow"})
    assert (answer.status_code, answer.json()) == (200, {"champion": challenger.name, "replaced": champion.name})
    answer = await client.post("/v1/models:rollback")
    assert (answer.status_code, answer.json()) == (200, {"champion": champion.name, "replaced": challenger.name})
    changes = (await client.get(f"/v1/models/{challenger.name}")).json()["changes"]
    key_id = await sql.value("SELECT key_id FROM api_keys WHERE name = 'tests' AND 'admin' = ANY (scopes) LIMIT 1")
    assert [(change["act"], change["reason"]) for change in changes] == [
        ("replaced", f"{champion.name} took its place."),
        ("promoted", "better in the shadow"),
        ("registered", changes[2]["reason"]),
    ]
    assert changes[0]["made_by"].startswith("key ")
    assert len(changes[0]["made_by"]) == len(f"key {key_id}")


async def test_what_is_refused(client, pair):
    champion, _ = pair
    again = await client.post(f"/v1/models/{champion.name}:promote")
    assert (again.status_code, again.json()["type"]) == (409, NOT_PROMOTABLE)
    assert again.json()["detail"] == f"{champion.name} is the champion already."
    nothing_before = await client.post("/v1/models:rollback")
    assert (nothing_before.status_code, nothing_before.json()["type"]) == (409, NOT_PROMOTABLE)
    for path in ("/v1/models/none-such:promote", "/v1/models/%00:promote"):
        assert (await client.post(path)).status_code == 404
    assert (await client.get("/v1/models/none-such")).status_code == 404
    assert (await client.get("/v1/models/%00")).status_code == 422


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "x" * 501}, {"why": "x"}, []])
async def test_a_reason_that_is_none(client, pair, body):
    champion, challenger = pair
    answer = await client.post(f"/v1/models/{challenger.name}:promote", json=body)
    assert answer.status_code == 422
    models = (await client.get("/v1/models")).json()["models"]
    assert {model["version"]: model["state"] for model in models}[champion.name] == "champion"


async def test_without_the_scope_admin(reader, pair):
    champion, challenger = pair
    for path in ("/v1/models", f"/v1/models/{champion.name}", f"/v1/models:compare?versions={champion.name},x"):
        assert (await reader.get(path)).status_code == 403
    for path in (f"/v1/models/{challenger.name}:promote", "/v1/models:rollback"):
        assert (await reader.post(path)).status_code == 403
    assert (await reader.get("/v1/models", headers={"Authorization": ""})).status_code == 401


async def predict(sql, version, customer_id, risk, orders_ahead=None):
    await sql.rows(
        "INSERT INTO predictions VALUES (:customer_id, :version, 1, :risk, 1.0, 100.0, :orders_ahead, :spend)",
        customer_id=customer_id,
        version=version,
        risk=risk,
        orders_ahead=orders_ahead,
        spend=None if orders_ahead is None else 100,
    )


async def test_models_side_by_side_on_the_same_customers(client, pair, sql):
    """C-1 bought, C-2 stayed away, C-3 is not known yet; of C-4 only one was asked."""
    one, other = (directory.name for directory in pair)
    for customer, first, second, came in (("C-1", 0.2, 0.1, 2), ("C-2", 0.4, 0.8, 0), ("C-3", 0.5, 0.6, None)):
        await predict(sql, one, customer, first, came)
        await predict(sql, other, customer, second, came)
    await predict(sql, one, "C-4", 0.9, 0)
    told = (await client.get("/v1/models:compare", params={"versions": f"{one},{other}"})).json()
    assert [model["version"] for model in told["models"]] == [one, other]
    (shadow,) = told["shadow"]
    assert (shadow["first"], shadow["second"], shadow["customers"], shadow["matured"]) == (one, other, 3, 2)
    assert shadow["mean_difference"] == pytest.approx((-0.1 + 0.4 + 0.1) / 3)
    assert shadow["mean_absolute_difference"] == pytest.approx((0.1 + 0.4 + 0.1) / 3)
    assert shadow["correlation"] == pytest.approx(0.09 / (0.14 / 3 * 0.26) ** 0.5)
    assert shadow["errors"] == {
        one: {"brier": pytest.approx((0.04 + 0.36) / 2), "log_loss": pytest.approx((0.22314 + 0.91629) / 2, abs=1e-4)},
        other: {
            "brier": pytest.approx((0.01 + 0.04) / 2),
            "log_loss": pytest.approx((0.10536 + 0.22314) / 2, abs=1e-4),
        },
    }


async def test_a_certain_risk_that_was_wrong_has_a_finite_loss(client, pair, sql):
    one, other = (directory.name for directory in pair)
    for version in (one, other):
        await predict(sql, version, "C-1", 1.0, 3)
    (shadow,) = (await client.get("/v1/models:compare", params={"versions": f"{one},{other}"})).json()["shadow"]
    assert shadow["errors"][one]["log_loss"] == pytest.approx(34.5, abs=0.1)


async def test_of_two_horizons_nobody_was_right(client, registry, make_artefact, sql):
    """One speaks of 90 days and one of 30: the orders of 90 days cannot judge both."""
    directories = (make_artefact(), make_artefact(horizon_days=30), make_artefact())
    one, short, same = (directory.name for directory in directories)
    for directory in directories:
        await registry.register(directory)
    for version, risk in ((one, 0.2), (short, 0.6), (same, 0.3)):
        await predict(sql, version, "C-1", risk, 0 if version == short else 2)
    told = (await client.get("/v1/models:compare", params={"versions": f"{one},{short},{same}"})).json()["shadow"]
    assert (told[0]["second"], told[0]["customers"], told[0]["matured"], told[0]["errors"]) == (short, 1, 0, None)
    assert told[0]["mean_difference"] == pytest.approx(0.4)
    assert told[0]["left_out"].startswith("One speaks of 90 days ahead, the other of 30:")
    assert (told[1]["second"], told[1]["matured"], told[1]["left_out"]) == (same, 1, None)
    assert told[1]["errors"][one]["brier"] == pytest.approx(0.04)


async def test_models_that_nobody_was_asked_of_by_both(client, pair):
    one, other = (directory.name for directory in pair)
    (shadow,) = (await client.get("/v1/models:compare", params={"versions": f"{other},{one}"})).json()["shadow"]
    assert (shadow["customers"], shadow["matured"], shadow["errors"], shadow["correlation"]) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("versions", "status"), [("a", 422), ("a,a", 422), (",".join("abcdefghi"), 422), ("a,b", 404), ("\0,b", 422)]
)
async def test_versions_that_cannot_be_compared(client, pair, versions, status):
    answer = await client.get("/v1/models:compare", params={"versions": versions})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("versions", ["", "a", "a,a", "a,b,a", "a,b/c", "a,", ",".join("abcdefghi")])
async def test_other_than_two_to_eight_different_versions_are_not_compared(client, versions):
    answer = await client.get("/v1/models:compare", params={"versions": versions})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/versions")
