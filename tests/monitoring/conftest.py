import pytest

from tests.monitoring.books import Shop


@pytest.fixture
def watched(sql, engine):
    """A shop on empty tables."""
    return Shop(sql, engine)
