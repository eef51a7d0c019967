"""The wall clock is set an hour forward, an hour back, and back again, while the service runs: tills notice nothing."""

import time

import pytest

from app.foundation.exposition import Board
from app.foundation.times import ForwardClock

HOUR_S = 3600


@pytest.fixture
def jump(monkeypatch):
    """Sets the wall clock so many seconds off the true one; the monotonic one goes on, as the system's does."""
    now_s, now_ns = time.time, time.time_ns

    def set_off(seconds):
        monkeypatch.setattr(time, "time", lambda: now_s() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: now_ns() + seconds * 10**9)

    return set_off


async def sell(client, event):
    answer = await client.post("/v1/checkouts", json={"event": event, "max_actions": 1})
    assert answer.status_code == 200, answer.text
    return answer.json()


def offered(answer):
    return {action["action_id"] for action in answer["decision"]["actions"]}


@pytest.mark.parametrize("jumps", [(HOUR_S, 0), (-HOUR_S, 0)], ids=["forward", "back"])
async def test_tills_keys_and_cool_downs_go_on_and_events_count_once(client, sql, shop, jump, jumps):
    before = shop.order(total=80)
    answers = [await sell(client, before)]
    for seconds in jumps:
        jump(seconds)
        again = await sell(client, before)
        assert again == {**answers[0], "event": {"status": "duplicate"}}
        answers.append(await sell(client, shop.order(total=80)))
        assert (await client.get("/v1/customers/C-1/score")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
    given = [offered(answer) for answer in answers]
    assert len(set.union(*given)) == sum(map(len, given))  # what was offered cools down, whatever the clock says
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 3
    assert await sql.value("SELECT count(*) FROM decisions WHERE customer_id = 'C-1'") == 3


async def test_numbers_of_workers_that_live_count_and_those_of_the_gone_do_not(tmp_path, jump):
    living, gone = Board(tmp_path, 0), Board(tmp_path, 1)
    living.publish([("perennial_workers", (), 1)])
    gone.publish([("perennial_workers", (), 1)])
    path = tmp_path / "1.json"
    path.write_text(path.read_text().replace('"at_s":', '"at_s":-'))
    for seconds in (HOUR_S, -HOUR_S):
        jump(seconds)
        assert [len(told["gauges"]) for told in sorted(living.read(), key=lambda told: -told["at_s"])] == [1, 0]


def test_the_clock_of_admission_goes_forward_alone_and_believes_what_corrects_it_by_days(jump):
    clock = ForwardClock()
    began_us = clock()
    jump(-HOUR_S)
    assert 0 <= clock() - began_us < 60_000_000
    jump(HOUR_S)
    assert 0 <= clock() - began_us - HOUR_S * 1_000_000 < 60_000_000
    jump(-24 * HOUR_S)
    assert clock() < began_us - 23 * HOUR_S * 1_000_000
