"""What was said of targets more, two counts and a probability, beside what came; in a copy that declares them."""

import pytest

from tests.targets_more import ask, declare_more

PROGRAM = """
import asyncio, json, sys
from dataclasses import replace
import numpy as np
from app.database.engine import create_engine
from app.models.queries import Report
from app.monitoring.reports import LatestReports, read_gauges
from tests.second_connection import Sql
from tests.monitoring.books import Shop, make_model, us

def knowing(version, pieces, chance, contacts):
    model = make_model(version)
    links = model.scorecard.intercepts
    links = (*links[:3], np.log(pieces), np.log(chance / (1 - chance)), np.log(contacts), *links[6:])
    return replace(model, scorecard=replace(model.scorecard, intercepts=links))

def take(column, rows):
    return {customer_id: row[column] for customer_id, row in rows.items()}

async def run():
    engine = create_engine(sys.argv[1])
    shop = Shop(Sql(engine), engine)
    new, old = knowing("new", 4.0, 0.5, 2.0), make_model("old")
    for number in (1, 2, 3, 4, 6):
        await shop.happen(f"C-{number}", -number)
    await shop.register("new")
    await shop.register("old", "challenger")
    await shop.watch(0, new, old)
    said = {version: await shop.predictions(version) for version in ("new", "old")}
    await shop.happen("C-1", 0, 10, 89.999)
    await shop.happen("C-1", 90)
    await shop.happen("C-2", 20)
    await shop.happen("C-2", 30, 40, type_="order.refunded")
    await shop.happen("C-3", 50, type_="store.visited")
    await shop.happen("C-5", 60)
    await shop.sql.rows("INSERT INTO persons VALUES ('C-4', 'C-4'), ('C-5', 'C-4')")
    matured = (await shop.watch(91)).matured
    rows = {version: await shop.predictions(version) for version in ("new", "old")}
    reports = {version: await shop.report(version, "outcome", 0) for version in ("new", "old")}
    latest = LatestReports(None, Report("new", "outcome", us(0), us(91), reports["new"]))
    gauges = [one for one in read_gauges(latest, us(91)) if one[0] == "perennial_model_bias"]
    print(json.dumps({
        "said": {version: take("expected_others", each) for version, each in said.items()},
        "came": {name: take(name, rows["new"]) for name in ("sums_ahead", "orders_ahead", "spend_ahead_minor")},
        "matured": matured,
        "bias": {version: report["bias"] for version, report in reports.items()},
        "gauges": gauges,
    }))
    await engine.dispose()

asyncio.run(run())
"""


@pytest.fixture
def told(sql, database_url, tmp_path):
    return ask(declare_more(tmp_path), PROGRAM, database_url)


def test_what_was_said_of_more_targets_is_compared_with_what_came(told):
    """C-5 is the same person as C-4; whoever did nothing but visit bought no pieces; one model knows neither target."""
    each = [f"C-{number}" for number in (1, 2, 3, 4, 6)]
    assert told["said"]["old"] == dict.fromkeys(each)
    assert told["said"]["new"] == {
        name: pytest.approx({"pieces": 4.0, "returns": 0.5, "contacts": 2.0}) for name in each
    }
    assert told["matured"] == 10
    names = ("events", "items", "refunds")
    assert {who: {name: sums[name] for name in names} for who, sums in told["came"]["sums_ahead"].items()} == {
        "C-1": {"events": 3, "items": 3, "refunds": 0},
        "C-2": {"events": 3, "items": 1, "refunds": 2},
        "C-3": {"events": 1, "items": 0, "refunds": 0},
        "C-4": {"events": 1, "items": 1, "refunds": 0},
        "C-6": {"events": 0, "items": 0, "refunds": 0},
    }
    assert told["came"]["orders_ahead"] == {"C-1": 3, "C-2": 1, "C-3": 0, "C-4": 1, "C-6": 0}
    assert told["came"]["spend_ahead_minor"] == {"C-1": 3000, "C-2": -1000, "C-3": 0, "C-4": 1000, "C-6": 0}
    bias = told["bias"]["new"]
    assert (bias["pieces"], bias["returns"]) == (pytest.approx(20 / 5 - 1), pytest.approx(2.5 / 1 - 1))
    assert bias["contacts"] == pytest.approx(10 / 8 - 1)
    assert told["bias"]["old"].keys() == {"orders", "spend"}
    assert {target: value for _, (_, target), value in told["gauges"]} == bias
