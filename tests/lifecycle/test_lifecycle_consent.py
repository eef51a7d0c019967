"""Consent: where a customer may be spoken to, by what they said of channels and of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.customers.state import CustomerState
from app.lifecycle.consents import SERVING, Word, has_consent, may_be_told, settle
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


def word(purpose, channel, day, *, granted):
    return Word(purpose, channel, f"{day * DAY_US:017d}\x1f/crm\x1f1\x1f{'granted' if granted else 'denied'}")


def yes(purpose, channel="*", day=1):
    return word(purpose, channel, day, granted=True)


def no(purpose, channel="*", day=1):
    return word(purpose, channel, day, granted=False)


ALLOWED = {
    "nothing was said": ("loyalty", (), False),
    "as marketing where nothing was said of it": ("loyalty", (yes("marketing"),), True),
    "as the no to marketing likewise": ("loyalty", (no("marketing"),), False),
    "a yes of its own, whatever of marketing": ("loyalty", (no("marketing", day=2), yes("loyalty")), True),
    "a no of its own, whatever of marketing": ("loyalty", (no("loyalty"), yes("marketing", day=2)), False),
    "a no to it beats a yes to the channel": ("loyalty", (no("loyalty"), yes("all", "email", 2)), False),
    "a no to it beats a yes to everything": ("loyalty", (no("loyalty"), yes("all", day=2)), False),
    "a no to it ends by a yes to it there": ("loyalty", (no("loyalty"), yes("loyalty", "email", 2)), True),
    "on another channel it does not": ("loyalty", (no("loyalty"), yes("loyalty", "sms", 2)), False),
    "a yes to the channel is one to what nothing was said of": ("loyalty", (yes("all", "email"),), True),
    "everything is refused": ("loyalty", (yes("loyalty"), no("all", day=2)), False),
    "everything is refused on the channel": ("loyalty", (yes("loyalty"), no("all", "email", 2)), False),
    "everything is refused on another channel": ("loyalty", (yes("loyalty"), no("all", "sms", 2)), True),
    "it was granted since": ("loyalty", (no("all"), yes("loyalty", day=2)), True),
    "both at one moment": ("loyalty", (no("all"), yes("loyalty")), False),
    "everything is granted again": ("loyalty", (no("all"), yes("all", day=2)), True),
    "marketing by everything": ("marketing", (yes("all"),), True),
    "marketing, and everything refused since": ("marketing", (yes("marketing", "email"), no("all", day=2)), False),
    "marketing, granted since": ("marketing", (no("all"), yes("marketing", "email", 2)), True),
    "care needs no word": ("care", (), True),
    "nor a yes to marketing": ("service", (no("marketing"),), True),
    "but no refusal": ("service", (no("service"),), False),
    "nor one of everything": ("service", (no("all"),), False),
}


def may(purpose, said, channel="email", *, is_asked=None):
    settled = settle(said)
    marketing = settled.get("marketing") or settled.get("all", {})
    needed = purpose not in SERVING if is_asked is None else is_asked
    return may_be_told(purpose, channel, marketing, settled, is_asked=needed)


@pytest.mark.parametrize(("purpose", "said", "allowed"), ALLOWED.values(), ids=ALLOWED)
def test_a_purpose_may_be_told_by_the_words_on_it_on_everything_and_on_marketing(purpose, said, allowed):
    assert may(purpose, said) is may(purpose, said[::-1]) is may(purpose, (*said, *said)) is allowed


def test_who_has_come_to_us_is_served_unless_they_refused_the_purpose():
    assert may("research", (), "store")
    assert not may("research", (no("research"),), "store")


def test_groups_that_need_no_consent_are_held_back_by_a_refusal_of_their_purpose_alone():
    assert may("marketing", (no("marketing"),), is_asked=False)
    assert may("loyalty", (no("marketing"),), is_asked=False)
    assert not may("loyalty", (no("loyalty"),), is_asked=False)


@given(st.data())
def test_what_words_come_to_does_not_depend_on_their_order_nor_on_how_often_they_are_told(data):
    one = st.builds(
        word,
        st.sampled_from(("loyalty", "all", "marketing")),
        st.sampled_from(("*", "email", "sms")),
        st.integers(1, 4),
        granted=st.booleans(),
    )
    said = data.draw(st.lists(one, max_size=8))
    assert settle(data.draw(st.permutations([*said, *said[:2]]))) == settle(said)
