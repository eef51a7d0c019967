"""Words of files of items: stock, whether an item is shown, levels of categories, tags."""

import re
from collections.abc import Sequence
from typing import Final

from ml.data.words import plain_word, words

_YES: Final = words("y, yes, true, t, 1, on, x, ja, oui, si, 是, 有, 真")
_NO: Final = words("n, no, false, f, 0, off, nein, non, 否, 无, 没有, 假")
_STOCKED: Final = words("in stock, instock, available, preorder, backorder, 有货, 现货, 充足, 在库, 有库存")
_EMPTY: Final = words("out of stock, outofstock, sold out, unavailable, discontinued, 缺货, 无货, 售罄, 断货, 无库存")
_SHOWN: Final = words("active, published, publish, visible, enabled, 上架, 已上架, 在售, 正常, 启用, 展示")
_NOT_SHOWN: Final = words("""
draft, archived, inactive, hidden, private, trash, disabled, unlisted, unpublished
下架, 已下架, 停售, 停用, 隐藏, 作废, 未上架, 草稿, 待上架
""")
_SURE_SIGNS: Final = (">", "›", "»")
_DOUBTFUL_SIGNS: Final = ("/", "|", "\\")
_AT_TAGS: Final = re.compile(r"[,;|，；、]")


def yes_or_no(word: str) -> bool | None:
    """None: it is neither."""
    plain = plain_word(word)
    return True if plain in _YES else False if plain in _NO else None


def is_stocked(word: str | None) -> bool | None:
    """By a word, or by how many there are; None: nothing is said that is known."""
    if word is None:
        return None
    plain = plain_word(word)
    if plain in _STOCKED or plain in _EMPTY:
        return plain in _STOCKED
    try:
        return float(plain.replace(",", "")) > 0
    except ValueError:
        return yes_or_no(word)


def tell_shown(word: str) -> bool | None:
    """Whether an item is shown, by its status; None: the word is not known."""
    plain = plain_word(word)
    if plain in _SHOWN or plain in _NOT_SHOWN:
        return plain in _SHOWN
    return yes_or_no(word)


def tell_category_sign(values: Sequence[str | None]) -> str | None:
    """What parts the levels of a path: the first of the signs that any has between words; None: none has one.

    A slash or a bar may be part of a name (`Tea/Coffee`), so that it parts levels only where a third of them have it.
    """
    said = {value for value in values if value}
    for sign in _SURE_SIGNS:
        if any(sign in value for value in said):
            return sign
    for sign in _DOUBTFUL_SIGNS:
        if said and sum(sign in value for value in said) * 3 >= len(said):
            return sign
    return None


def split_tags(text: str | None) -> list[str]:
    """Tags of a cell, each once."""
    return [] if text is None else list(dict.fromkeys(tag for each in _AT_TAGS.split(text) if (tag := each.strip())))
