"""Which customer ids are somebody's phone or e-mail, and which are ids of the retailer's."""

import pytest

from app.lifecycle.plain_ids import read_plain_id


@pytest.mark.parametrize(
    ("customer_id", "kind"),
    [
        ("+8613812345678", "phone"),
        ("+86 138-1234-5678", "phone"),
        ("\uff0b8613812345678", "phone"),
        ("phone:13812345678", "phone"),
        ("TEL: +49 (30) 1234567", "phone"),
        ("mobile:13812345678", "phone"),
        ("li@shop.cn", "email"),
        ("Li <Li@Shop.cn>", "email"),
        ("li\uff20shop.cn", "email"),
        ("email:li@shop.cn", "email"),
        ("mailto:li@shop.cn", "email"),
    ],
)
def test_what_says_so_or_unmistakably_is_one(customer_id, kind):
    assert read_plain_id(customer_id, "86").kind == kind  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "customer_id",
    [
        *(
            "C-1001",
            "13812345678",
            "8613812345678",
            "008613812345678",
            "400012345678901",
            "1-800",
            "+1",
            "+12-34",
            "A+12345678",
        ),
        *("user@tenant", "@li", "a@b", "li@shop.cn;2", "a b@shop.cn", "shop:17", "crm:li", "email:17", "phone:home"),
        *("~phone:" + "0" * 64, "gid://shopify/Customer/13812345678", "urn:x:li", "noemail@noemail.com"),
    ],
)
def test_what_merely_looks_like_one_is_an_id(customer_id):
    assert read_plain_id(customer_id, "86") is None


@pytest.mark.parametrize(
    ("customer_id", "is_phone"),
    [
        ("13812345678", True),
        ("138 1234 5678", True),
        ("8613812345678", True),
        ("2381234567", False),  # no number of the plan
        ("1012345678", False),  # of a telephone in Beijing
        ("90013812345678", False),
        ("C-13812345678", False),
    ],
)
def test_mobile_numbers_are_phones_where_ids_are(customer_id, is_phone):
    assert (read_plain_id(customer_id, "86", ids_are_phones=True) is not None) is is_phone
