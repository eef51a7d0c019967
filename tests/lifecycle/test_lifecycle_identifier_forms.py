"""Normal forms of identifiers, and their pseudonyms."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.lifecycle.identifiers import (
    identifier_forms,
    is_nobody,
    is_pseudonym,
    normalise_identifier,
    normalise_kind,
    pseudonyms_in,
)
from tests.lifecycle.edges import hashed, phone

SAME_PHONE = (
    "+86 138-0013-8000",
    "0086138 0013 8000",
    "+86(0)13800138000",
    "(+86) 13800138000",
    "tel:+86-138-0013-8000",
    "＋８６　１３８００１３８０００",
    "+٨٦١٣٨٠٠١٣٨٠٠٠",
    "\u202a+86 138 0013 8000\u202c",
    "+86 138 0013 8000 ext. 12",
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("phone", "987654321"), ("phone", "+9876543210"), ("email", "null@null"), ("card", "없음")),
        *(("phone", "12345"), ("phone", "12345678910"), ("phone", "12345678900"), ("phone", "+86 12345678")),
        *(("phone", "+86 111 1111 1111"), ("phone", "001 999 999 9999"), ("phone", "+49 (0) 123456789")),
        *(("phone", "+86 10086"), ("phone", "+1 95588")),
        *(
            ("email", "test@shop.cn"),
            ("email", "noreply@shop.cn"),
            ("email", "li@shop.invalid"),
            ("email", "li@localhost"),
        ),
        *(("email", "test1@example.com"), ("email", "Customer@Example.ORG"), ("email", "name@domain.com")),
        *(("email", "first.last@shop.example"), ("email", "abc@123.com"), ("email", "foo@bar.com")),
    ],
)
def test_what_a_form_shows_in_an_empty_field_is_nobodys(kind, value):
    assert normalise_identifier(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("phone", "13888888888"), ("phone", "+86 188 8888 8888"), ("phone", "+290 22345"), ("phone", "556677")),
        *(("phone", "+86 131 2345 6789"), ("phone", "+49 151 23456789"), ("phone", "+1 312 345 6789")),
        *(
            ("email", "li@example.com"),
            ("email", "john.doe@example.com"),
            ("email", "li@shop.test"),
            ("email", "x@x-y.com"),
        ),
        *(("email", "testa@shop.cn"), ("email", "customer@shop.cn"), ("email", "123456@qq.com"), ("email", "a@b")),
    ],
)
def test_what_somebody_may_have_identifies(kind, value):
    assert normalise_identifier(kind, value) is not None


def test_an_address_of_a_link_is_the_address():
    assert normalise_identifier("email", "li%40shop.cn") == "li@shop.cn"
    assert normalise_identifier("email", "li%2Bnews%40shop.cn") == "li+news@shop.cn"


@pytest.mark.parametrize("subject", ["noemail@noemail.com", "null@null", "Test@Test.com", "guest@guest.de"])
def test_a_made_up_address_is_nobodys_id(subject):
    assert is_nobody(subject)


@pytest.mark.parametrize("subject", ["li@shop.cn", "A@1", "@li", "17@", "a b@c d", "C-1"])
def test_other_ids_are_somebodys(subject):
    assert not is_nobody(subject)


@pytest.mark.parametrize("written", SAME_PHONE)
def test_a_phone_is_the_same_however_it_is_written(written):
    assert normalise_identifier("phone", written) == "+8613800138000"
    assert normalise_identifier("phone", written, "49") == "+8613800138000"


@pytest.mark.parametrize(
    ("written", "country_code", "normal"),
    [
        ("138 0013 8000", "", "13800138000"),
        ("138 0013 8000", "86", "+8613800138000"),
        ("86 138 0013 8000", "86", "+8613800138000"),
        ("010-6552 9988", "86", "+861065529988"),
        ("030 901820", "49", "+4930901820"),
        ("06 6982 1234", "39", "+390669821234"),
        ("(212) 555-0123", "1", "+12125550123"),
        ("1 212 555 0123", "1", "+12125550123"),
        ("110", "86", None),
        ("00000000000", "", None),
        ("11111111", "86", None),
        ("unknown", "86", None),
        (" N/A ", "86", None),
        ("Reception Desk", "86", None),
        ("", "", None),
    ],
)
def test_national_numbers_and_what_is_no_number(written, country_code, normal):
    assert normalise_identifier("phone", written, country_code) == normal


@pytest.mark.parametrize(
    ("written", "country_code", "normal", "former"),
    [
        ("+44 020 7946 0123", "", "+442079460123", "+4402079460123"),
        ("+55 0 15 11 96123-4567", "", "+5511961234567", "+5501511961234567"),  # 15: by which carrier
        ("+39 (0)6 6982 1234", "", "+390669821234", "+39669821234"),  # the zero is Italy's own
        ("8 (495) 123-45-67", "7", "+74951234567", "+784951234567"),
        ("06 30 123 4567", "36", "+36301234567", "+366301234567"),
        ("011 15-2345-6789", "54", "+5491123456789", "+54111523456789"),
        ("011 86 138 0013 8000", "1", "+8613800138000", "+1118613800138000"),
        ("(11) 96123-4567", "55", "+5511961234567", None),
        ("+49 30 901820", "86", "+4930901820", None),
        ("+999 123 456", "", "+999123456", None),  # of no country
        ("0-0-86 138 0013 8000", "", "+8613800138000", "008613800138000"),
        ("6552 9988", "86", "+8665529988", None),  # without its town
        ("12345", "86", None, None),
        ("138 0013 8000", "", "13800138000", None),
        ("110", "86", None, None),
    ],
)
def test_a_phone_has_one_form_by_the_plan_of_its_country(written, country_code, normal, former):
    """Beside it stands the form of before, where that was another: who is known by it is to be found."""
    expected = tuple(form for form in (normal, former) if form is not None)
    assert identifier_forms("phone", written, country_code) == expected


PHONES = st.one_of(st.text(), st.from_regex(r"(\+|00|0|8|011)?[ 0-9()-]{3,20}", fullmatch=True))


@given(PHONES, st.sampled_from(("", "86", "39", "1", "7", "44")))
def test_who_was_nobody_is_nobody_and_who_was_somebody_is_found(value, country_code):
    """The last form is version 1: digits as they were written, less one zero."""
    forms = identifier_forms("phone", value, country_code)
    assert len(set(forms)) == len(forms) <= 4
    if forms and country_code and not any(map(str.isalpha, value)) and "(0)" not in value:
        digits = "".join(str(unicodedata.digit(each)) for each in value if each.isdigit())
        assert forms[-1].removeprefix("+").removeprefix(country_code).lstrip("0") in digits
        assert forms[0].startswith("+")


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("email", " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("email", "ａｎｎ＠example.com", "ann@example.com"),
        ("email", "mailto:ann@example.com.", "ann@example.com"),
        ("email", "ann@\u200bexample.com", "ann@example.com"),
        ("email", "none", None),
        ("email", "Front Desk", None),
        ("card", "undefined", None),
        ("card", "  Ab-１２ ", "Ab-12"),
        ("card", " \u200b ", None),
    ],
)
def test_other_identifiers(kind, value, normal):
    assert normalise_identifier(kind, value) == normal


WRITTEN = (
    st.text()
    | st.text("0123456789+-() ٣", min_size=7)
    | st.builds("{}@{}.de".format, st.text(min_size=1), st.text("abcü-", min_size=1))
)


@given(st.sampled_from(("phone", "email", "card")), WRITTEN, st.sampled_from(("", "86", "39", "1")))
def test_a_normal_form_is_its_own_normal_form(kind, value, country_code):
    normal = normalise_identifier(kind, value, country_code)
    assume(normal is not None)
    assert normal is not None
    assert normalise_identifier(kind, normal, country_code) == normal


def test_kinds_have_one_name():
    assert [normalise_kind(kind) for kind in ("E-Mail", " MAIL", "ｅｍａｉｌ")] == ["email"] * 3
    assert [normalise_kind(kind) for kind in ("Mobile Phone", "tel", "phone")] == ["phone"] * 3
    assert normalise_kind("WeChat:OpenID") == "wechat_openid"


def test_pseudonyms_are_told_from_ids_of_the_retailer():
    assert is_pseudonym(phone(1))
    assert not any(map(is_pseudonym, ("~", "~phone", "~phone:12", phone(1) + "\n", phone(1)[1:], "~:" + hashed(1))))


def test_identifiers_that_are_no_hashes_are_left_out():
    given = [{"kind": "phone", "hash": hashed(1)}, {"kind": "phone", "value": "+86"}, {"kind": 1}, "x", None]
    assert pseudonyms_in({"identifiers": given}) == [phone(1)]
    assert pseudonyms_in({"identifiers": "x"}) == []
    assert pseudonyms_in({}) == []
