"""What is written where there is nothing: `undefined` by a program, `#N/A` by a spreadsheet, `guest` by a till.

One list for every door: a subject, an identifier, a column of a file. Whoever goes by one of these is nobody.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_OF_PROGRAMS: Final = """
null none nil nan nat na undefined void dbnull true false inf infinity
objectobject object objectnull objectundefined array function nullpointer novalue
"""
_OF_SPREADSHEETS: Final = (
    "ref refvalue value div0 name num spill calc field nv nd wert bezug zahl valor valeur nom nome nombre"
)
"""Errors of cells without their signs: taken only where a `#` leads them."""
_OF_PEOPLE: Final = """
no not nobody noone nothing unknown anonymous anon guest empty blank missing tbd unspecified unassigned
notset notavailable notapplicable notprovided notgiven notspecified notdefined notfound notloggedin loggedout
noname nodata noid noemail nomail nophone nonegiven guestuser guestcustomer guestcheckout anonymoususer
anonymouscustomer unknownuser unknowncustomer walkin walkincustomer walkinguest cashcustomer casualcustomer nonmember
guestshopper anonymousshopper visitor anonymousvisitor defaultcustomer publicuser retailcustomer generalcustomer
gast gastkunde unbekannt anonym keine laufkunde invité invite inconnu anonyme aucun invitado desconocido
anonimo anónimo ninguno consumidorfinal convidado nenhum ゲスト なし
无 無 空 空值 空白 未知 不详 不明 暂无 没有 匿名 匿名用户 匿名客户 游客 访客 散客 零散客户 零售客户 非会员 无会员
普通顾客 普通客户 现金客户 临时客户 门店散客 路人 过客 未登录 未注册 未填写 未提供 未设置 缺失
"""
_NOBODY: Final = frozenset((_OF_PROGRAMS + _OF_PEOPLE).split())
_CELL_ERRORS: Final = frozenset((_OF_PROGRAMS + _OF_SPREADSHEETS).split())

_COUNTS: Final = re.compile("[1-9]")
_TEMPLATE: Final = re.compile(r"\{\{.*\}\}|\$\{.*\}|%%.*%%|<%.*%>|\*\|.*\|\*|\[\[.*\]\]|\[object \w+\]", re.DOTALL)
"""A text into which something should have been put: `{{ user.id }}`, `${email}`, `*|EMAIL|*`; `[object Window]` was."""
_FILLING: Final = "0-–—_.?/\\*#,;:'\"()[]{}<>| \ufffd"
"""What is typed to fill a field that must not stay empty, and what is left of a text that was read wrongly."""
_SENTINELS: Final = frozenset(("-1", "-1.0", r"\n"))
r"""An empty key of a data warehouse; `\N` is NULL in what MySQL and Postgres write."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands for nothing: empty, zeros or signs alone, a template not filled in, a word of the list.

    Case, spaces, brackets, quotes and other signs make no difference: `(null)`, ` N/A `, `[object Object]`, `Not set`.
    """
    if (text[:1].isalnum() or text[:1] == "+") and ("@" in text or _COUNTS.search(text)):
        return False  # nearly every id, at no cost: none of the words has a digit
    plain = show_visible(unquote(text)).strip().casefold()
    if plain in _SENTINELS or _TEMPLATE.fullmatch(plain):
        return True
    bare = _bare(plain)
    is_filling = not (bare or plain).strip(_FILLING)
    if bare in _NOBODY or is_filling or (plain.startswith("#") and bare in _CELL_ERRORS):
        return True
    words = {_bare(word) for word in plain.split()}
    return len(words) == 1 and not words.isdisjoint(_NOBODY)


def is_empty_word(word: str) -> bool:
    """Whether a word in lower case, as it is, stands for nothing."""
    return word in _NOBODY


def show_visible(text: str) -> str:
    """NFKC, without what cannot be seen: marks of direction, zero-width characters, controls."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each)[0] != "C")


def _bare(plain: str) -> str:
    """Letters and digits alone, zeros of other scripts as `0`."""
    kept = (each for each in plain if each.isalnum())
    return "".join("0" if unicodedata.digit(each, None) == 0 else each for each in kept)
