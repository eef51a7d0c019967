import pytest

from tests.ingest.rejections import kept_ids


@pytest.fixture
def refuse(client, sql):
    """Sends events that are refused; their ids among the refused, in order."""

    async def send(*events):
        answer = (await client.post("/v1/events", json=list(events))).json()
        assert answer["rejected"] == len(events)
        return (await kept_ids(sql))[-len(events) :]

    return send
