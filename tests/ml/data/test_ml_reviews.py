"""Texts and labels of a retailer's file."""

import pytest

from ml.data.columns import UnusableTransactions
from ml.data.reviews import label_of, read_alike, read_reviews


def written(tmp_path, text, name="reviews.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("labels", "signs"),
    [
        (("1", "0"), [1, -1]),
        (("2", "1"), [1, -1]),
        (("1", "-1"), [1, -1]),
        (("1", "0", "-1"), [1, 0, -1]),
        (("5", "4", "3", "2", "1"), [1, 1, 0, -1, -1]),
        (("Positive", "NEUTRAL", "negative"), [1, 0, -1]),
        (("好评", "中评", "差评"), [1, 0, -1]),
        (("true", "false"), [1, -1]),
    ],
)
def test_labels_are_taken_for_what_they_mean(tmp_path, labels, signs):
    lines = [f"text {at},{label}" for at, label in enumerate(labels)]
    path = written(tmp_path, "\n".join(["review,label", *lines]))
    assert [sign for _, sign in read_reviews(path, {}, print)] == signs


def test_a_chinese_file_in_its_own_encoding(tmp_path):
    path = written(tmp_path, "评论,评分\n很好，还会再来,5\n太差了,1\n", encoding="gb18030")
    assert read_reviews(path, {}, print) == [("很好，还会再来", 1), ("太差了", -1)]


def test_columns_may_be_named(tmp_path):
    path = written(tmp_path, "a,b\nfine,1\npoor,0\n")
    assert read_reviews(path, {"text": "a", "label": "b"}, print) == [("fine", 1), ("poor", -1)]


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        ("a,b\nx,1\n", {}, "no column for the text; the file has a, b. Name it with --text-column"),
        ("review,b\nx,1\n", {}, "no column for the label"),
        ("review,label\nx,1\n", {"label": "c"}, "there is no column 'c'"),
        ("review,label\n,1\nx,\n", {}, "no line has both"),
        ("review,label\nx,1\ny,1\n", {}, "labels are such as '1'"),
        ("review,label\nx,0\ny,2\nz,4\n", {}, "such as '0', '2', '4'; they must be"),
        ("review,label\nx,blue\ny,red\n", {}, "such as 'blue', 'red'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, text, columns, sentence):
    with pytest.raises(UnusableTransactions, match=sentence):
        read_reviews(written(tmp_path, text), columns, print)


def test_labels_of_two_files_mean_the_same(tmp_path):
    known = written(tmp_path, "review,label\na,1\nb,3\nc,5\n", "known.csv")
    asked = written(tmp_path, "review,label\nd,4\ne,5\n", "asked.csv")
    assert read_alike([known, asked], {}, print)[1] == [("d", 1), ("e", 1)]


def test_lines_that_lack_something_are_counted(tmp_path):
    said: list[str] = []
    assert len(read_reviews(written(tmp_path, "review,label\nx,1\n,1\ny,0\nz,\n"), {}, said.append)) == 2
    assert "2 lines without a text or a label are left out." in said


@pytest.mark.parametrize(
    ("metric", "score", "label"),
    [("nps", 9, 1), ("nps", 8, 0), ("nps", 7, 0), ("nps", 6, -1), ("csat", 4, 1), ("rating", 3, 0), ("csat", 2, -1)],
)
def test_a_figure_says_how_content_somebody_is(metric, score, label):
    assert label_of(metric, score) == label
