"""A sample of customers with an order: those with the lowest hashes of their ids, the same ones day after day."""

import time
from heapq import nsmallest
from typing import Any, Final

import asyncpg

from app.database.background import yield_to_requests
from app.database.engine import fetch
from app.monitoring import queries

PATIENCE_S: Final = 120.0
"""For statements that go over whole tables: more than a service grants those of a till."""
_BEYOND: Final = "g"
"""All hexadecimal digits."""


async def draw_sample(connection: "asyncpg.Connection[Any]", most: int, share: float) -> list[str]:
    """The ids of at most so many, persons by the id they go by, in the order of their hashes. Gives way to requests."""
    lowest: list[tuple[str, str]] = []
    for statement in (queries.SAMPLE_SINGLE_IDS, queries.SAMPLE_PERSONS):
        after: str | None = ""
        while after is not None:
            bound = lowest[-1][0] if len(lowest) == most else _BEYOND
            asked = {"after": after, "bound": bound, "most": most}
            (page,) = await fetch(connection, statement, asked, PATIENCE_S)
            began = time.perf_counter()
            if page["customer_ids"]:
                found = zip(page["hashes"], page["customer_ids"], strict=True)
                lowest = nsmallest(most, [*lowest, *found])
            after = page["last"]
            await yield_to_requests(began, share)
    return [customer_id for _, customer_id in lowest]
