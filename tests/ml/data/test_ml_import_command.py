"""`perennial import`: what it prints, and with which status it ends."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from app.commands.main import app
from app.foundation.errors import Refusal

HEADER = "customer,date,order_id,total,channel,currency\n"
GOOD = "C,2026-10-01,1,5,web,CNY\n"
LOST = "C,soon,2,5,web,CNY\n"


@pytest.fixture
def run(sql, database_url, tmp_path, monkeypatch):
    """Imports a text; returns (exit status, standard output, standard error)."""
    monkeypatch.setenv("PERENNIAL_DATABASE_URL", database_url)
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))

    def import_text(text, *options, name="a.csv", history=False):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        ran = CliRunner().invoke(app, ["import", str(path), *options, *([] if history else ["--no-history"])])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran.exit_code, ran.stdout, ran.stderr

    return import_text


async def orders(sql):
    return await sql.value("SELECT coalesce(sum(orders), 0) FROM customer_states")


def test_what_is_counted_whole_ends_with_0(run):
    status, _, said = run(HEADER + GOOD)
    assert (status, "1 accepted, 0 duplicates, 0 rejected" in said) == (0, True)
    assert said.index("Columns:") < said.index("1 accepted")


def test_what_loses_a_line_ends_with_3_and_says_which(run):
    status, _, said = run(HEADER + GOOD + LOST)
    assert status == 3
    assert "1 accepted" in said
    assert "column 'date' has no time that can be read (row 2: 'soon')" in said


@pytest.mark.parametrize("nobody", ["", "guest", "NULL", "  "])
async def test_a_purchase_of_nobody_is_kept_as_such_and_no_loss(run, sql, nobody):
    lines = f"{nobody},2026-10-02,2,7,web,CNY\n{nobody},2026-10-03,3,8,web,CNY\n"
    status, _, said = await asyncio.to_thread(run, HEADER + GOOD + lines)
    assert (status, "3 accepted" in said) == (0, True)
    kept = await sql.row(
        "SELECT sum(amount_minor) AS spent, count(DISTINCT customer_id) AS baskets FROM events WHERE customer_id <> 'C'"
    )
    assert dict(kept) == {"spent": 1500, "baskets": 2}, "nobody is never the same"
    assert await sql.value("SELECT count(*) FROM customer_states WHERE customer_id IN ('', 'guest', 'NULL')") == 0


def test_a_file_whose_customers_are_all_missing_is_refused(run):
    with pytest.raises(Refusal, match="names no customer"):
        run(HEADER + ",2026-10-02,2,7,web,CNY\n")


def test_an_event_that_is_refused_ends_with_3_too(run):
    status, _, said = run(HEADER + GOOD + "C,2099-10-01,2,5,web,CNY\n")
    assert (status, "1 accepted, 0 duplicates, 1 rejected" in said) == (3, True)


def test_the_same_file_again_ends_with_0(run):
    run(HEADER + GOOD)
    status, _, said = run(HEADER + GOOD, name="b.csv")
    assert (status, "0 accepted, 1 duplicates" in said) == (0, True)


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it
def test_past_months_are_worked_out_at_the_end(run):
    _, _, said = run(HEADER + "C,2026-06-10,1,5,web,CNY\n", history=True)
    assert said.index("1 accepted") < said.index("Past months worked out; customers: 1")
    assert "Past months" not in run(HEADER + "D,2026-06-10,2,5,web,CNY\n", name="b.csv")[2]


def test_what_is_counted_stays_so_whatever_becomes_of_past_months(run, monkeypatch):
    async def fail(*_):
        raise RuntimeError("no such thing")

    monkeypatch.setattr("app.commands.importing.fill_history", fail)
    status, _, said = run(HEADER + GOOD + LOST, history=True)
    assert (status, "1 accepted" in said) == (3, True)
    assert "Past months were not worked out: RuntimeError. Run 'perennial backfill' later." in said


def test_strict_counts_nothing_where_a_line_would_be_lost(run):
    with pytest.raises(Refusal, match="nothing is imported, since 1 line would be left out"):
        run(HEADER + GOOD + LOST, "--strict")
    assert run(HEADER + GOOD, "--strict", name="good.csv")[0] == 0
    assert "1 accepted" in run(HEADER + "D,2026-10-01,9,5,web,CNY\n", "--strict", name="more.csv")[2]


def test_a_dry_run_shows_the_first_events_what_would_be_refused_and_why(run):
    status, shown, said = run(HEADER + GOOD + LOST + "C,2099-10-01,2,5,web,CNY\n", "--dry-run")
    (event,) = json.loads(shown)
    assert (event["subject"], event["data"]["total"], event["data"]["channel"]) == ("C", 5, "web")
    assert "'soon'" in said
    assert "1 would be rejected: /time: The time is ahead of now" in said
    assert "2099-10-01" in said
    assert "Nothing was counted" in said
    assert status == 3
    assert "1 accepted" in run(HEADER + GOOD, name="b.csv")[2]


def test_a_dry_run_of_what_is_whole_ends_with_0(run):
    assert run(HEADER + GOOD, "--dry-run")[0] == 0


def test_the_options_of_words_rates_and_columns(run):
    text = "who,day,no,sum,where,money,state\nC,2026-10-01,1,5,kiosk,EUR,limbo\nC,2026-10-01,2,5,kiosk,CNY,paid\n"
    columns = {
        "--customer-id": "who",
        "--timestamp": "day",
        "--order-id": "no",
        "--amount": "sum",
        "--channel": "where",
        "--currency": "money",
        "--status": "state",
    }
    options = [word for pair in columns.items() for word in pair]
    options += ["--channel-word", "kiosk=store", "--status-word", "limbo=sale", "--rate", "EUR=8"]
    status, shown, _ = run(text, *options, "--dry-run")
    assert [(event["data"]["total"], event["data"]["channel"]) for event in json.loads(shown)] == [
        (40, "store"),
        (5, "store"),
    ]
    assert status == 0
