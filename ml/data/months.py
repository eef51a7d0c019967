"""Names of months in times → numbers, in DuckDB: 5 Mar 2024, March 5th, 2024, 5. März 2024, 5 mars 2024, and what
browsers and mails write (Tue Mar 05 2024 10:00:00 GMT+0800 (China Standard Time); Tue, 05 Mar 2024 10:00:00 +0800)."""

from collections.abc import Mapping
from typing import Final

_LETTERS: Final = "A-Za-zÀ-ÖØ-öø-ÿ"
_ENGLISH: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OTHERS: Final = {3: "mrz mae", 5: "mai", 10: "okt", 12: "dez dic", 2: "fev", 4: "avr abr", 8: "aou ago", 1: "ene"}
_STEMS: Final[Mapping[str, int]] = {
    **{stem: number for number, stem in enumerate(_ENGLISH, 1)},
    **{stem: number for number, stems in _OTHERS.items() for stem in stems.split()},
}
"""By its first three letters without accents, of English, German, French and Spanish. French June and July differ in
the fourth."""
_WEEKDAY: Final = (
    "mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mie|jue|vie|sab|dom"
    rf"|[{_LETTERS}]+day|[{_LETTERS}]+tag|sonnabend|mittwoch|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    "|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
_DATE_BEGINS: Final = rf"[{_LETTERS}]{{3,}}\.? \d|\d{{1,2}}(?:\.|er|º)?[ -](?:de )?[{_LETTERS}]{{3,}}|\d{{1,4}}[./-]\d"
"""What must follow a weekday: Mar is March, too."""
_DAY_FIRST: Final = rf"^(\d{{1,2}})(?:\.|er|º)?[ -](?:de )?[{_LETTERS}]{{3,}}\.?,?[ -](?:de )?(\d{{4}}|\d{{2}})(\D.*|)$"
_MONTH_FIRST: Final = rf"^[{_LETTERS}]{{3,}}\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})(\D.*|)$"
_TIDYING: Final = (
    (r"\s*\([^)]*\)$", ""),
    (r"\s*(?:GMT|UTC)([+-])", r"\1"),
    (r"\s*(?:GMT|UTC)$", "+00:00"),
    (rf"^(?i:{_WEEKDAY})\.?,?\s+((?:{_DATE_BEGINS}).*)$", r"\1"),
)
_AFTER_DAY: Final = r"^(\d{2,4}-\d{1,2}-\d{1,2})(?:,| um| at| à| a las)* *"


def numbered(text: str) -> str:
    """The text of a time whose month is a name as one that begins with year, month and day; others as they are."""
    for pattern, replacement in _TIDYING:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}')"
    word = f"lower(strip_accents(replace(regexp_extract({text}, '[{_LETTERS}]{{3,}}'), 'ä', 'ae')))"
    stems = "MAP {" + ", ".join(f"'{stem}': '{number}'" for stem, number in _STEMS.items()) + "}"
    month = f"CASE left({word}, 4) WHEN 'juin' THEN '6' WHEN 'juil' THEN '7' ELSE {stems}[left({word}, 3)] END"
    turned = f"""CASE WHEN {month} IS NULL THEN NULL
        WHEN regexp_matches({text}, '{_DAY_FIRST}')
            THEN regexp_replace({text}, '{_DAY_FIRST}', '\\2-' || {month} || '-\\1\\3')
        WHEN regexp_matches({text}, '{_MONTH_FIRST}')
            THEN regexp_replace({text}, '{_MONTH_FIRST}', '\\2-' || {month} || '-\\1\\3') END"""
    dated = f"regexp_replace(regexp_replace({turned}, '{_AFTER_DAY}', '\\1 '), '^(\\d\\d)-', '20\\1-')"
    return f"coalesce({dated}, {text})"
