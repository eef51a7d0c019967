"""The CloudEvents SDK, as it is published: its messages in either mode, by its API of today and the one before."""

import asyncio
import itertools
from datetime import UTC, datetime

import pytest
import requests
from cloudevents.core.bindings import http as today
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion
from cloudevents.v1 import http as before

NUMBERS = itertools.count()
DATA = {"order_id": "A-1", "total": 12.5}


def attributes():
    return {"type": "order.completed", "source": "/sdk", "subject": "C-1", "id": f"e-{next(NUMBERS)}"}


def by_today(write):
    def make(data=None, **others):
        message = write(CloudEvent({**attributes(), "time": datetime.now(UTC), **others}, data or DATA))
        return message.headers, message.body

    return make


def by_before(write):
    return lambda data=None, **others: write(before.CloudEvent({**attributes(), **others}, data or DATA))


BINARY = {"binary": by_today(today.to_binary_event), "binary, API before": by_before(conversion.to_binary)}
STRUCTURED = {
    "structured": by_today(today.to_structured_event),
    "structured, API before": by_before(conversion.to_structured),
}
MODES = {**BINARY, **STRUCTURED}
EACH_MODE = pytest.mark.parametrize("make", MODES.values(), ids=MODES)


@pytest.fixture
def send(door):
    """Posts a message as the SDK's own examples do: by requests, which writes Latin-1 into headers."""

    async def post(message):
        headers, body = message
        headers = {**headers, "Authorization": f"Bearer {door.key}"}
        return await asyncio.to_thread(requests.post, f"{door.base}/v1/events", body, headers=headers, timeout=30)

    return post


@EACH_MODE
async def test_success_and_the_same_again(door, send, make):
    message = make()
    assert (await send(message)).json()["results"] == [{"status": "accepted"}]
    assert (await send(message)).json()["results"] == [{"status": "duplicate"}]
    assert await door.orders() == {"C-1": 1}


@EACH_MODE
async def test_attributes_come_whole(door, send, make):
    """The API before writes into headers what HTTP has no room for: there, only what Latin-1 has."""
    subject = "Zoé" if make is BINARY["binary, API before"] else "会员 7 €"
    message = make(subject=subject, datacontenttype="application/json", traceparent="00-0af7-b7ad-01")
    assert (await send(message)).status_code == 200
    assert await door.orders() == {subject: 1}


@EACH_MODE
async def test_what_cannot_be_counted_now_may_be_sent_again(door, send, sql, make):
    message = make()
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        refused = await send(message)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (await send(message)).status_code == 200
    assert await door.orders() == {"C-1": 1}


@EACH_MODE
async def test_what_is_refused_for_good_says_why(door, send, make):
    refused = await send(make(data={"order_id": "A-1"}))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/data/total"
    assert await door.orders() == {}
