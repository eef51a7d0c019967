"""Who messages speak of: identify, alias, and visitors without a name."""

import pytest

from tests.ingest.segment.messages import ENVELOPE, NAMED, data_of, event_of, track


def test_identify():
    message = {
        "type": "identify",
        **ENVELOPE,
        "anonymousId": "a-1",
        "traits": {
            "email": "li@example.com",
            "phone": 13800138000,
            "birthday": "1990-05-01T00:00:00.000Z",
            "name": "Li Wei",
            "address": {"city": "Shanghai"},
            "plan": "gold",
        },
    }
    mapped = event_of(message, "/segment")
    assert mapped["type"] == "customer.identified"
    assert mapped["data"] == {
        "identifiers": [
            *NAMED,
            {"kind": "anonymous_id", "value": "a-1"},
            {"kind": "email", "value": "li@example.com"},
            {"kind": "phone", "value": "13800138000"},
        ],
        "birthday": "1990-05-01",
    }


def test_identify_as_rudderstack_sends_it():
    context = {"traits": {"email": "old@example.com", "phone": "+8613800138000"}}
    message = {"type": "identify", **ENVELOPE, "context": context, "traits": {"email": "li@example.com"}}
    assert [item["value"] for item in data_of(message)["identifiers"]] == ["C-1", "li@example.com", "+8613800138000"]


@pytest.mark.parametrize("birthday", ["5/1/90", "1990", 641520000, "1990-05-012", None])
def test_a_birthday_of_another_form_is_not_guessed(birthday):
    assert "birthday" not in data_of({"type": "identify", **ENVELOPE, "traits": {"birthday": birthday}})


def test_an_alias_joins_whoever_went_by_the_previous_id():
    mapped = event_of({"type": "alias", **ENVELOPE, "previousId": "a-9"}, "/segment")
    assert (mapped["type"], mapped["subject"]) == ("customer.identified", "C-1")
    assert mapped["data"]["identifiers"] == [
        *NAMED,
        {"kind": "anonymous_id", "value": "a-9"},
        {"kind": "user_id", "value": "a-9"},
    ]


def test_an_anonymous_visitor_is_no_subject():
    message = track("Product Viewed", {"product_id": "1"}, userId=None, anonymousId="a-1")
    mapped = event_of(message, "/segment")
    assert "subject" not in mapped
    assert mapped["data"]["identifiers"] == [{"kind": "anonymous_id", "value": "a-1"}]
