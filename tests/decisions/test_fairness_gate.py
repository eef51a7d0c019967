"""A policy that would treat some customers otherwise than the champion is put in force with a second person's word
alone, by whoever promotes it: a person, training, or retraining."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.choice_queries import read_attribute, read_recent
from app.decisions.fairness_gate import Choosing, attribute_members, compare, gates_of
from app.foundation.errors import NotApprovable, NotPromotable
from app.foundation.settings import Settings
from app.http.auth import create_key
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.learned_effects import LearnedEffects
from app.models.service import approve, promote, register, rollback
from ml.training.settling import Verdict, settle
from tests.models.policies import judged, write_policy

SAME = {"not_in_the_catalogue": 0.0}
"""What a policy says that decides as the rules do."""
BY_VALUE = {"membership_invitation": 0.0, "by_value": 9.0}
"""An invitation is worth more to who spends more: the rules give it to who spends little, and points to the others."""


async def decide(client, customer_id):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, "channel": "web"})
    assert response.status_code == 200, response.text


@pytest.fixture
async def decided(serve, sql, shop):
    """60 who spend little, 60 who spend much and are women, 60 who never bought. All were decided of."""
    async with serve(control_share=0.2, usual_share=0.2) as service:
        events = []
        for number in range(120):
            customer_id, total = f"C-{number}", 20.0 if number < 60 else 400.0
            events += [shop.order(customer_id, total=total, at=shop.ago(days=days)) for days in (70, 40, 10)]
            told = {"gender": "m" if number < 60 else "f"}
            events.append(shop.event("customer.identified", customer_id, data=told, at=shop.ago(days=70)))
        response = await service.client.post("/v1/events", json=events)
        assert response.json()["rejected"] == 0, response.text
        for begin in range(0, 180, 20):
            await asyncio.gather(*(decide(service.client, f"C-{number}") for number in range(begin, begin + 20)))


class Registry:
    """Policies that are told apart by a day."""

    def __init__(self, engine, directory):
        self.engine, self.directory, self.now_us = engine, directory, 0
        self.gates = gates_of(Settings(audit_attribute="gender"))

    async def ask(self, function, *arguments, **named):
        self.now_us += 1
        async with transaction(self.engine) as connection:
            return await function(connection, arguments[0], self.now_us, *arguments[1:], **named)

    async def register(self, day, *, by="training", metrics=None, by_value=0.0, **effects):
        made_at = datetime(2026, 3, day, tzinfo=UTC)
        directory = write_policy(self.directory, made_at, effects, metrics=metrics, by_value=by_value)
        return await self.ask(register, directory, by, gates=self.gates)

    async def promote(self, version, by, **named):
        return await self.ask(promote, version, by, "it is better", **{"gates": self.gates, **named})

    async def approve(self, version, by):
        return await self.ask(approve, version, by, "shown to the works council", gates=self.gates)


@pytest.fixture
def registry(engine, tmp_path):
    return Registry(engine, tmp_path)


@pytest.mark.usefixtures("decided")
async def test_a_disparate_change_is_not_promoted_without_the_word_of_another(registry, sql):
    first, second = await registry.register(1, **SAME), await registry.register(2, **BY_VALUE)
    assert (first.state, second.state) == ("champion", "challenger")
    with pytest.raises(NotPromotable) as refused:
        await registry.promote(second.version, "Ann")
    told = str(refused.value)
    assert "of the others" in told
    assert f"by {first.version}" in told
    assert f"perennial models approve {second.version}" in told
    with pytest.raises(NotApprovable, match="cannot be the second person"):
        await registry.approve(second.version, "training")
    word = await registry.approve(second.version, "Bob")
    assert (word["against"], word["made_by"], word["reason"]) == (first.version, "Bob", "shown to the works council")
    with pytest.raises(NotPromotable, match="second person"):
        await registry.promote(second.version, "Bob")
    with pytest.raises(NotPromotable, match="Say who"):
        await registry.promote(second.version, "the command line")
    assert (await registry.promote(second.version, "Ann")).replaced == first.version
    (report,) = await sql.rows("SELECT report FROM model_reports WHERE version = :v AND at_us > 5", v=second.version)
    disparate = report["report"]["disparate"]
    assert {(each["attribute"], each["member"]) for each in disparate} >= {("gender", "f"), ("value tier", "low")}
    assert {each["chosen"] for each in disparate} >= {"membership-invitation", "tier-up-nudge"}
    assert report["report"]["customers"] == 180


@pytest.mark.usefixtures("decided")
async def test_a_word_is_for_one_change_and_thirty_days(registry, sql):
    """The champion that it was given against is another by then, or it was given too long ago."""
    await registry.register(1, **SAME)
    third = await registry.register(3, **BY_VALUE)
    await registry.approve(third.version, "Bob")
    await sql.rows("UPDATE model_approvals SET against = 'another'")
    with pytest.raises(NotPromotable, match="second person"):
        await registry.promote(third.version, "Ann")
    await registry.approve(third.version, "Bob")
    registry.now_us += 31 * 86_400_000_000
    with pytest.raises(NotPromotable, match="second person"):
        await registry.promote(third.version, "Ann")


@pytest.mark.usefixtures("decided")
async def test_what_treats_everybody_as_before_needs_nobodys_word(registry):
    await registry.register(1, **SAME)
    second = await registry.register(2, not_in_the_catalogue=1.0)
    with pytest.raises(NotApprovable, match="no group is chosen for otherwise"):
        await registry.approve(second.version, "Bob")
    await registry.promote(second.version, "Ann")


@pytest.mark.usefixtures("decided")
async def test_without_a_gate_no_policy_is_promoted(registry):
    first = await registry.register(1, **SAME)
    await registry.ask(register, write_policy(registry.directory, datetime(2026, 3, 2, tzinfo=UTC), {}), "training")
    with pytest.raises(NotPromotable, match="cannot be compared"):
        await registry.promote((await registry.register(3, **SAME)).version, "Ann", gates={})
    assert first.state == "champion"


@pytest.mark.usefixtures("decided")
async def test_what_promotes_by_itself_does_not_pass_it(registry, engine):
    """The first policy, and a retraining that found the new one better. A way back is open all the same."""
    first = await registry.register(1, **BY_VALUE)
    assert first.state == "challenger"
    assert "by rules" in first.sentence
    assert "perennial models approve" in first.sentence
    second = await registry.register(2, **SAME)
    assert second.state == "champion"
    third = await registry.register(3, **BY_VALUE)
    told = await settle(engine, second.version, third.version, Verdict(True, "Better."), "policy", registry.gates)
    assert told.endswith(f"stays a challenger; 'perennial models promote {third.version}' puts it in force then.")
    assert "second person" in told
    await registry.approve(third.version, "Bob")
    await registry.promote(third.version, "Ann")
    async with transaction(engine) as connection:
        assert (await rollback(connection, 99, "Ann", kind="policy")).version == second.version


@pytest.mark.usefixtures("sql")
@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ({"decisions": 500}, "not judged beside the rules"),
        (judged(-0.1), r"worse than the rules: -0.1000 a decision \(-0.6000 to \+0.4000\)"),
        (judged(warnings=["few_effective"]), r"cannot say whether it is worse than the rules \(few_effective\)"),
        (
            judged(0.0),
            r"serves at once. By the log it brings \+0.0000 a decision \(-0.5000 to \+0.5000\) more than the rules",
        ),
    ],
)
async def test_the_first_policy_serves_where_the_log_does_not_say_that_it_is_worse(registry, metrics, told):
    first = await registry.register(1, metrics=metrics, **SAME)
    assert first.state == ("champion" if metrics == judged(0.0) else "challenger")
    assert re.search(told, first.sentence)
    if first.state == "challenger":  # a person may put it in force
        await registry.promote(first.version, "Ann")


@pytest.mark.usefixtures("decided")
async def test_over_http_another_key_approves(serve, registry, engine):
    await registry.register(1, **SAME)
    second = await registry.register(2, **BY_VALUE)
    async with transaction(engine) as connection:
        id_, key = await create_key(connection, "works council", ["admin"], 1)
    async with serve() as service:
        client, path = service.client, f"/v1/models/{second.version}"
        refused = await client.post(f"{path}:promote")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:perennial:problem:not-promotable")
        (report,) = (await client.get(path)).json()["reports"]
        assert report["report"]["sentence"] in refused.json()["detail"]
        assert "tier-up-nudge" in {each["chosen"] for each in report["report"]["disparate"]}
        assert (await client.post(f"{path}:approve", json={"reason": ""})).status_code == 422
        assert (await client.post(f"{path}:approve", json={"reason": "mine"})).status_code == 200
        assert (await client.post(f"{path}:promote")).status_code == 409
        other = {"Authorization": f"Bearer {key}"}
        word = await client.post(f"{path}:approve", json={"reason": "it is right"}, headers=other)
        assert word.json()["made_by"] == f"key {id_}"
        assert (await client.post(f"{path}:promote")).status_code == 200
        shown = (await client.get(path)).json()
        assert shown["approvals"][0]["made_by"] == f"key {id_}"
        assert {report["kind"] for report in shown["reports"]} == {"choices"}
        unknown = await client.post("/v1/models/none-such:approve", json={"reason": "x"})
        assert unknown.status_code == 404


@pytest.mark.usefixtures("decided")
async def test_a_test_gives_no_customers_to_what_would_not_be_promoted(serve, registry, shop):
    first, second = await registry.register(1, **SAME), await registry.register(2, **BY_VALUE)
    wanted = {"b": {"policy": second.version}, "ends_at": shop.ago(days=-28), "looked_for": 0.05}
    async with serve() as service:
        refused = await service.client.put("/v1/tests/by-value", json=wanted)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:perennial:problem:not-promotable")
        assert "second person" in refused.json()["detail"]
        assert (await service.client.get("/v1/tests")).json() == {"tests": []}
        known = {**wanted, "b": {"policy": first.version, "exploration": 0.5}, "channels": ["app"]}
        assert (await service.client.put("/v1/tests/chance", json=known)).status_code == 200
        registry.now_us = time.time_ns() // 1000
        await registry.approve(second.version, "Bob")
        put = await service.client.put("/v1/tests/by-value", json={**wanted, "channels": ["web"]})
        assert put.status_code == 200


@pytest.mark.usefixtures("decided")
async def test_at_the_command_line_they_say_who_they_are(registry, perennial, monkeypatch):
    monkeypatch.setenv("PERENNIAL_AUDIT_ATTRIBUTE", "gender")
    await registry.register(1, **SAME)
    second = await registry.register(2, **BY_VALUE)

    def run(*words):
        return asyncio.to_thread(perennial, "models", *words)

    with pytest.raises(NotPromotable, match="second person"):
        await run("promote", second.version)
    assert {told["kind"] for told in json.loads(await run("show", second.version, "--json"))["reports"]} == {"choices"}
    assert "Bob at the command line approves" in await run("approve", second.version, "--by", "Bob", "--reason", "fine")
    for nobody in ((), ("--by", " ")):
        with pytest.raises(NotPromotable, match="'--by'"):
            await run("promote", second.version, *nobody)
    with pytest.raises(NotPromotable, match="second person"):
        await run("promote", second.version, "--by", "Bob ")
    assert "is in force" in await run("promote", second.version, "--by", "Ann")
    shown = await run("show", second.version)
    assert "approved by Bob at the command line. fine Of 60 customers" in shown
    assert json.loads(await run("show", second.version, "--json"))["approvals"][0]["reason"] == "fine"


@pytest.mark.usefixtures("decided")
async def test_an_action_may_be_named_as_its_group(engine):
    async with transaction(engine) as connection:
        rows, catalogue = await read_recent(connection, 0, 10**17, 5000), await read_catalogue(connection)
    invitation = catalogue.by_id["membership-invitation"]
    renamed = invitation.model_copy(update={"action_id": invitation.group})
    everybody = {("side", side): np.arange(len(rows)) % 2 == which for which, side in enumerate("ab")}
    none = np.zeros((0, 6, 6)), np.zeros((0, 6, 3, 3)), np.zeros(0, np.int64)
    learned = LearnedEffects((), *none, np.ones(2), np.ones(2))
    choosing = Choosing(ActionCatalogue([renamed]), ContactRules())
    shifts = [each for each in compare(rows, everybody, (None, learned), choosing) if each.member == "a"]
    shares = {each.chosen: each.before for each in shifts}
    assert set(shares) == {invitation.group, f"any {invitation.group}", "any action"}
    assert 0 < shares[invitation.group] == shares["any action"] <= 1


@pytest.mark.usefixtures("decided")
async def test_each_person_counts_once_by_the_latest_decision(serve, engine, sql):
    async with serve() as service:
        await decide(service.client, "C-0")
        await sql.rows("INSERT INTO persons (customer_id, person_id) VALUES ('C-7', 'C-8'), ('C-8', 'C-8')")
        await decide(service.client, "C-7")
        await decide(service.client, "C-8")
        late = {"customer_id": "C-9", "channel": "web", "learning_enabled": False}
        assert (await service.client.post("/v1/decisions", json=late)).status_code == 200
    async with transaction(engine) as connection:
        rows = await read_recent(connection, 0, 10**17, 5000)
        assert len(await read_recent(connection, 0, 10**17, 30)) == 30
    assert len({row.person_id for row in rows}) == len(rows)
    latest = await sql.rows("SELECT customer_id, max(decided_us) AS us FROM decisions GROUP BY 1")
    assert {row.customer_id: row.decided_us for row in rows}["C-0"] == {r["customer_id"]: r["us"] for r in latest}[
        "C-0"
    ]
    assert all(row.receipt["request"]["learning_enabled"] for row in rows)


async def test_the_attribute_is_what_was_last_said_of_the_person(serve, engine, sql, shop):
    async with serve() as service:
        events = [
            shop.event("customer.identified", "C-1", data={"gender": "f"}, at=shop.ago(days=1)),
            shop.event("customer.identified", "C-1", data={"gender": "m"}, at=shop.ago(days=2)),
            shop.event("customer.identified", "C-1", data={"birthday": "1990-01-01"}),
            shop.event("customer.identified", "C-3", data={"gender": "x"}, at=shop.ago(days=2)),
            shop.event("customer.merged", "C-2", data={"merged": "C-3"}),
        ]
        assert (await service.client.post("/v1/events", json=events)).json()["rejected"] == 0
    async with transaction(engine) as connection:
        assert await read_attribute(connection, ["C-1", "C-2", "C-9"], "gender") == {"C-1": "f", "C-2": "x"}


def test_birthdays_are_read_as_ages_and_rare_values_are_left_to_the_others():
    class Row:
        def __init__(self, number):
            self.customer_id = str(number)

    rows = [Row(number) for number in range(150)]
    now_us = round(datetime(2026, 11, 27, tzinfo=UTC).timestamp() * 1e6)
    told = {str(number): ("1996-11-28", "1996-11-27", "none")[number // 60] for number in range(140)}
    members = attribute_members(rows, "birthday", told, now_us)
    assert {name: int(own.sum()) for name, own in members.items()} == {
        ("birthday", "under 30"): 60,
        ("birthday", "30 to 44"): 60,
    }
    assert {name for _, name in attribute_members(rows, "tribe", told, now_us)} == {"1996-11-28", "1996-11-27"}
