"""`perennial import-items`, as it is called."""

import json
import subprocess
import sys

import pytest

from tests.processes import ROOT, environment


@pytest.fixture
def run(sql, database_url, tmp_path):
    """Runs the command on a file of these lines; its exit code, output and what it said."""

    def run(text, *options, name="items.csv"):
        path = tmp_path / name
        path.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "app", "import-items", str(path), *options],
            env=environment({"database_url": database_url, "home": tmp_path}),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


LINES = "商品编码,商品名称,零售价,库存\n4711,全脂牛奶,12.80,3\n4712,酸奶,坏,0\n4713,奶酪,31.5,0\n"


async def test_items_are_put_and_the_refused_told(service, client, run):
    code, _, said = run(LINES)
    assert code == 3
    assert "2 created, 0 updated, 0 unchanged, 1 rejected" in said
    assert "1 refused (4712): /price: Input should be a valid number" in said
    item = (await client.get("/v1/items/4713")).json()
    assert (item["title"], item["price"], item["in_stock"]) == ({"en": None, "zh": "奶酪"}, 31.5, False)
    code, _, said = run(LINES.replace("31.5", "32.5").replace("坏", "9"))
    assert code == 0
    assert "1 created, 1 updated, 1 unchanged, 0 rejected" in said


async def test_strict_and_dry_runs_put_nothing(service, sql, run):
    code, _, said = run(LINES, "--strict")
    assert code == 2
    assert "nothing was put" in said
    code, shown, said = run(LINES, "--dry-run")
    assert code == 3
    assert [item["item_id"] for item in json.loads(shown)] == ["4711", "4712", "4713"]
    assert await sql.value("SELECT count(*) FROM items") == 0


async def test_a_column_is_named_where_the_guess_is_wrong(service, client, run):
    text = '[{"nr": "a", "SKU": "zzz", "name": "Tea"}]'
    code, _, _ = run(text, "--column", "item_id=nr", name="items.json")
    assert code == 0
    assert (await client.get("/v1/items/a")).json()["title"]["en"] == "Tea"
    assert run(text, "--column", "nr", name="items.json")[0] == 2
