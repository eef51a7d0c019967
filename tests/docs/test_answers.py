"""A wrong field or value in a page is found; what was left out or varies is not."""

import json

import pytest

from tests.docs.answers import differences, http_differences, read_shown, text_differences

CAME = {
    "stage": "new",
    "churn_risk": 0.25,
    "as_of": "2026-11-25T18:11:54.509Z",
    "reasons": [{"feature": "a", "value": 1.0}, {"feature": "b", "value": None}],
    "interval": {"from": "x", "until": "y"},
}
SHOWN = (
    '{"stage":"new","churn_risk":0.25,"as_of":"2026-11-25T18:11:54.509Z",'
    '"reasons":[{"feature":"a","value":1.0},{"feature":"b","value":null}],"interval":{"from":"x","until":"y"}}'
)


def found(shown, came=None, varies=()):
    return list(differences(read_shown(shown), CAME if came is None else came, set(varies)))


@pytest.mark.parametrize(
    "shown",
    [
        SHOWN,
        '{"stage":"new",…}',
        '{"stage":"n…","reasons":…,…}',
        '{"reasons":[…,{"feature":"b",…}],…}',
        '{"reasons":[{"feature":"a",…},…],…}',
        '{"interval":{…},…}',
    ],
)
def test_what_is_right_is_not_found(shown):
    assert found(shown) == []


@pytest.mark.parametrize(
    "shown",
    [
        SHOWN.replace('"new"', '"lost"'),
        SHOWN.replace("0.25", "0.26"),
        SHOWN.replace('"stage"', '"stages"'),
        SHOWN.replace("null", "2.0"),
        SHOWN.replace(',{"feature":"b","value":null}', ""),
        SHOWN.replace('"until":"y"', '"until":"z"'),
        '{"stage":"new"}',
        '{"stage":"new","gone":1,…}',
        '{"reasons":[{"feature":"b",…},…],…}',
        '{"reasons":[…,{"feature":"c",…}],…}',
        '{"interval":{"from":"x"},…}',
        '{"stage":"l…",…}',
    ],
)
def test_what_is_wrong_is_found(shown):
    assert found(shown) != []


@pytest.mark.parametrize(
    ("shown", "is_right"),
    [
        ('{"churn_risk":0.9,…}', True),
        ('{"churn_risk":"high",…}', False),
        ('{"churn_risk":null,…}', False),
        ('{"as_of":"2020-01-01T00:00:00Z",…}', True),
        ('{"as_of":"yesterday",…}', False),
        ('{"reasons":[{"feature":"z","value":9.0},…],…}', True),
        ('{"reasons":[{"feature":"z","figure":9.0},…],…}', False),
        ('{"reasons":[{"feature":"z"},…],…}', False),
        ('{"interval":{"from":"u","until":"v"},…}', True),
        ('{"interval":{"from":"u"},…}', False),
        ('{"stage":"lost",…}', False),
    ],
)
def test_of_what_varies_the_form_is_compared(shown, is_right):
    assert (found(shown, varies=("churn_risk", "as_of", "reasons", "interval")) == []) is is_right


def test_a_truth_is_no_number():
    assert found('{"a":1}', {"a": True}) != []
    assert found('{"a":true}', {"a": 1}) != []


@pytest.mark.parametrize(
    ("shown", "varies", "is_right"),
    [
        ("267 customers verified, 0 differences\n", (), True),
        ("268 customers verified, 0 differences\n", (), False),
        ("1,268 customers verified, 3 differences\n", ("figures",), True),
        ("268 customers verified\n", ("figures",), False),
        ("… verified, …\n", (), True),
        ("…\n267 customers verified, 0 differences\n…\n", (), True),
        ("…\n", (), True),
        ("…\nDone.\n", (), False),
    ],
)
def test_lines(shown, varies, is_right):
    came = "267 customers  verified, 0 differences\n"
    assert (list(text_differences(shown, came, set(varies))) == []) is is_right


def test_heads():
    came = 'HTTP/1.1 404 Not Found\r\nx-request-id: 0a\r\ncontent-type: text/plain\r\n\r\n{"status":404}'
    right = 'HTTP/1.1 404 Not Found\nx-request-id: …\n\n{"status":404}'
    assert list(http_differences(right, came, set())) == []
    for wrong in (
        right.replace("404 Not", "400 Not"),
        right.replace("x-request", "y-request"),
        right.replace(":404", ":405"),
    ):
        assert list(http_differences(wrong, came, set())) != []


def test_json_of_a_page_reads_as_json():
    assert read_shown(SHOWN) == json.loads(SHOWN)
