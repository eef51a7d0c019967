"""A book of who is who, on empty tables."""

import pytest

from tests.customers.persons import opened


@pytest.fixture
async def book(engine, sql):
    await sql.rows("TRUNCATE links, persons")
    async with opened(engine) as book:
        yield book
    await sql.rows("TRUNCATE links, persons")
