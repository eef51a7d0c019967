"""`perennial compare-offers`: groups beside each other, by an attribute that is not kept."""

import asyncio
import time

import pytest

from app.foundation.errors import Refusal
from app.lifecycle.events import DAY_US
from app.recommendations.offers.auditing import Person, compare_groups

NOW_US = time.time_ns() // 1000


def test_a_person_counts_once_in_a_group_and_only_if_told():
    deep, none, untold = Person("P", 4, 2, 0.2), Person("Q", 2, 0, 0.0), Person("R", 0, 0, 0.0)
    told = {"a": deep, "a2": deep, "b": none, "c": untold, "d": none}
    women, men = compare_groups([("a", "w"), ("a2", "w"), ("c", "w"), ("b", "m"), ("d", "w")], told)[::-1]
    assert (women.value, women.persons, women.offers, women.share_deep) == ("w", 2, 6, 0.25)
    assert women.depth == pytest.approx(0.025)
    assert women.ratio == 1.0
    assert (men.value, men.persons, men.depth, men.ratio) == ("m", 1, 0.0, 0.0)


def test_where_nobody_has_a_depth_there_is_no_ratio():
    (group,) = compare_groups([("a", "x")], {"a": Person("P", 3, 0, 0.0)})
    assert (group.depth, group.ratio) == (0.0, None)
    assert compare_groups([("a", "x")], {"a": Person("P", 0, 0, 0.0)}) == []


@pytest.fixture
async def given(sql):
    for customer_id, depth, days in (("C-1", 0.1, 1), ("C-1b", 0.2, 2), ("C-2", 0.0, 1), ("C-3", 0.2, 100)):
        await sql.rows(
            "INSERT INTO price_offers VALUES (:customer, 'lamp', :at, :until, :depth, 900, '{}')",
            customer=customer_id,
            at=NOW_US - days * DAY_US,
            until=NOW_US,
            depth=depth,
        )
    await sql.rows("INSERT INTO persons VALUES ('C-1', 'C-1'), ('C-1b', 'C-1')")


async def test_the_command_prints_a_table_an_attribute(given, perennial, tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("customer_id,gender,city\nC-1b,女,Kiel\nC-2,男,Kiel\nC-3,男,\n,男,x\n", encoding="utf-8-sig")
    told = await asyncio.to_thread(perennial, "compare-offers", path)
    assert await asyncio.to_thread(perennial, "audit", path, "--days", 90) == told, "as it was called before"
    assert await asyncio.to_thread(perennial, "audit", "--days", 90, path) == told
    assert "1 rows without a customer are left out" in told
    assert "3 customers in the file, 2 of them were told offers in 90 days" in told
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line.startswith(("女", "男", "Kiel"))}
    assert rows["女"][1:5] == ["1", "2", "100.0%", "0.150"]
    assert rows["男"][1:5] == ["1", "1", "0.0%", "0.000"]
    assert rows["Kiel"][1:4] == ["2", "3", "50.0%"]
    assert rows["男"][7] == "0.00"
    assert "fewer than 30: it says little" in told


@pytest.mark.parametrize(
    "content",
    [b"customer,gender\nC-1,w\n", b"customer_id\nC-1\n", b"customer_id,gender\n", b"customer_id,g\n\xff,w\n", b""],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(perennial, tmp_path, content):
    path = tmp_path / "groups.csv"
    path.write_bytes(content)
    with pytest.raises(Refusal, match=r"groups\.csv"):
        perennial("compare-offers", path)
