"""Versions of actions: who changed what, when; and what an old receipt shows."""

import asyncio

from app.database.engine import transaction
from app.http.auth import create_key
from tests.decisions.test_http import ACTION, catalogue, decide, put  # noqa: F401


async def versions_of(client, action_id, **query):
    response = await client.get(f"/v1/actions/{action_id}/versions", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def made(action_id):
    return {**ACTION, "action_id": action_id}


async def test_every_change_is_a_version_and_no_change_is_none(catalogue):  # noqa: F811
    for cost in (1.0, 1.0, 2.0):
        await put(catalogue, {**made("versioned"), "cost": cost})
    await catalogue.delete("/v1/actions/versioned")
    told = (await versions_of(catalogue, "versioned"))["versions"]
    assert [each["definition"] and each["definition"]["cost"] for each in told] == [None, 2.0, 1.0]
    numbers = [each["version"] for each in told]
    assert numbers == sorted(numbers, reverse=True)
    assert len({each["changed_at"] for each in told}) == 3
    again = (await catalogue.delete("/v1/actions/versioned")).status_code
    assert again == 404
    assert (await versions_of(catalogue, "versioned"))["versions"] == told, "nothing was removed twice"


async def test_versions_are_paged(catalogue):  # noqa: F811
    for cost in (1.0, 2.0, 3.0):
        await put(catalogue, {**made("paged"), "cost": cost})
    first = await versions_of(catalogue, "paged", limit=2)
    second = await versions_of(catalogue, "paged", limit=2, cursor=first["next_cursor"])
    costs = [each["definition"]["cost"] for page in (first, second) for each in page["versions"]]
    assert (costs, second["next_cursor"]) == ([3.0, 2.0, 1.0], None)
    await catalogue.delete("/v1/actions/paged")


async def test_a_version_says_whose_key_it_was(catalogue, engine, service):  # noqa: F811
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "crm team", ["admin"], 1)
    bearer = {"authorization": f"Bearer {key}"}
    await catalogue.put("/v1/actions/keyed", json=made("keyed"), headers=bearer)
    await catalogue.delete("/v1/actions/keyed", headers=bearer)
    told = (await versions_of(catalogue, "keyed"))["versions"]
    assert [each["changed_by"] for each in told] == ["crm team", "crm team"]


async def test_the_seed_is_a_version_too(client):
    """The first one, however many other tests have made since."""
    page = await versions_of(client, "welcome-pack")
    while page["next_cursor"]:
        page = await versions_of(client, "welcome-pack", cursor=page["next_cursor"])
    told = page["versions"]
    assert told[-1]["changed_by"] == "perennial"
    assert told[-1]["definition"]["action_id"] == "welcome-pack"


async def test_what_never_was_has_no_versions(client):
    for name in ("never-was", "%00"):
        assert (await client.get(f"/v1/actions/{name}/versions")).status_code == 404


async def test_an_old_receipt_shows_the_actions_as_they_were(catalogue):  # noqa: F811
    await put(catalogue, {**made("tea-tasting"), "title": {"en": "Then", "zh": "当时"}})
    before = await decide(catalogue)
    await put(catalogue, {**made("tea-tasting"), "title": {"en": "Now", "zh": "现在"}})
    between = await decide(catalogue, "C-2")
    await catalogue.delete("/v1/actions/tea-tasting")
    titles = []
    for decision in (before, between):
        told = (await catalogue.get(f"/v1/decisions/{decision['decision_id']}")).json()
        titles.append(told["definitions"]["tea-tasting"]["title"]["en"])
        weighed = {*told["receipt"]["expected_values"], *told["receipt"]["suppressed"]}
        assert told["action_versions"].keys() == weighed
    assert titles == ["Then", "Now"]
    listed = (await catalogue.get("/v1/customers/C-2/decisions")).json()["decisions"]
    assert listed[0]["definitions"]["tea-tasting"]["title"]["en"] == "Now"


async def test_changes_at_the_same_time_take_turns(catalogue):  # noqa: F811
    await asyncio.gather(*(put(catalogue, {**made(f"at-once-{number}")}) for number in range(8)))
    numbers = [(await versions_of(catalogue, f"at-once-{number}"))["versions"][0]["version"] for number in range(8)]
    assert len(set(numbers)) == 8
    for number in range(8):
        await catalogue.delete(f"/v1/actions/at-once-{number}")
