"""What is not needed is declined at the door, and refused events hold no more than counted ones."""

import json
from typing import Any

import pytest

from app.foundation.errors import UnusableSettings
from app.foundation.metrics import DECLINED_MEMBERS
from app.foundation.settings import Settings
from app.ingest.admission import admit, admit_or_reject
from app.ingest.refusals import Rejection
from app.ingest.repeats import is_same_content
from app.ingest.rules import Rules
from app.lifecycle.kept_members import MEMBERS_DECLINED

NOW_US = 1_790_000_000_000_000
ALL = Rules("CNY", 2, b"k")
COUNTED = Rules.of(Settings(kept_members="none"), b"k")
CANARY = "canary-4711"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/pos/1",
    "type": "order.completed",
    "subject": "C-1",
    "time": "2026-01-02T10:00:00Z",
    "data": {
        "order_id": "A-1",
        "total": 10,
        "note": "Li",
        "products": [{"product_id": "tea", "price": 10, "name": "T"}],
    },
}


def test_a_sale_is_counted_without_what_is_declined():
    before = DECLINED_MEMBERS.values.get((), 0)
    event, whole = admit(EVENT, COUNTED, NOW_US), admit(EVENT, ALL, NOW_US)
    assert json.loads(event.data) == {
        "order_id": "A-1",
        "total": 10,
        "products": [{"product_id": "tea", "price": 10}],
        MEMBERS_DECLINED: True,
    }
    assert event._replace(data=whole.data, digest=whole.digest) == whole
    assert DECLINED_MEMBERS.values[()] == before + 2


def test_a_birthday_that_is_declined_makes_no_fact():
    event = {**EVENT, "type": "customer.identified", "data": {"birthday": "1990-05-17"}}
    assert admit(event, ALL, NOW_US).value == "1990-05-17"
    assert admit(event, COUNTED, NOW_US).value is None
    assert admit(event, COUNTED._replace(kept_members=KEPT_BIRTHDAY), NOW_US).value == "1990-05-17"


KEPT_BIRTHDAY = Rules.of(Settings(kept_members="birthday"), b"k").kept_members


@pytest.mark.parametrize(("first", "then"), [(ALL, COUNTED), (COUNTED, ALL), (COUNTED, COUNTED)])
def test_a_repeat_is_one_whatever_was_declined_in_between(first, then):
    kept = admit(EVENT, first, NOW_US)
    again = {**EVENT, "data": dict(reversed(EVENT["data"].items()))}
    assert is_same_content(admit(again, then, NOW_US), kept)
    other = {**EVENT, "data": {**EVENT["data"], "total": 11}}
    assert not is_same_content(admit(other, then, NOW_US), kept)
    fewer = {**EVENT, "data": {**EVENT["data"], "products": []}}
    assert not is_same_content(admit(fewer, then, NOW_US), kept)


def test_nobody_else_says_that_members_were_declined():
    claims = {**EVENT, "data": {"order_id": "A-1", "total": 10, MEMBERS_DECLINED: True}}
    assert MEMBERS_DECLINED not in json.loads(admit(claims, ALL, NOW_US).data)


@pytest.mark.parametrize(
    "event",
    [
        {**EVENT, "customer": CANARY, "data": {"total": "x"}},
        {**EVENT, "phone": {"number": CANARY}, "identifiers": [{"kind": "phone", "value": CANARY}], "time": "never"},
        {**EVENT, "subject": {"phone": CANARY}},
        {**EVENT, "data": CANARY},
        {**EVENT, "data": [CANARY]},
        {**EVENT, "data": json.dumps({"total": "x", "identifiers": [{"kind": "phone", "value": CANARY}]})},
        CANARY,
        [CANARY],
    ],
)
def test_a_refused_envelope_keeps_nothing_but_what_an_event_has(event):
    rejection = admit_or_reject(event, ALL, NOW_US)
    assert isinstance(rejection, Rejection)
    assert CANARY.encode() not in rejection.raw
    assert CANARY not in json.dumps(rejection.problem.as_json())


def test_what_is_declined_is_not_kept_of_a_refused_event_either():
    event = {**EVENT, "data": {**EVENT["data"], "total": "x", "note": CANARY, "extra": {"deep": CANARY}}}
    whole, counted = admit_or_reject(event, ALL, NOW_US), admit_or_reject(event, COUNTED, NOW_US)
    assert isinstance(whole, Rejection)
    assert isinstance(counted, Rejection)
    assert CANARY.encode() in whole.raw
    kept = json.loads(counted.raw)["data"]
    assert kept == {"order_id": "A-1", "total": "x", "products": [{"product_id": "tea", "price": 10}]}


async def test_extra_members_of_refused_envelopes_are_in_no_table(client, shop, sql):
    event = shop.event("order.completed", data={"total": "x"}, customer_name=CANARY, traceparent=CANARY)
    bound = {**shop.event("order.completed", data={"total": "x"}), "sentAt": "2026-01-01T00:00:00Z"}
    answer = (await client.post("/v1/events", json=[event, bound])).json()
    assert answer["rejected"] == 2
    kept = [json.loads(row["event"]) for row in await sql.rows("SELECT event FROM rejected_events ORDER BY 1")]
    assert CANARY not in json.dumps(kept)
    known = {"specversion", "id", "source", "type", "subject", "time", "data"}
    assert sorted(map(len, kept)) == [len(known), len(known) + 1]
    assert set.union(*map(set, kept)) == {*known, "sentAt"}


def test_the_setting_is_looked_at_before_anything_starts():
    with pytest.raises(UnusableSettings, match=r"PERENNIAL_KEPT_MEMBERS.*stands alone"):
        Settings.from_environment({"PERENNIAL_KEPT_MEMBERS": "none,text"})
