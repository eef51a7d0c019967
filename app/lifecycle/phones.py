"""Phone numbers in their normal form, and in the one of before.

Form 2 is E.164 by the numbering plans of all countries, as the library `phonenumbers` knows them. It knows which
digits are dialled at home only (`8 495 …` in Russia, `06 30 …` in Hungary, a carrier in Brazil), and where a leading
zero belongs to the number (Italy). Form 1 knew the zero alone. What is no possible number in any plan has form 1.
Form 3 is form 2 of what was written, where a spreadsheet wrote it as a number: `13800138000.0`, `1.3800138000E+10`.
"""

import re
import unicodedata
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

_LEAST_PHONE_DIGITS: Final = 5
_LEAST_SUBSCRIBER_DIGITS: Final = 10

_KEEPS_ZERO: Final = frozenset(("39", "378"))
"""Country codes after which a national number keeps its leading zero in form 1: Italy and San Marino."""


_EXPONENT: Final = re.compile(r"(\+?\d+)(?:[.,](\d*))?[eE]\+?(\d{1,2})")
_WHOLE: Final = re.compile(r"(\+?(?:\d{5,}|\d{1,3}(?:,\d{3})+))[.,]0+")
_LEAST_RUN: Final = 5
_RUN: Final = "0123456789" * 4
_RUN_DOWN: Final = _RUN[::-1]
_FILLING: Final = re.compile(r"\d*0{7}|123456789\d{1,2}|(\d)\1+")
"""Digits that end in as many zeros as no number that was given to anybody, go on after a row, or are all the same."""
_MOST_CODE_DIGITS: Final = 3
_SHORT_DIGITS: Final = 9
"""With a country's code: numbers of more digits are not looked at for being too short to be somebody's."""
_MASKED: Final = re.compile(r"[*•●?]|\d[xX]{2,}\d|\d\.{2,}\d")
_SEVERAL: Final = re.compile(r"(\+?\d{10,})\D+\d{10,}")
_LETTER: Final = re.compile(r"[^\W\d_]")


class _Written(NamedTuple):
    """A number as it was written: its digits, those of form 1, and whether a country code leads them."""

    digits: str
    former_digits: str
    is_international: bool


def phone_forms(plain: str, compact: str, country_code: str) -> tuple[str, ...]:
    """The normal form of a phone, then the ones of before where they were others; nothing: it identifies nobody.

    What `former_phone_forms` says of it, once a number's exponent or fraction is undone; of two numbers, of the first.
    Digits that an exponent or a mask (`138****8000`) has lost cannot be known; a name, digits in a row (`12345678`) and
    zeros (`13800000000`), one digit again and again, and what is too short to be somebody's are no phone.
    """
    number = _undo_number(plain.strip().lstrip("'"))
    if number is not None and (several := _SEVERAL.fullmatch(number)):
        number = several.group(1)
    if number is None or _MASKED.search(number) or _has_too_many_letters(number) or _fills(_digits_in(number)):
        return ()
    repaired = former_phone_forms(number, number, country_code)
    if not repaired or _is_of_nobody(repaired[0]):
        return ()
    if repaired[0].startswith("00"):  # `0 086…`: signs within the prefix hid it
        again = phone_forms(repaired[0], repaired[0], country_code)
        return tuple(dict.fromkeys((*again, *repaired))) if again else ()
    if number == plain:
        return repaired
    return tuple(dict.fromkeys((*repaired, *former_phone_forms(plain, compact, country_code))))


def _undo_number(plain: str) -> str | None:
    """A phone that was written as a number; None: not all of its digits are there."""
    joined = "".join(plain.split())
    if whole := _WHOLE.fullmatch(joined):
        return whole.group(1)
    exponent = _EXPONENT.fullmatch(joined)
    if exponent is None:
        return plain
    digits, fraction, shift = exponent.group(1), exponent.group(2) or "", int(exponent.group(3))
    is_exact = len(fraction) >= shift and not fraction[shift:].strip("0")
    return digits + fraction[:shift] if is_exact else None


def _is_of_nobody(form: str) -> bool:
    """Whether a number in E.164 is none that is given to people in its country."""
    return form[:1] == "+" and (_fills(_national(form[1:])) or _is_too_short(form))


def _is_too_short(form: str) -> bool:
    """Whether nobody has a number of so few digits in its country, or it is that of a service (`10086`)."""
    if len(form) - 1 > _SHORT_DIGITS:
        return False
    parsed = _parse(form, None)
    if parsed is None:
        return False
    is_short = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.TOO_SHORT
    return is_short or phonenumbers.is_valid_short_number(parsed)


def _has_too_many_letters(plain: str) -> bool:
    """Whether it is words rather than a number: more letters than digits."""
    if not _LETTER.search(plain):
        return False
    digits = _read(plain).former_digits
    return sum(each.isalpha() for each in plain) > max(len(digits), _LEAST_PHONE_DIGITS)


def _fills(digits: str) -> bool:
    """Whether they are digits in a row, zeros, or one digit again and again."""
    is_run = digits in _RUN or digits in _RUN_DOWN
    return len(digits) >= _LEAST_RUN and (is_run or _FILLING.fullmatch(digits) is not None)


def _national(digits: str) -> str:
    """Without the code of the country with which digits begin."""
    ends = range(1, _MOST_CODE_DIGITS + 1)
    code = next((end for end in ends if int(digits[:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0)
    return digits[code:]


def former_phone_forms(plain: str, compact: str, country_code: str) -> tuple[str, ...]:
    """Form 2, then form 1 where that was another; nothing: it identified nobody.

    `country_code`: digits, of numbers written without one; without it, such a number is its digits. `plain` and
    `compact` (without spaces, in lower case) are NFKC. What is no number stays the text it is, a name say.
    """
    written = _read(plain)
    if sum(each.isalpha() for each in compact) > max(len(written.former_digits), _LEAST_PHONE_DIGITS):
        return (compact,)
    former = _former_form(written, country_code)
    if former is None:
        return ()
    for number in _to_be_parsed(written, former, country_code):
        parsed = _parse(*number)
        if parsed is None:
            continue
        found = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
        if found != former and phonenumbers.is_possible_number(parsed) and _is_stable(found, country_code):
            return found, former
    return (former,)


def _read(plain: str) -> _Written:
    written = re.split(r"(?i)ext|x|#|;", plain, maxsplit=1)[0]
    prefix = re.match(r"(?i)\s*(?:tel:)?[\s(]*(\+|00)", written)
    if prefix is None:
        return _Written(_digits_in(written), _digits_in(written), False)
    written = written[prefix.end() :]
    return _Written(_digits_in(written), _digits_in(re.sub(r"\(0\)", "", written)), True)


def _digits_in(text: str) -> str:
    return "".join(str(unicodedata.digit(each)) for each in text if each.isdigit())


def _former_form(written: _Written, country_code: str) -> str | None:
    digits = written.former_digits
    if not written.is_international and country_code and not _has_code(digits, country_code):
        digits = country_code + (digits if country_code in _KEEPS_ZERO else digits.removeprefix("0"))
    own = digits.removeprefix(country_code)
    if len(own) < _LEAST_PHONE_DIGITS or len(set(own)) < 2:  # 110, or 00000000000 typed for lack of one
        return None
    return f"+{digits}" if written.is_international or country_code else digits


def _has_code(digits: str, country_code: str) -> bool:
    """Whether a number without + begins with the code all the same, as exports write it."""
    return digits.startswith(country_code) and len(digits) - len(country_code) >= _LEAST_SUBSCRIBER_DIGITS


def _to_be_parsed(written: _Written, former: str, country_code: str) -> list[tuple[str, str | None]]:
    """Texts and the regions they are dialled in: as written, and else by form 1."""
    if not written.is_international:
        region = phonenumbers.region_code_for_country_code(int(country_code)) if country_code else None
        return [(written.digits, region), (former, None)] if country_code else []
    as_written = "+" + written.digits
    return [(former, None)] if as_written == former else [(as_written, None), (former, None)]


def _parse(number: str, region: str | None) -> PhoneNumber | None:
    """None: it is none in any plan."""
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException:
        return None


def is_mobile(form: str, country_code: str) -> bool:
    """Whether a number in its normal form is a mobile phone's in the plan of that country."""
    parsed = _parse(form, None) if form.startswith(f"+{country_code}") and country_code else None
    return (
        parsed is not None
        and phonenumbers.is_valid_number(parsed)
        and phonenumbers.number_type(parsed) in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    )


def _is_stable(found: str, country_code: str) -> bool:
    """Whether it stays as it is when it is read again, and is somebody's."""
    parsed = _parse(found, None)
    again = None if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return again == found == _former_form(_read(found), country_code)
