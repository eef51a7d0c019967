"""What is decided and not delivered yet holds its place, until its time is over; then it is given back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.decisions.held import Decisions
from app.decisions.releasing import release_all_overdue
from app.foundation.times import to_us
from tests.decisions.acting import (
    SMALL,
    action_of,
    ask_to_deliver,
    consent,
    decide,
    put_policy,
    suppressed,
    tell_delivered,
)


@pytest.mark.usefixtures("capped")
async def test_a_word_without_the_decision_is_of_none_whose_reservation_was_over(client, shop, sql):
    decision = await decide(client, "C-1")
    await sql.rows("UPDATE contacts SET reserved_until_us = decided_us - 60000000")
    await tell_delivered(client, shop, decision, decision_id=None)
    (noted,) = await sql.rows("SELECT decision_id FROM contacts WHERE reserved_until_us IS NULL")
    assert noted["decision_id"] != decision["decision_id"]


async def test_what_is_reserved_counts_as_of_now_however_long_ago_it_was_decided(client, shop, sql, catalogue):
    """It may be delivered at any moment, within a window of a day as well."""
    await catalogue(*(action_of(f"a-{number}", cool_down_days=1) for number in range(2)))
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 1}], "quiet_hours": []})
    await consent(client, shop, "C-1")
    decision = await decide(client, "C-1")
    ago = "UPDATE {} SET {} = {} - 129600000000"
    for table, column in (("contacts", "at_us"), ("contacts", "decided_us"), ("offers", "offered_us")):
        await sql.rows(ago.format(table, column, column))
    later = await decide(client, "C-1")
    assert {*suppressed(later).values()} == {"cap_reached"}, "the day is over, but not the reservation"
    await put_policy(client, {"caps": [{"scope": "all", "most": 2, "window_days": 1}], "quiet_hours": []})
    (kept,) = decision["actions"]
    again = await decide(client, "C-1", max_actions=2)
    assert [action["action_id"] for action in again["actions"]] == [{"a-0": "a-1", "a-1": "a-0"}[kept["action_id"]]]
    assert suppressed(again)[kept["action_id"]] == "cooling_down", "it is on its way"


async def test_one_that_does_not_cool_down_may_be_given_again_though_it_is_reserved(client, shop, catalogue):
    await catalogue(action_of("coupon", cool_down_days=0))
    await put_policy(client, {"caps": [{"scope": "all", "most": 2, "window_days": 7}], "quiet_hours": []})
    await consent(client, shop, "C-1")
    assert [len((await decide(client, "C-1"))["actions"]) for _ in range(3)] == [1, 1, 0]


async def test_a_reservation_that_is_over_holds_nothing_back_before_it_is_cleaned_away(client, shop, sql, catalogue):
    await catalogue(action_of("one"), action_of("other"))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")
    assert [len((await decide(client, "C-1"))["actions"]) for _ in range(2)] == [1, 0]
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert len((await decide(client, "C-1"))["actions"]) == 1


@pytest.mark.usefixtures("capped")
async def test_what_is_not_delivered_in_time_is_given_back(client, shop, sql, service):
    decision = await decide(client, "C-1")
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert (await ask_to_deliver(client, decision))["code"] == "not_reserved"
    engine = service.resources.engine
    released = await asyncio.gather(*(release_all_overdue(engine, 2) for _ in range(3)))
    assert sum(released) <= 1, "several workers look at once"
    assert len((await decide(client, "C-1"))["actions"]) == 1
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'coupon'") == 1


@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("is_beside_a_till", [False, True])
async def test_what_is_told_after_its_reservation_was_given_back_cools_down(
    client, shop, sql, service, is_beside_a_till
):
    await put_policy(client, {"caps": [], "quiet_hours": []})
    decision = await decide(client, "C-1")
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    await release_all_overdue(service.resources.engine, 2)
    assert await sql.rows("SELECT * FROM offers") == []
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
        before = [asyncio.create_task(client.post("/v1/events", json=[shop.order("C-2"), shop.order("C-3")]))]
        await sql.wait_for_lock()
        if is_beside_a_till:
            checkout = {"event": shop.order("C-4"), "channel": "store", "max_actions": 1}
            before.append(asyncio.create_task(client.post("/v1/checkouts", json=checkout)))
        before.append(asyncio.create_task(tell_delivered(client, shop, decision)))
        await asyncio.sleep(0.05)
    await asyncio.gather(*before)
    (offered_us,) = [
        row["offered_us"] for row in await sql.rows("SELECT offered_us FROM offers WHERE customer_id = 'C-1'")
    ]
    assert offered_us == await sql.value("SELECT occurred_us FROM events WHERE type = 'action.delivered'")
    assert await sql.value("SELECT count(*) FROM offers WHERE customer_id = 'C-4'") == int(is_beside_a_till)
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}


@pytest.mark.usefixtures("capped")
async def test_what_is_shown_later_and_not_delivered_in_time_cools_down_no_longer(client, sql, service):
    prepared = await decide(client, "C-1", activate=False)
    assert (await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")).status_code == 200
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert await release_all_overdue(service.resources.engine, 2) <= 1, "the service may have looked before"
    assert len((await decide(client, "C-1"))["actions"]) == 1


@pytest.mark.usefixtures("capped")
async def test_what_was_delivered_stays_though_its_time_is_over(client, shop, sql, service):
    decision = await decide(client, "C-1")
    assert len(decision["actions"]) == 1
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    await tell_delivered(client, shop, decision)
    assert await release_all_overdue(service.resources.engine, 2) == 0
    assert suppressed(await decide(client, "C-1")) == {"coupon": "cooling_down"}


@pytest.mark.usefixtures("capped")
async def test_what_is_prepared_counts_until_it_is_shown_or_given_back(client, sql):
    prepared = await decide(client, "C-1", channel="store", activate=False)
    until_us = await sql.value("SELECT reserved_until_us FROM contacts")
    assert until_us == await sql.value("SELECT reserved_until_us FROM decisions"), "given back together"
    shown = await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")
    assert shown.status_code == 200
    assert await sql.rows("SELECT reserved_until_us FROM contacts") == [{"reserved_until_us": None}]
    assert await sql.value("SELECT given FROM action_counters WHERE action_id = 'coupon'") == 1


@pytest.mark.usefixtures("capped")
async def test_what_is_prepared_for_later_is_delivered_then_and_cools_down_from_when_it_is_shown(client, sql, service):
    later = datetime.now(UTC) + timedelta(days=20)
    prepared = await decide(client, "C-1", activate=False, deliver_at=later.isoformat())
    assert (await client.post(f"/v1/decisions/{prepared['decision_id']}/activate")).status_code == 200
    contact = await sql.row("SELECT at_us, reserved_until_us - at_us AS held_us FROM contacts")
    assert contact["at_us"] == to_us(later)
    assert contact["held_us"] == service.resources.of(Decisions).book.rules.reserved_us
    await sql.rows("UPDATE contacts SET reserved_until_us = 1")
    assert await release_all_overdue(service.resources.engine, 2) <= 1, "the service may have looked before"
    assert await sql.rows("SELECT * FROM offers") == []


@pytest.mark.parametrize(("ahead", "status"), [(-360, 422), (-240, 200), (29 * 86_400, 200), (31 * 86_400, 422)])
@pytest.mark.usefixtures("capped")
async def test_a_delivery_is_neither_past_nor_far_ahead(client, sql, ahead, status):
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    answer = await client.post(
        "/v1/decisions", json={"customer_id": "C-1", "channel": "email", "deliver_at": at.isoformat()}
    )
    assert answer.status_code == status
    if status == 422:
        assert "deliver_at" in answer.text
    else:
        assert await sql.value("SELECT bool_and(at_us >= decided_us) FROM contacts")
