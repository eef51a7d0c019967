"""What stands for nobody, and what stands for somebody all the same."""

import pytest

from app.lifecycle.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "--", "?", "...", "undefined", "null", "NULL", "None", "nan", "NaN", "NaT", "<NA>", "nil"),
        *(
            "[object Object]",
            " [OBJECT  object] ",
            "[object Null]",
            "0",
            "0.0",
            "000000",
            "00000000-0000-0000-0000-000000000000",
        ),
        *(
            "٠",
            "０",
            "guest",
            *("test", " TEST ", "Test", "test user", "(测试)", "测试"),
            "Guest",
            " G U E S T ",
            "Guest User",
            "anonymous",
            "ANONYMOUS ",
            "#N/A",
            "#n/a",
            "N / A",
            "n.a.",
        ),
        *(
            "(null)",
            "<null>",
            '"null"',
            "'None'",
            r"\N",
            "-1",
            "#REF!",
            "#VALUE!",
            "#DIV/0!",
            "#NAME?",
            "#NUM!",
            "#NULL!",
        ),
        *(
            "(not set)",
            "not_set",
            "Not Available",
            "unknown",
            "null null",
            "N/A N/A",
            "guest\u200b",
            "ｎｕｌｌ",
            "\u00a0none\u00a0",
        ),
        *(
            "{{ user.id }}",
            "${email1}",
            "%%phone%%",
            "<%= id %>",
            "*|EMAIL|*",
            "无",
            "散客",
            "匿名",
            "walk-in",
            "false",
            "Array",
        ),
        *(
            "\x00",
            "\u200b",
            "undefined\n",
            "[object Window]",
            "[object HTMLInputElement]",
            "%5Bobject%20Object%5D",
            "#NV",
            "Walk-In Customer",
            "___",
            "\ufffd\ufffd",
        ),
    ],
)
def test_placeholder_is_nobody(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Гость", "НЕИЗВЕСТНО", "غير معروف", "अज्ञात", "비회원", "ไม่ระบุ", "Khách lẻ", "ゲスト", "未登録", "名無し"),
        *("Ospite", "okänd", "Ukendt", "brak", "anonymized", "CASH", "No customer", "deleted user"),
        *("现金", "零售", "默认客户", "顾客", "已注销", "该用户已注销", "过路客"),
        *("%USERID%", "$user_id", "{email}", "<customer id>", ":client_id", "__PHONE__", "[Member No.]"),
        *("nullnull", "undefined undefined", "none-none"),
    ],
)
def test_words_of_other_languages_and_variables_that_were_not_filled_in_are_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["138****8000", "t***1", "张**", "a***b@qq.com", "6222 **** **** 1234", "J••n", "李＊＊"]
)
def test_what_is_masked_is_nobody(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        *("{C-17}", "$17", "<A-1>", "nono", "Casherine", "会员001", "顾客甲", "user", "member-x"),
        *(
            "C-1001",
            "1",
            "10",
            "007",
            "-17",
            "nancy",
            "Nana",
            "nullius",
            "guest1",
            "no-reply-7",
            "ref",
            "value",
            "name",
            "num",
        ),
        *(
            "王芳",
            "李无忌",
            "noone@example.com",
            "anonymous-4711",
            "null-4711",
            "0a",
            "A-0",
            "o",
            "N",
            "NaN-1",
            "guesthouse",
        ),
        *("00000000-0000-0000-0000-000000000001", "{id}", "Zero", "unknown soldier", "~email:" + "0a" * 32),
    ],
)
def test_somebody_is_not_taken_for_a_placeholder(text: str) -> None:
    assert not is_placeholder(text)
