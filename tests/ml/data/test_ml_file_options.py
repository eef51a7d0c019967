"""A file that imports also trains and is judged, by the same options."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.commands.file_options import read_options
from app.commands.main import app
from ml.data.histories import read_history
from ml.data.transactions import UnusableTransactions

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

COMMANDS = (
    ("import",),
    ("train",),
    ("train", "recommend"),
    ("evaluate", "churn"),
    ("evaluate", "orders"),
    ("evaluate", "spend"),
    ("evaluate", "replenishment"),
    ("evaluate", "demand"),
    ("evaluate", "baskets"),
)
TEXT = "Wer;Wann;Beleg;Summe;Währung;Kanal\nC-1;3/9/2026;1;1.234,50;EUR;Kiosk\nC-2;4/9/2026;2;10,00;CNY;Kiosk\n"
SAID: dict[str, Any] = {
    "customer_id": "Wer",
    "timestamp": "Wann",
    "order_id": "Beleg",
    "amount": "Summe",
    "currency": "Währung",
    "channel": "Kanal",
    "date_order": "dmy",
    "decimal_sign": ",",
    "encoding": "cp1252",
    "channel_word": ["Kiosk=store"],
    "rate": ["EUR=8"],
}


def find_command(names):
    command: Any = typer.main.get_command(app)
    for name in names:
        command = command.get_command(None, name)
    return command


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_that_reads_orders_has_the_options(names):
    declared = {name for name in read_options.__annotations__ if name != "return"}
    assert declared <= {each.name for each in find_command(names).params}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(TEXT, encoding="cp1252")
    return path


def test_what_is_said_of_a_file_is_how_it_is_learnt_from(file):
    events = read_history(file, source="s", currency="CNY", reading=read_options(**SAID), say=lambda _: None)
    columns = ["customer_id", "amount_minor", "channel"]
    rows = events.select(*columns).order_by("customer_id").to_pyarrow().to_pylist()
    assert [tuple(row.values()) for row in rows] == [("C-1", 987_600, "store"), ("C-2", 1_000, "store")]
    days = {f"{at_us / 86_400_000_000:.0f}" for at_us in events.occurred_us.to_pyarrow().to_pylist()}
    assert days == {"20699", "20700"}  # 3 and 4 September 2026, not 9 March and April


def test_strict_learns_nothing_of_a_file_that_loses_lines(file):
    """Without a rate the euros are lost."""
    without = {name: value for name, value in SAID.items() if name != "rate"}
    events = read_history(file, source="s", currency="CNY", reading=read_options(**without), say=lambda _: None)
    assert events.count().to_pyarrow().as_py() == 1
    with pytest.raises(UnusableTransactions, match=r"nothing is learnt from it, since 1 line would be left out"):
        read_history(file, source="s", currency="CNY", reading=read_options(**without, strict=True), say=lambda _: None)


@pytest.mark.parametrize("names", [("train",), ("train", "recommend")], ids=" ".join)
def test_options_of_a_file_without_a_file_are_refused(names):
    ran = CliRunner().invoke(app, [*names, "--date-order", "dmy"])
    assert "need --data FILE" in f"{ran.exception} {ran.stderr}"


def test_the_commands_read_the_file_by_them(file):
    """Two orders are too few to judge, which is said only once they are read."""
    options = [text for name, value in SAID.items() for text in (f"--{name.replace('_', '-')}", value)]
    flat = [each[0] if isinstance(each, list) else each for each in options]
    ran = CliRunner().invoke(app, ["evaluate", "churn", "--data", str(file), *flat])
    assert "Wann" in ran.stderr
    assert "date-order" not in f"{ran.exception}"
    assert type(ran.exception).__name__ == "Untrainable"
