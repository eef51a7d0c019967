"""How long what is kept: the text of a deployment."""

import re

import pytest

from app.lifecycle.events import DAY_US
from app.lifecycle.retention import read_retention

REFUSED = {
    "rejected": "'rejected' is not of the form kind=period",
    "refused=3d": "'refused' is no kind; there are rejected, receipts",
    "rejected=3d, rejected=4d": "'rejected' is given twice",
    "rejected=3": "'3' is no period; write 90d, 12w, 13mo, 3y or forever",
    "rejected=-3d": "'-3d' is no period; write 90d, 12w, 13mo, 3y or forever",
    "rejected=0d": "rejected must be kept for 1 days at least",
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
    assert read_retention("rejected=forever").days == {}
    assert read_retention("rejected=forever").cut_us("rejected", now_us) is None
    assert read_retention("rejected=10d").cut_us("receipts", now_us) is None
    assert read_retention("rejected=10d").cut_us("rejected", now_us) == 990 * DAY_US + 1


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_retention(text)
