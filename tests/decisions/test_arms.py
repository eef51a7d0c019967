"""The arms as the service keeps them: on receipts, through merges, and whether they have their shares."""

import asyncio
import time

import pytest

from app.decisions import arm_watch
from app.decisions.arm_queries import enter_persons
from app.decisions.arm_watch import watch_arms
from app.foundation.errors import NotReady
from app.lifecycle.arms import ARMS, Arms

THIRDS = Arms(0.3, 0.3, b"tests")
PEOPLE = [f"C-{number}" for number in range(120)]


@pytest.fixture
async def thirds(serve, sql):
    async with serve(control_share=0.3, usual_share=0.3, exploration=1.0) as service:
        yield service.client


async def decide(client, customer_id):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id})
    assert response.status_code == 200, response.text
    return (await client.get(f"/v1/decisions/{response.json()['decision_id']}")).json()["receipt"]


async def decide_all(client, people):
    """The receipts. A few at a time: they are read one by one."""
    receipts = []
    for at in range(0, len(people), 5):
        receipts += await asyncio.gather(*(decide(client, each) for each in people[at : at + 5]))
    return receipts


async def look(engine):
    return await watch_arms(engine, time.time_ns() // 1000)


async def test_the_receipt_names_the_arm(thirds):
    receipts = await decide_all(thirds, PEOPLE[:30])
    assert [receipt["customer"]["arm"] for receipt in receipts] == [THIRDS.of(each) for each in PEOPLE[:30]]
    for receipt in receipts:
        told = {receipt["customer"]["arm"]: [*receipt["selection_probabilities"].values()]}
        if receipt["customer"]["arm"] == "learner":
            assert 0.0 < told["learner"][0] < 1.0
        else:
            assert told in ({"control": []}, {"business_as_usual": [1.0]})


async def test_a_merge_leaves_the_survivor_where_they_were_and_the_receipt_says_whose_arm_it_is(thirds, shop):
    controls, usuals, learners = ([each for each in PEOPLE if THIRDS.of(each) == arm] for arm in ARMS)
    for survivor, merged in ((controls[0], usuals[0]), (usuals[1], learners[0]), (learners[1], controls[1])):
        before = (await decide(thirds, survivor))["customer"]["arm"]
        merge = shop.event("customer.merged", survivor, data={"merged": merged})
        assert (await thirds.post("/v1/events", json=merge)).status_code == 200
        for asked in (survivor, merged):
            known = (await decide(thirds, asked))["customer"]
            assert (known["arm"], known["person_id"] or asked) == (before, survivor)


async def test_arms_that_have_their_shares(thirds, engine):
    await decide_all(thirds, [*PEOPLE, *PEOPLE[:40]])
    report = await look(engine)
    assert report["persons"] == {arm: sum(THIRDS.of(each) == arm for each in PEOPLE) for arm in ARMS}
    assert report["expected"] == pytest.approx({"control": 36, "business_as_usual": 36, "learner": 48})
    (check,) = (await thirds.get("/health")).json()["checks"]["decisions:arms"]
    assert (check["status"], check["observedUnit"]) == ("pass", "probability")
    metrics = (await thirds.get("/metrics")).text
    assert f'perennial_arm_persons{{arm="control"}} {report["persons"]["control"]}' in metrics


async def test_arms_that_lack_people_are_told(thirds, engine):
    """A sender that does not ask for most of the control group."""
    asked = [each for each in PEOPLE if THIRDS.of(each) != "control"]
    await decide_all(thirds, asked)
    report = await look(engine)
    assert report["p"] < 0.001
    answer = (await thirds.get("/health")).json()
    (check,) = answer["checks"]["decisions:arms"]
    assert (answer["status"], check["status"]) == ("warn", "warn")
    assert "believe no measured effect" in check["output"]


async def test_who_was_counted_is_counted_once_by_the_first_decision(thirds, engine, sql):
    await decide(thirds, "C-1")
    await look(engine)
    first = await sql.row("SELECT * FROM arms")
    await decide(thirds, "C-1")
    await decide(thirds, "C-2")
    report = await look(engine)
    assert sum(report["persons"].values()) == 2
    assert await sql.row("SELECT * FROM arms WHERE person_id = 'C-1'") == first


async def test_receipts_are_read_in_pieces_and_what_is_stopped_goes_on(thirds, engine, sql, monkeypatch):
    await decide_all(thirds, PEOPLE[:7])
    monkeypatch.setattr(arm_watch, "AT_ONCE", 3)
    pieces: list[int] = []

    async def enter_or_stop(connection, from_us, until_us):
        pieces.append(from_us)
        if len(pieces) == 2:
            raise NotReady("The database is out of reach.")
        return await enter_persons(connection, from_us, until_us)

    monkeypatch.setattr(arm_watch, "enter_persons", enter_or_stop)
    with pytest.raises(NotReady):
        await look(engine)
    assert 0 < await sql.value("SELECT count(*) FROM arms") < 7
    report = await look(engine)
    assert pieces[2] > 0, "not from the beginning"
    assert sum(report["persons"].values()) == 7


async def test_it_is_looked_at_once_a_period(thirds, engine):
    now_us = time.time_ns() // 1000
    assert await watch_arms(engine, now_us, 10) is not None
    assert await watch_arms(engine, now_us + 9, 10) is None
    assert await watch_arms(engine, now_us + 10, 10) is not None


async def test_expected_by_the_shares_that_were_in_force(engine, sql):
    """A share that was changed makes no mismatch: whoever came before came under the one of then."""
    for person in range(200):
        arm, share = ("control", 0.5) if person < 60 or person >= 195 else ("learner", 0.5 if person < 120 else 0.05)
        share = 0.05 if person >= 120 else 0.5
        await sql.rows(f"INSERT INTO arms VALUES ('P-{person}', '{arm}', 1, {share}, 0.0)")
    report = await look(engine)
    assert report["expected"] == pytest.approx({"control": 64, "business_as_usual": 0, "learner": 136})
    assert report["p"] > 0.5
