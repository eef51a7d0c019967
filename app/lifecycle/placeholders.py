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
anonymized anonymised deleteduser deletedcustomer nocustomer cash cashsale cashcustomers countersale
ospite sconosciuto nessuno brak gość nieznany ukendt gæst okänd gäst ukjent gjest tuntematon vieras onbekend geen
yok bilinmiyor misafir không khôngcó kháchlẻ tidakada tidakdiketahui tamu
гость неизвестно неизвестный аноним нет неуказано άγνωστος אורח غيرمعروف مجهول ضيف زائر अज्ञात अतिथि
없음 비회원 미등록 손님 게스트 익명 ไม่ระบุ ไม่มี ลูกค้าทั่วไป 名無し 未登録 不明客 匿名希望
现金 现金销售 零售 默认 默认客户 默认会员 默认顾客 顾客 客户 会员 普通 散户
过路客 匿名会员 临时会员 其他 其它 已注销 已注销用户 用户已注销 该用户已注销
test testing testuser testcustomer testkunde тест テスト 테스트
测试 測試 测试用户 测试客户 测试会员 测试顾客 测试账号
无 無 空 空值 空白 未知 不详 不明 暂无 没有 匿名 匿名用户 匿名客户 游客 访客 散客 零散客户 零售客户 非会员 无会员
普通顾客 普通客户 现金客户 临时客户 门店散客 路人 过客 未登录 未注册 未填写 未提供 未设置 缺失
"""

_COUNTS: Final = re.compile("[1-9]")
_TEMPLATE: Final = re.compile(r"\{\{.*\}\}|\$\{.*\}|%%.*%%|<%.*%>|\*\|.*\|\*|\[\[.*\]\]|\[object \w+\]", re.DOTALL)
"""A text into which something should have been put: `{{ user.id }}`, `${email}`, `*|EMAIL|*`; `[object Window]` was."""
_NAMED: Final = r"(?:user|customer|member|client|visitor|contact|subscriber|e-?mail|phone)[a-z_ .-]*"
_VARIABLE: Final = re.compile(
    rf"\{{{_NAMED}\}}|<{_NAMED}>|%{_NAMED}%|\[{_NAMED}\]|\$_?{_NAMED}|:{_NAMED}|__{_NAMED}__", re.IGNORECASE
)
"""The same with one sign, where it names what should have been put in: `%USERID%`, `$user_id`, `{email}`."""
_TWICE: Final = re.compile(r"(null|undefined|none)\1+")
_FILLING: Final = "0-–—_.?/\\*#,;:'\"()[]{}<>| \ufffd"
"""What is typed to fill a field that must not stay empty, and what is left of a text that was read wrongly."""
MASKS: Final = ("**", "••", "●●", "＊＊")
"""What stands for the letters that a platform has masked."""
_SENTINELS: Final = frozenset(("-1", "-1.0", r"\n"))
r"""An empty key of a data warehouse; `\N` is NULL in what MySQL and Postgres write."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands for nothing: empty, zeros or signs alone, a template not filled in, a word of the list.

    Case, spaces, brackets, quotes and other signs make no difference: `(null)`, ` N/A `, `[object Object]`, `Not set`.
    What is masked (`138****8000`, `t***1`) is one too: it is of all who share its ends.
    """
    if any(mask in text for mask in MASKS):
        return True
    if (text[:1].isalnum() or text[:1] == "+") and ("@" in text or _COUNTS.search(text)):
        return False  # nearly every id, at no cost: none of the words has a digit
    plain = show_visible(unquote(text)).strip().casefold()
    if plain in _SENTINELS or _TEMPLATE.fullmatch(plain) or _VARIABLE.fullmatch(plain):
        return True
    bare = _bare(plain)
    is_filling = not (bare or plain).strip(_FILLING)
    if bare in _NOBODY or is_filling or _TWICE.fullmatch(bare) or (plain.startswith("#") and bare in _CELL_ERRORS):
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


def _words(text: str) -> frozenset[str]:
    """As they are compared."""
    return frozenset(_bare(unicodedata.normalize("NFKC", word).casefold()) for word in text.split())


_NOBODY: Final = _words(_OF_PROGRAMS + _OF_PEOPLE)
_CELL_ERRORS: Final = _words(_OF_PROGRAMS + _OF_SPREADSHEETS)
