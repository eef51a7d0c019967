"""How long what is kept: the text of a deployment."""

import re

import pytest

from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.events import DAY_US
from app.lifecycle.retention import EVENT_KINDS, KINDS, kind_of, read_retention

REFUSED = {
    "rejected": "'rejected' is not of the form kind=period",
    "refused=3d": f"'refused' is no kind; there are {', '.join(KINDS)}",
    "rejected=3d, rejected=4d": "'rejected' is given twice",
    "rejected=3": "'3' is no period; write 90d, 12w, 13mo, 3y or forever",
    "rejected=-3d": "'-3d' is no period; write 90d, 12w, 13mo, 3y or forever",
    "rejected=0d": "rejected must be kept for 1 days at least",
    "default=1y": "default must be kept for 400 days at least",
    "visit=3w": "visit must be kept for 30 days at least",
    "identity=3y": "identity cannot be limited: an unmerge needs what was said of who is who",
    "receipts=1y": "receipts must be kept for 400 days at least",
}


def test_periods_in_whole_days():
    told = read_retention(" rejected=90d ,receipts = 2y,")
    assert told.days == {"rejected": 90, "receipts": 730}
    in_days = [read_retention(f"receipts={period}").days["receipts"] for period in ("14mo", "60w", "3y")]
    assert in_days == [426, 420, 1096]


def test_what_is_not_named_is_kept_for_ever():
    now_us = 1_000 * DAY_US + 1
    assert read_retention("").days == {}
    assert not read_retention("rejected=forever").limits_anything
    assert read_retention("rejected=forever").cut_us("rejected", now_us) is None
    assert read_retention("rejected=10d").cut_us("receipts", now_us) is None
    assert read_retention("rejected=10d").cut_us("rejected", now_us) == 990 * DAY_US + 1


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_retention(text)


def test_the_default_is_of_events_that_are_not_named_but_for_consent_and_who_is_who():
    kept_for = read_retention("default=400d, visit=30d, case=forever")
    days = kept_for.of_events
    assert (days["order"], days["visit"], days["other"]) == (400, 30, 400)
    assert not {"case", "consent", "identity", "rejected", "receipts"} & days.keys()
    cuts_us = kept_for.cuts_us(1_000 * DAY_US + 7)
    assert (cuts_us["order"], cuts_us["visit"], cuts_us["consent"], cuts_us["identity"]) == (
        600 * DAY_US,
        970 * DAY_US,
        None,
        None,
    )


def test_every_type_that_there_is_has_a_kind():
    assert {kind_of(type_, names_order=False) for type_ in EVENT_TYPES} <= {*EVENT_KINDS, "identity"} - {"other"}
    assert kind_of("points.earned (void)", names_order=False) == "points"
    assert (
        kind_of("points.earned", names_order=True)
        == kind_of("order.completed (given back)", names_order=True)
        == "order"
    )
    assert kind_of("canary.flew", names_order=True) == "other"
