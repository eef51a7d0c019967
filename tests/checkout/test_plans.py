"""How the server goes about the statements of the till's transaction."""

import pytest
from sqlalchemy import text

from app.checkout.transaction import STEPS
from app.database.engine import KeyedDriver

LARGE = ("events", "customer_states", "customer_cases", "decisions", "offers", "stages", "links", "persons")
ITEMS = ("customer_items", "customer_interests", "state_horizons")
STATEMENTS = [(statement, scalars) for step in STEPS for statement, scalars in step.statements.items()]


@pytest.mark.parametrize(("statement", "scalars"), STATEMENTS, ids=lambda each: getattr(each, "text", "")[:40])
async def test_no_table_is_read_from_end_to_end(engine, sql, statement, scalars):
    """Not even by a plan of the first minute, made when the server knew that the tables are empty."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in (*LARGE, *ITEMS):
            await connection.execute(text(f"VACUUM ANALYZE {table}"))
    driver = KeyedDriver(engine)
    try:
        arguments = statement.arguments({name: scalars.get(name, []) for name in statement.names})
        plan = await (await driver.connection()).fetch(f"EXPLAIN {statement.text}", *arguments)
    finally:
        await driver.close()
    lines = [row[0] for row in plan]
    assert [line for line in lines if any(f"Seq Scan on {table} " in f"{line} " for table in (*LARGE, *ITEMS))] == []
