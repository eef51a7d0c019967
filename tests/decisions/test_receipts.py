"""Receipts as they are written: the first decision of an id stands, with its offers."""

from app.database.engine import Driver
from app.decisions.queries import WRITE_DECISIONS


async def write(driver, action_id, decided_us):
    rows = await driver.fetch(
        WRITE_DECISIONS,
        customer_id=["C-1"],
        decision_id=["d-1"],
        decided_us=[decided_us],
        receipt=["{}"],
        answer=[f'"{action_id}"'],
        reserved_until_us=[None],
        offered_to=["C-1"],
        offered_action=[action_id],
        offered_us=[decided_us],
        offered_by=["d-1"],
    )
    return [row["decision_id"] for row in rows]


async def test_who_comes_second_with_the_same_decision_writes_nothing_and_starts_no_cool_down(engine, sql):
    """As two processes do that are sent the same checkout at once."""
    driver = Driver(engine)
    try:
        assert await write(driver, "welcome-pack", 1) == ["d-1"]
        assert await write(driver, "second-order-coupon", 2) == []
    finally:
        await driver.close()
    assert (await sql.row("SELECT answer, decided_us FROM decisions")) == {"answer": "welcome-pack", "decided_us": 1}
    assert (await sql.row("SELECT action_id, offered_us FROM offers")) == {"action_id": "welcome-pack", "offered_us": 1}
