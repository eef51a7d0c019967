"""A person of whom every table holds a row, with a canary of its own in every text and every JSON."""

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer, LargeBinary, Text, insert, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.order_lines import ORDER_LINES
from app.database.tables import metadata
from app.privacy.held import HELD

OWN, PHONE = "C-canary", f"~phone:{'ca' * 32}"
AT_US = 1_760_000_000_000_000


def _value(table, column, canaries):
    name = f"canary-{table.name}-{column.name}"
    if column.name in HELD[table.name]:
        return PHONE if column.name == "low_id" else OWN
    if column.type is ORDER_LINES:
        canaries.add(name)
        return literal_column(f"""CAST('{{"({name},,1,100,)"}}' AS order_line[])""")
    if isinstance(column.type, Text):
        canaries.add(name)
        return name
    if isinstance(column.type, JSON):
        canaries.add(name)
        return {"said": [name]}
    if isinstance(column.type, ARRAY):
        return [20_000]
    kinds = {BigInteger: AT_US, Integer: 20_000, Double: 0.5, Boolean: True, LargeBinary: b"x"}
    return next(value for kind, value in kinds.items() if isinstance(column.type, kind))


async def plant(engine):
    """Plants the rows; returns the canaries, the ids of the person among them."""
    canaries = {OWN, PHONE.rpartition(":")[2], "canary-rejected"}
    async with engine.begin() as connection:
        for name in HELD:
            table = metadata.tables[name]
            await connection.execute(insert(table).values({c.name: _value(table, c, canaries) for c in table.c}))
        await connection.execute(insert(metadata.tables["persons"]).values(customer_id=PHONE, person_id=OWN))
        refused = orjson.dumps({"subject": OWN, "data": {"note": "canary-rejected"}}).decode()
        values = {"received_us": AT_US, "problem": {"type": "x"}, "event": refused}
        await connection.execute(insert(metadata.tables["rejected_events"]).values(values))
    return canaries
