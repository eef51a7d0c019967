"""Consent: where a customer may be spoken to, by what they said of channels and of all of them."""

import pytest

from app.customers.state import CustomerState
from app.lifecycle.contact_gate import has_consent
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import CONTACT_CHANNELS, LATEST, NUMERIC, SALES_CHANNELS


@pytest.mark.parametrize("channel", CONTACT_CHANNELS)
@pytest.mark.parametrize(
    ("consents", "allowed"),
    [
        ({}, False),
        ({"*": True}, True),
        ({"*": False}, False),
        ({"other": True}, False),
    ],
)
def test_reaching_out_needs_a_yes(channel, consents, allowed):
    assert has_consent(channel, consents) is allowed
    assert has_consent(channel, {**consents, channel: True}) is True
    assert has_consent(channel, {**consents, channel: False}) is False


@pytest.mark.parametrize("channel", [*SALES_CHANNELS, "kiosk"])
@pytest.mark.parametrize(("consents", "allowed"), [({}, True), ({"*": True}, True), ({"*": False}, False)])
def test_who_has_come_to_us_is_served_unless_they_said_no(channel, consents, allowed):
    assert has_consent(channel, consents) is allowed
    assert has_consent(channel, {**consents, channel: True}) is True
    assert has_consent(channel, {**consents, channel: False}) is False


def consents_after(*said):
    """The consents of someone who said (measure, day, granted or denied)."""
    texts = dict.fromkeys((measure.name for measure in LATEST), None)
    for measure, day, value in said:
        texts[measure] = f"{day * DAY_US:017d}\x1f/crm\x1f1\x1f{value}"
    return CustomerState("C-1", [None] * len(NUMERIC), list(texts.values())).consents()


SAID = {
    "nothing": ((), {}),
    "yes to e-mail": ((("consent_marketing_email", 1, "granted"),), {"email": True}),
    "no to all, then yes to e-mail": (
        (("consent_marketing", 1, "denied"), ("consent_marketing_email", 2, "granted")),
        {"*": False, "email": True},
    ),
    "yes to e-mail, then no to all": (
        (("consent_marketing_email", 1, "granted"), ("consent_marketing", 2, "denied")),
        {"*": False},
    ),
    "no to e-mail, then yes to all": (
        (("consent_marketing_email", 1, "denied"), ("consent_marketing", 2, "granted")),
        {"*": True},
    ),
    "at the same moment no to all and yes to e-mail": (
        (("consent_marketing_email", 1, "granted"), ("consent_marketing", 1, "denied")),
        {"*": False},
    ),
    "yes to all, but nothing personal": (
        (("consent_marketing", 1, "granted"), ("consent_personalization", 2, "denied")),
        {"*": False},
    ),
    "yes to e-mail, but nothing personal": (
        (("consent_marketing_email", 9, "granted"), ("consent_personalization", 2, "denied")),
        {"*": False, "email": False},
    ),
    "personal again": (
        (("consent_marketing_email", 1, "granted"), ("consent_personalization", 2, "granted")),
        {"email": True},
    ),
}


@pytest.mark.parametrize(("said", "consents"), SAID.values(), ids=SAID)
def test_the_latest_word_counts_and_a_word_for_all_overrules_earlier_ones(said, consents):
    assert consents_after(*said) == consents


def test_who_refuses_personalization_is_offered_nothing_anywhere():
    consents = consents_after(("consent_marketing_email", 9, "granted"), ("consent_personalization", 2, "denied"))
    assert not any(has_consent(channel, consents) for channel in (*CONTACT_CHANNELS, *SALES_CHANNELS))
