"""Models of recommendations made of a file: what comes back is found, what comes later is not known."""

from datetime import UTC, datetime

import duckdb
import numpy as np
import pytest

from app.checkout.importing import run_import
from app.commands.main import main
from app.foundation.settings import Settings
from app.ingest.admission import Rules
from app.lifecycle.ranking.signals import ITEM, SIGNALS
from app.models.item_artefact import load_item_model
from ml.data.baskets import collect_orders, read_baskets
from ml.data.cutoffs import Untrainable
from ml.data.database import load_order_items
from ml.learning.digest import digest
from ml.learning.ranking import TooFewBaskets
from ml.training.commands import recommend_from_database
from ml.training.recommending import Recommending, _learn_from, _splits, train_recommender

MADE_AT = datetime(2026, 11, 26, tzinfo=UTC)
WEEKS = 30


def make_file(path, *, later=()):
    """Of thirty items each of 150 customers has five, which come back after two to six weeks."""
    draw = np.random.default_rng(5)
    days = np.datetime64("2026-01-01") + 7 * np.arange(WEEKS)
    lines = ["customer_id,timestamp,order_id,item_id,quantity,unit_price"]
    for customer in range(150):
        for item in draw.choice(30, size=5, replace=False):
            every = 2 + item % 5
            lines += [
                f"C{customer},{days[week]} 10:00,{customer}-{week},item-{item},1,2.50"
                for week in range(draw.integers(every), WEEKS, every)
            ]
    path.write_text("\n".join([*lines, *later]))
    return read_baskets(path, None, "UTC", lambda _: None)[0]


@pytest.fixture(scope="module")
def baskets(tmp_path_factory):
    return make_file(tmp_path_factory.mktemp("shop") / "orders.csv")


@pytest.fixture(scope="module")
def model(baskets, tmp_path_factory):
    training = Recommending(baskets, "orders.csv", False, 28)
    return load_item_model(train_recommender(training, tmp_path_factory.mktemp("models"), MADE_AT, lambda _: None))


def test_what_is_bought_every_few_weeks_is_recommended(model, baskets):
    """Customers own five of thirty items: these come first."""
    known = digest(baskets, float(np.floor(baskets.days.max())) + 1)
    hits = []
    for customer in range(0, 150, 5):
        only = np.array([customer])
        owned, buyers = known.owned.of_customers(only), known.buyers.of_customers(only)
        hits.append(np.isin(model.ranker.rank(owned, buyers, 5).items, owned.items).mean())
    assert np.mean(hits) > 0.85


def test_the_manifest_says_what_was_learned_from(model):
    training = model.manifest["training"]
    assert [cutoff[:10] for cutoff in training["cutoffs"]] == ["2026-06-26", "2026-05-29", "2026-05-01"]
    assert training["data_until"][:10] == "2026-07-24"
    assert training["bought"] > 200
    assert model.manifest["population"] == {"customers": 150, "items": 30}
    assert model.manifest["signals"] == list(SIGNALS)
    assert not model.simulated


def test_a_planted_leak_is_not_learned_from(tmp_path):
    """What everybody buys on the day after a cut-off, and nobody before, is what came next, and in no signal."""
    leaks = [f"C{customer},2026-06-27 10:00,leak-{customer},leak,1,2.50" for customer in range(150)]
    baskets = make_file(tmp_path / "orders.csv", later=leaks)
    leak = baskets.item_ids.tolist().index("leak")
    split, day = next(iter(_splits(Recommending(baskets, "", False, 28), 20658.0)))
    orders = [
        digest(history, day).facts.signals[ITEM.index("item_orders"), leak] for history in (split.history, baskets)
    ]
    assert (split.targets.items == leak).sum() > 100
    assert orders[0] == 0 < orders[1]  # the second is what a history that is not cut off would tell
    examples = _learn_from([(split, day)], lambda _: None)
    assert not (examples.candidates.items == leak).any()


def test_the_same_orders_make_the_same_model(baskets, tmp_path):
    training = Recommending(baskets, "orders.csv", False, 28)
    one, other = (train_recommender(training, tmp_path / name, MADE_AT, lambda _: None) for name in ("a", "b"))
    assert one.name == other.name


def test_too_few_baskets(tmp_path):
    lines = [
        "customer_id,timestamp,order_id,item_id,quantity,unit_price",
        "a,2026-01-01,1,tea,1,2",
        "a,2026-02-20,2,tea,1,2",
    ]
    (tmp_path / "few.csv").write_text("\n".join(lines))
    few, *_ = read_baskets(tmp_path / "few.csv", None, "UTC", lambda _: None)
    with pytest.raises(TooFewBaskets, match="needed"):
        train_recommender(Recommending(few, "few.csv", False), tmp_path, MADE_AT, lambda _: None)


def order(order_id, day, *products, kind="order.completed", total=10.0):
    lines = [{"product_id": product, "price": 2.5, "quantity": quantity} for product, quantity in products]
    data = {"order_id": order_id, "currency": "CNY", "total": total, "products": lines}
    return {
        "specversion": "1.0",
        "id": f"{order_id}-{kind}",
        "source": "/till",
        "type": kind,
        "subject": "C-1",
        "time": f"2026-03-{day:02d}T10:00:00+08:00",
        "data": data,
    }


async def test_baskets_of_the_database(sql, engine, tmp_path):
    """An order a basket, less what was given back of it; a line of one item twice is one."""
    settings = Settings(home=tmp_path, identity_key="tests")
    made = [
        order("A", 2, ("tea", 1), ("milk", 2), ("tea", 1)),
        order("B", 9, ("milk", 2), ("salt", 1)),
        order("B", 11, ("salt", 1), ("milk", 1), kind="order.refunded", total=4.0),
    ]
    async for _ in run_import(engine, "items", lambda _: iter(made), Rules.of(settings, b"tests")):
        pass
    with duckdb.connect() as connection:
        assert await load_order_items(engine, connection, simulated=False)
        baskets = collect_orders(connection)
    names = baskets.item_ids[baskets.items].tolist()
    assert list(zip(baskets.baskets.tolist(), names, strict=True)) == [(0, "milk"), (0, "tea"), (1, "milk")]
    with pytest.raises(Untrainable, match="there is no earlier horizon to learn from"):
        await recommend_from_database(engine, settings, simulated=False)
    with pytest.raises(Untrainable, match="There are no orders of the demo shop with items"):
        await recommend_from_database(engine, settings, simulated=True)


def test_the_command_writes_where_the_deployment_keeps_models(tmp_path, monkeypatch, capsys):
    make_file(tmp_path / "orders.csv")
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    arguments = ["perennial", "train", "recommend", "--data", str(tmp_path / "orders.csv"), "--horizon", "28"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    (made,) = (tmp_path / "home" / "models").iterdir()
    assert load_item_model(made).version == made.name
    assert made.name in " ".join(capsys.readouterr())
