"""Which encoding of one byte a letter a text of Europe was saved in: the one in which it has a language's letters.

A byte is a letter in each of them: `ń` in cp1250 is `ñ` in cp1252. In all but one, as a rule, the letters of a file are
of no one language together.
"""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

_ALPHABETS: Final = (
    ("cp1252", "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüç", "ãáàâçéêíóôõú", "àèéìíîòóùú", "åäöéü", "æøåéöä", "éèëïóöüêçà"),
    ("cp1254", "çğıiöşüâîû"),
    ("cp1250", "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "áäčďéíĺľňóôŕšťúýž", "ăâîşţ", "čćđšž"),
    ("iso8859_2", "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "áäčďéíĺľňóôŕšťúýž", "ăâîşţ", "čćđšž"),
    ("cp1251", "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
    ("cp1251", "абвгдђежзијклљмнњопрстћуфхцчџш"),
    ("cp1252", "áðéíóúýþæö"),
)
"""Encodings and the letters of their languages beyond ASCII, the likeliest first."""
_SHARE: Final = 0.95
"""Of the letters that are of one language: a German file may say `Café`."""
_MIXED: Final = re.compile("[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_SIGNS: Final = re.compile(
    r"[€‚„…‰‹‘’“”•–—›\xa0«»№]|[·´§©®™](?![^\W\d_])|(?<![^\W\d_]{2})°(?![^\W\d_A-Z])"
    r"|(?<![^\W\d_]{2})[¹²³½¼¾ªº£¥±×](?![^\W\d_])"
    r"|(?<![^\W\d_])[¡¿]"
)
"""What is no letter: a power not amid a word (`m³`, but not the `ł` that is one in another encoding)."""


def fitting(text: bytes) -> list[str]:
    """The encodings in which the text has letters of one language, but for a few, the best first.

    Several where a file has but a letter or two that say little: `ñ` alone may be a Polish `ń`.
    """
    shares: dict[str, float] = {}
    for encoding, *alphabets in _ALPHABETS:
        try:
            read = text.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = Counter(each for each in _SIGNS.sub("", read).replace("İ", "ı").lower() if not each.isascii())
        if all(each.isalpha() for each in letters) and not _is_odd(read):
            share = max(sum(letters[each] for each in alphabet) for alphabet in alphabets) / max(1, letters.total())
            shares[encoding] = max(share, shares.get(encoding, 0))
    found = [encoding for encoding, share in shares.items() if share >= _SHARE]
    return sorted(found, key=lambda encoding: -shares[encoding])


def _is_odd(text: str) -> bool:
    """Whether two alphabets meet in a word (`Yoрurt`), or a capital stands behind a small letter of its kind (`гЖ`)."""
    if _MIXED.search(text):
        return True
    pairs = pairwise(text)
    return any(not one.isascii() and one.islower() and not next_.isascii() and next_.isupper() for one, next_ in pairs)
