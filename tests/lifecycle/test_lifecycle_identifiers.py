"""What spreadsheets and forms make of phones and e-mails: repaired where nothing was lost, else nobody's."""

import pytest

from app.lifecycle.identifiers import former_forms, identifier_forms, normalise_identifier


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("13800138000.0", "13800138000"),
        ("13800138000.00", "13800138000"),
        ("+8613800138000.0", "+8613800138000"),
        ("'13800138000", "13800138000"),
        ("'13800138000.0", "13800138000"),
        ("13,800,138,000.00", "13800138000"),
        ("1.3800138000E+10", "13800138000"),
        ("1,3800138000e10", "13800138000"),
        ("1.38001380000E+10", "13800138000"),
        ("0171.1234567", "01711234567"),
        ("1.38E+10", None),
        ("1,38E+10", None),
        ("4.479E+11", None),
        ("138E+8", None),
        ("1.38 E+10", None),
        ("+8.613800138000E+12", "+8613800138000"),
        ("13800000000", None),
        ("1.38001380005E+10", None),
        ("12345678", None),
        ("0123456789", None),
        ("7890123456", None),
        ("see notes", None),
        ("ask at desk 12", None),
        ("[object Object]", None),
        ("138****8000", None),
        ("138＊＊＊＊8000", None),
        ("138xxxx8000", None),
        ("+86 138...8000", None),
        ("13800138000 13900139000", "13800138000"),
        ("13800138000/13900139000", "13800138000"),
        ("13800138000；13900139000", "13800138000"),
        ("+8613800138000, +8613900139000", "+8613800138000"),
        ("13800138000 x123", "13800138000"),
    ],
)
def test_phones_of_spreadsheets(written, normal):
    assert normalise_identifier("phone", written) == normal


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Wei Li <y@example.com>", "y@example.com"),
        ('"Li, Wei" <Y@Example.com>', "y@example.com"),
        ("Li, Wei <y@example.com>", "y@example.com"),
        ("Name <a@b>", "a@b"),
        ("<y@example.com>", "y@example.com"),
        ("y@example.com (Wei Li)", "y@example.com"),
        ("mailto:y@example.com?subject=hello", "y@example.com"),
        ("y@example.com, z@example.com", "y@example.com"),
        ("y@example.com;", "y@example.com"),
        ("y @ example.com", "y@example.com"),
        ("z@exämple.de", "z@xn--exmple-cua.de"),
        ("z@EXÄMPLE.de.", "z@xn--exmple-cua.de"),
        ("z@xn--exmple-cua.de", "z@xn--exmple-cua.de"),
        ("z@straße.de", "z@xn--strae-oqa.de"),
        ("王@例子。中国", "王@xn--fsqu00a.xn--fiqs8s"),
        ("guest@hotel.example", None),
        ("noemail@noemail.com", None),
        ("None@none.com", None),
        ("no@no.com", None),
        ("test@test.com", None),
        ("undefined@example.com", None),
        ("y@undefined", None),
        ("nan@example.com", "nan@example.com"),
        ("test@example.com", None),
        ("y@example.com>", "y@example.com"),
        ("123@123.com", None),
        ("y@", None),
        ("@example.com", None),
        ("@wei", None),
        ("y@exa mple..com", None),
        ("Wei Li", None),
        ("#N/A", None),
        ("(null)", None),
    ],
)
def test_emails_of_forms(written, normal):
    assert normalise_identifier("email", written) == normal


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("phone", "13800138000.0"),
        ("phone", "1.3800138000E+10"),
        ("phone", "84951234567.0"),
        ("email", "Wei Li <y@example.com>"),
        ("email", "z@exämple.de"),
    ],
)
def test_who_is_known_by_a_form_of_before_is_found(kind, written):
    forms = identifier_forms(kind, written, "7")
    assert forms[-1] == former_forms(kind, written, "7")[-1] != forms[0]


def test_what_has_its_form_still_has_no_other():
    assert identifier_forms("email", "Li@Example.com") == ("li@example.com",)
    assert identifier_forms("phone", "138 0013 8000") == ("13800138000",)
