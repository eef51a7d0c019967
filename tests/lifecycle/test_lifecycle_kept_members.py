"""What of an event's data is kept where the rest is declined."""

import pytest

from app.lifecycle.kept_members import KeptMembers

ORDER = {"order_id": "A-1", "total": 9.5, "gift_note": "for Li", "store": "S-1", "address": {"street": "1 Lane"}}
LINE = {"product_id": "tea", "price": 9.5, "name": "Tea", "engraving": "Li"}


def allowing(*setting):
    found = KeptMembers.of(*setting)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("setting", "kept", "declined"),
    [
        ("none", {"order_id": "A-1", "total": 9.5, "store": "S-1"}, 2),
        ("gift_note", {"order_id": "A-1", "total": 9.5, "gift_note": "for Li", "store": "S-1"}, 1),
        ("gift_note, address", ORDER, 0),
    ],
)
def test_what_is_counted_is_kept_and_what_is_listed(setting, kept, declined):
    assert allowing(setting).sift(ORDER) == (kept, declined)


def test_members_of_lines_are_listed_apart():
    assert allowing("name").sift({"products": [LINE]}) == (
        {"products": [{"product_id": "tea", "price": 9.5}]},
        2,
    )
    assert allowing("products.name").sift({"products": [LINE]})[0]["products"] == [
        {"product_id": "tea", "price": 9.5, "name": "Tea"}
    ]


def test_what_stands_in_another_form_is_declined():
    data = {"channel": {"said": "Li"}, "category": ["Li"], "products": "Li", "refund_events": ["r-1"]}
    assert allowing("none").sift(data) == ({"refund_events": ["r-1"]}, 3)
    lines = {"0": {"product_id": "tea", "name": {"said": "Li"}}, "1": "Li"}
    assert allowing("none").sift({"products": lines}) == ({"products": [{"product_id": "tea"}]}, 2)


def test_an_empty_setting_keeps_all_and_the_audited_attribute_is_kept():
    assert KeptMembers.of("") is None
    assert allowing("none", "gender").sift({"gender": "f", "name": "Li"}) == ({"gender": "f"}, 1)


@pytest.mark.parametrize("setting", ["none,text", "a b", "products.", "products.name.first", "x" * 65, "text;name"])
def test_what_is_no_list_of_names_is_refused(setting):
    with pytest.raises(ValueError, match=r"stands alone|names of members"):
        KeptMembers.of(setting)
