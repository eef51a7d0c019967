"""What tests of orders look at: a customer's sums, what `verify` finds, and every order of arrival."""

import itertools

from app.customers.verification import verify

SOURCE = "/woocommerce/tea.example.com"


async def state(sql, customer="C-1"):
    """Orders, spend, refunds, what was refunded, pieces."""
    row = await sql.row(
        "SELECT orders, spend_minor, refunds, refunded_minor, items FROM customer_states WHERE customer_id = :id",
        id=customer,
    )
    return tuple(row.values())


async def differences(engine):
    return [found async for batch in verify(engine) for found in batch.differences]


async def in_every_order(sql, count, events, expected):
    """Counts the events in every order of arrival, each of a customer and shop of its own; one by one, or at once.

    `expected` is as `state` tells; all that is kept of the customer is the same, whichever order it was.
    """
    kept = set()
    for place, each in enumerate(itertools.permutations(events)):
        told = [{**event, "source": f"{event['source']}/{place}", "subject": f"C-{place}"} for event in each]
        if place % 2:
            assert set(await count(*told)) == {"accepted"}
        else:
            assert [await count(event) for event in told] == [["accepted"]] * len(told)
        assert await count(*told) == ["duplicate"] * len(told)
        assert await state(sql, f"C-{place}") == expected, [(event["type"], event["data"]) for event in each]
        row = await sql.row("SELECT * FROM customer_states WHERE customer_id = :id", id=f"C-{place}")
        kept.add(tuple(_rounded(value) for name, value in row.items() if name != "customer_id"))
    assert len(kept) == 1


def _rounded(value):
    if isinstance(value, list):
        return tuple(value)
    return round(value, 6) if isinstance(value, float) else value
