"""An order that is told again under another id: counted once, as the later one says, and its customer's."""

import asyncio
import itertools
from urllib.parse import quote

import pytest

from tests.checkout.orders import differences, state

SHOP = "/segment/tea"
BROWSER = {"identifiers": [{"kind": "anonymous_id", "value": "browser-1"}]}
MAIL = {"identifiers": [{"kind": "email", "value": "a@example.com"}]}
PHONE = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}


@pytest.fixture
def totals(sql):
    async def read():
        row = await sql.row("SELECT sum(orders) AS orders, sum(spend_minor) AS spend FROM customer_states")
        return int(row["orders"]), int(row["spend"])

    return read


async def orders_of(client, customer):
    answer = await client.get(f"/v1/customers/{customer}")
    return answer.json()["orders"] if answer.status_code == 200 else None


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("first", [BROWSER, MAIL, PHONE, {}])
@pytest.mark.parametrize("second", [{}, BROWSER])
@pytest.mark.parametrize("is_named_first", [True, False])
async def test_an_order_of_a_browser_or_of_nobody_is_the_customers_who_is_named(
    client, tell, count, sql, engine, totals, at_once, first, second, is_named_first
):
    nobodys = tell("order.completed", None, days=3, total=10, source=SHOP, **first)
    named = tell("order.completed", "U-1", days=3, total=10, source=SHOP, **second)
    told = [named, nobodys] if is_named_first else [nobodys, named]
    statuses = await count(*told) if at_once else [status for each in told for status in await count(each)]
    assert statuses[0] == "accepted"
    assert set(statuses) <= {"accepted", "duplicate"}
    assert await count(*told, *reversed(told)) == ["duplicate"] * 4
    assert await state(sql, "U-1") == (1, 1000, 0, 0, 0)
    assert await totals() == (1, 1000)
    assert await orders_of(client, "U-1") == 1
    assert await differences(engine) == []


async def test_what_the_browser_did_is_the_customers_too(client, shop, tell, count, engine):
    look = shop.event("product.viewed", None, source="/web", data={**BROWSER, "product_id": "1"})
    await count(look, tell("order.completed", None, total=10, source=SHOP, **BROWSER))
    await count(tell("order.completed", "U-1", total=10, source=SHOP))
    profile = (await client.get("/v1/customers/U-1")).json()
    assert (profile["orders"], profile["visits"]) == (1, 1)
    assert await differences(engine) == []


async def test_a_browser_of_another_account_gives_the_order_and_stays_theirs(client, shop, tell, count, sql, engine):
    await count(shop.event("customer.identified", "U-0", data=BROWSER, source="/web"))
    await count(tell("order.completed", None, total=10, source=SHOP, **BROWSER))
    assert await orders_of(client, "U-0") == 1
    await count(tell("order.completed", "U-1", total=10, source=SHOP, **BROWSER))
    assert (await orders_of(client, "U-0"), await orders_of(client, "U-1")) == (0, 1)
    assert await differences(engine) == []


async def test_two_accounts_are_not_joined_by_one_order(client, tell, count, sql, engine):
    await count(tell("order.completed", "U-1", total=10, source=SHOP))
    assert await count(tell("order.completed", "U-2", total=10, source=SHOP, **MAIL)) == ["duplicate"]
    assert await state(sql, "U-1") == (1, 1000, 0, 0, 0)
    assert await orders_of(client, "U-2") is None
    assert await differences(engine) == []


async def test_step_by_step_an_order_gets_a_better_name(client, tell, count, sql, engine, totals):
    both = {"identifiers": BROWSER["identifiers"] + PHONE["identifiers"]}
    steps = [("order.completed", None, {}), ("order.completed", None, both), ("order.completed", None, MAIL)]
    for type_, customer, names in [*steps, ("order.completed", "U-1", {})]:
        assert await count(tell(type_, customer, total=10, source=SHOP, **names)) == ["accepted"]
        assert await differences(engine) == []
    assert await state(sql, "U-1") == (1, 1000, 0, 0, 0)
    assert await totals() == (1, 1000)


@pytest.mark.parametrize("type_", ["order.updated", "order.refunded"])
async def test_a_change_or_a_refund_names_whose_the_order_is_and_the_other_way_round(
    tell, count, sql, engine, totals, type_
):
    expected = (1, 600, 0, 0, 0) if type_ == "order.updated" else (1, 1000, 1, 600, 0)
    for place, (orders, others) in enumerate(itertools.permutations([None, "U"], 2)):
        for turn in (1, -1):
            source, customer = f"{SHOP}-{place}-{turn}", f"U-{place}-{turn}"
            told = [
                tell("order.completed", orders and customer, days=3, total=10, source=source),
                tell(type_, others and customer, days=2, total=6, source=source),
            ]
            for each in told[::turn]:
                assert await count(each) == ["accepted"]
            assert await count(*told) == ["duplicate"] * 2
            assert await state(sql, customer) == expected, (place, turn)
    assert await differences(engine) == []


async def test_lines_of_an_order_that_was_a_browsers_are_its_customers(tell, count, sql, engine):
    lines = [{"product_id": "1", "quantity": 3, "price": 2}, {"product_id": "2", "price": 4}]
    await count(tell("order.completed", None, total=10, source=SHOP, products=lines, **BROWSER))
    await count(tell("order.completed", "U-1", total=10, source=SHOP))
    assert await sql.value("SELECT string_agg(DISTINCT customer_id, ',') FROM customer_items") == "U-1"
    assert await sql.value("SELECT count(*) FROM customer_states WHERE customer_id LIKE '~%'") == 0
    assert await differences(engine) == []


async def test_at_the_till_a_repeat_of_what_was_nobodys_gets_its_first_answer(client, tell):
    nobodys = tell("order.completed", None, total=10, source=SHOP, **BROWSER)
    first = await client.post("/v1/checkouts", json={"event": nobodys})
    named = await client.post("/v1/checkouts", json={"event": tell("order.completed", "U-1", total=10, source=SHOP)})
    assert (named.json()["event"]["status"], named.json()["score"]["customer_id"]) == ("accepted", "U-1")
    again = await client.post("/v1/checkouts", json={"event": nobodys})
    assert again.json()["event"]["status"] == "duplicate"
    assert again.json()["decision"] == first.json()["decision"]


async def test_known_at_tells_whose_it_was_then(client, shop, tell, count, sql):
    await count(tell("order.completed", None, total=10, source=SHOP, **BROWSER))
    before = quote(shop.ago(seconds=0))
    browser = quote(await sql.value("SELECT customer_id FROM customer_states"))
    await count(tell("order.completed", "U-1", total=10, source=SHOP), tell("order.completed", "U-1", order_id="8"))
    then = await client.get(f"/v1/customers/U-1/score?as_of={before}&known_at={before}")
    assert then.status_code == 404
    then = await client.get(f"/v1/customers/{browser}/score?as_of={before}&known_at={before}")
    assert then.status_code == 200


@pytest.mark.parametrize("at_once", [True, False])
async def test_told_again_and_again_it_is_kept_once_for_all_that_it_says(tell, count, sql, engine, at_once):
    """A thank-you page that is reloaded, by the browser and by the server."""
    told = [tell("order.completed", None, total=10, source=SHOP, **BROWSER)]
    told += [tell("order.completed", "U-1", total=10, source=SHOP, **names) for names in [{}, MAIL] * 10]
    told += [tell("order.completed", None, total=10, source=SHOP, **names) for names in [BROWSER, MAIL, PHONE] * 5]
    statuses = await count(*told) if at_once else [status for each in told for status in await count(each)]
    assert (statuses.count("accepted"), statuses.count("duplicate")) == (4, len(told) - 4)
    assert await count(*told) == ["duplicate"] * len(told)
    assert await sql.value("SELECT count(*) FROM events") == 4
    assert await state(sql, "U-1") == (1, 1000, 0, 0, 0)
    assert await differences(engine) == []


@pytest.mark.parametrize("turn", [1, -1])
async def test_with_another_total_the_later_telling_counts(tell, count, sql, engine, turn):
    told = [tell("order.completed", days=3, total=10), tell("order.completed", days=2, total=12)]
    for each in told[::turn]:
        assert await count(each) == ["accepted"]
    assert await count(*told) == ["duplicate"] * 2
    assert await state(sql) == (1, 1200, 0, 0, 0)
    assert await differences(engine) == []


async def test_at_one_time_what_came_last_counts(tell, count, sql, engine):
    first = tell("order.completed", total=10)
    for total in (12, 11):
        await count(first)
        assert await count({**tell("order.completed", total=total), "time": first["time"]}) == ["accepted"]
    assert await state(sql) == (1, 1100, 0, 0, 0)
    assert await differences(engine) == []


async def test_two_tills_that_tell_of_one_order_at_once_are_both_heard(client, tell, sql, engine):
    tellings = [
        tell("order.completed", f"C-{order}", days=days, total=total, order_id=str(order))
        for order in range(20)
        for days, total in ((3, 10), (2, 12))
    ]
    answers = await asyncio.gather(
        *(client.post("/v1/checkouts", json={"event": each}) for each in tellings[::2]),
        *(client.post("/v1/events", json=each) for each in reversed(tellings[1::2])),
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await sql.value("SELECT count(*) FROM customer_states WHERE (orders, spend_minor) = (1, 1200)") == 20
    assert await differences(engine) == []


async def test_an_order_that_is_merely_told_again_does_not_come_back_to_life(tell, count, sql, engine):
    await count(tell("order.completed", days=3, total=10), tell("order.cancelled", days=2))
    assert await count(tell("order.completed", days=1, total=11)) == ["accepted"]
    assert await state(sql) == (0, 0, 0, 0, 0)
    assert await differences(engine) == []


async def test_an_id_that_came_with_another_amount_is_still_a_conflict(tell, count):
    first = tell("order.completed", total=10)
    assert await count(first) == ["accepted"]
    assert await count({**first, "data": {**first["data"], "total": 11}}) == ["rejected"]


@pytest.mark.parametrize("told", [*itertools.permutations(range(4))])
async def test_a_version_that_is_later_than_the_cancelling_brings_an_order_back(tell, count, sql, engine, told):
    steps = [
        tell("order.completed", days=9, total=50),
        tell("order.cancelled", None, days=8),
        tell("order.updated", days=7, total=60),
        tell("order.refunded", days=6, total=10),
    ]
    for place in told:
        assert await count(steps[place]) == ["accepted"]
    assert await state(sql) == (1, 6000, 1, 1000, 0)
    assert await count(tell("order.cancelled", None, days=5)) == ["accepted"]
    assert await state(sql) == (0, 0, 0, 0, 0)
    assert await differences(engine) == []
