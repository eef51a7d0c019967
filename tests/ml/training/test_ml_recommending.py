"""Models of recommendations made of a file: what comes back is found, what comes later is not known."""

import gc
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from app.checkout.importing import run_import
from app.foundation.settings import Settings
from app.ingest.rules import Rules
from app.lifecycle.ranking.signals import ITEM, SIGNALS
from app.models.item_artefact import load_item_model
from ml.data.cutoffs import Untrainable
from ml.data.engines import missing_for_spark, open_engine
from ml.data.sales import load_sales, read_sales
from ml.learning.digest import digest
from ml.learning.ranking import TooFewBaskets
from ml.training.commands import recommend_from_database
from ml.training.recommending import Recommending, _learn_from, _splits, train_recommender
from tests.ml.training.regulars import make_file

MADE_AT = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    return make_file(tmp_path_factory.mktemp("shop") / "orders.csv")


@pytest.fixture(scope="module")
def model(sales, tmp_path_factory):
    training = Recommending(sales, "orders.csv", False, 28)
    return load_item_model(train_recommender(training, tmp_path_factory.mktemp("models"), MADE_AT, lambda _: None))


def test_what_is_bought_every_few_weeks_is_recommended(model, sales):
    """Customers own five of thirty items: these come first."""
    known = digest(sales.baskets, float(np.floor(sales.baskets.days.max())) + 1)
    hits = []
    for customer in range(0, 150, 5):
        only = np.array([customer])
        owned, buyers = known.owned.of_customers(only), known.buyers.of_customers(only)
        hits.append(np.isin(model.ranker.rank(owned, buyers, 5).items, owned.items).mean())
    assert np.mean(hits) > 0.85


def test_the_manifest_says_what_was_learned_from(model, sales):
    training = model.manifest["training"]
    late, early = ["2026-06-26", "2026-05-29", "2026-05-01"], ["2026-04-03", "2026-03-06", "2026-02-06"]
    assert [cutoff[:10] for cutoff in training["cutoffs"]] == late + early
    assert training["data_until"][:10] == "2026-07-24"
    assert training["bought"] > 200
    count = len(np.unique(np.column_stack([sales.baskets.customers, sales.baskets.baskets]), axis=0))
    assert model.manifest["population"] == {"customers": 150, "items": 30, "baskets": count}
    assert model.manifest["signals"] == list(SIGNALS)
    assert not model.simulated


def test_a_planted_leak_is_not_learned_from(tmp_path):
    """What everybody buys on the day after a cut-off, and nobody before, is what came next, and in no signal."""
    leaks = [f"C{customer},2026-06-27 10:00,leak-{customer},leak,1,2.50" for customer in range(150)]
    sales = make_file(tmp_path / "orders.csv", later=leaks)
    leak = sales.baskets.item_ids.tolist().index("leak")
    split, day = next(iter(_splits(Recommending(sales, "", False, 28), 20658.0)))
    orders = [
        digest(history, day).facts.signals[ITEM.index("item_orders"), leak]
        for history in (split.history, sales.baskets)
    ]
    assert (split.targets.items == leak).sum() > 100
    assert orders[0] == 0 < orders[1]  # the second is what a history that is not cut off would tell
    lessons = _learn_from([(split, day)], lambda _: None)[0].lessons
    for examples in (lessons.of_all, lessons.of_new):
        assert not (examples.candidates.items == leak).any()


def test_the_same_orders_make_the_same_model(sales, tmp_path):
    training = Recommending(sales, "orders.csv", False, 28)
    one, other = (train_recommender(training, tmp_path / name, MADE_AT, lambda _: None) for name in ("a", "b"))
    assert one.name == other.name


def test_too_few_baskets(tmp_path):
    lines = [
        "customer_id,timestamp,order_id,item_id,quantity,unit_price",
        "a,2026-01-01,1,tea,1,2",
        "a,2026-02-20,2,tea,1,2",
    ]
    (tmp_path / "few.csv").write_text("\n".join(lines))
    few = read_sales(tmp_path / "few.csv", lambda _: None)
    with pytest.raises(TooFewBaskets, match="needed"):
        train_recommender(Recommending(few, "few.csv", False), tmp_path, MADE_AT, lambda _: None)


def order(order_id, day, *products, kind="order.completed", total=10.0, source="/till", **data):
    lines = [
        {"product_id": product, "price": 2.5, "quantity": quantity, "category": "grocery"}
        for product, quantity in products
    ]
    data |= {"order_id": order_id, "currency": "CNY", "total": total, "products": lines}
    return {
        "specversion": "1.0",
        "id": f"{order_id}-{kind}",
        "source": source,
        "type": kind,
        "subject": "C-1",
        "time": f"2026-03-{day:02d}T10:00:00+08:00",
        "data": data,
    }


async def test_sales_of_the_database(sql, engine, tmp_path):
    """An order a basket, less what was given back of it; a line of one item twice is one. The catalogue names the
    category before the line does, the order the store before its source does."""
    settings = Settings(home=tmp_path, identity_key="tests")
    made = [
        order("A", 2, ("tea", 1), ("milk", 2), ("tea", 1)),
        order("B", 9, ("milk", 2), ("salt", 1), source="/pos/store-2/till-1", store="store-1"),
        order("B", 11, ("salt", 1), ("milk", 1), kind="order.refunded", total=4.0),
        order("C", 12, ("tea", 1), source="/pos/store-2/till-1"),
    ]
    async for _ in run_import(engine, "items", lambda _: iter(made), Rules.of(settings, b"tests")):
        pass
    await sql.rows(
        "INSERT INTO items (item_id, category, in_stock, in_stock_by_store, tags, hidden, is_deleted, version,"
        " updated_us)"
        """ VALUES ('milk', '["fresh", "dairy"]', true, '{}', '[]', false, false, 1, 1)"""
    )
    sales = await load_sales(engine, simulated=False)
    assert sales is not None
    baskets, purchases = sales
    assert purchases is not None
    names = baskets.item_ids[baskets.items].tolist()
    bought = [(0, "milk"), (0, "tea"), (1, "milk"), (2, "tea")]
    assert list(zip(baskets.baskets.tolist(), names, strict=True)) == bought
    told = zip(
        purchases.item_ids[purchases.items].tolist(),
        purchases.quantities.tolist(),
        purchases.category_ids[purchases.categories[purchases.items]].tolist(),
        purchases.store_ids[purchases.stores].tolist(),
        strict=True,
    )
    assert list(told) == [
        *(("milk", 2, "dairy", ""), ("milk", 1, "dairy", "store-1")),
        *(("tea", 2, "grocery", ""), ("tea", 1, "grocery", "store-2")),
    ]
    assert purchases.days.tolist() == baskets.days[[0, 2, 1, 3]].tolist()
    with pytest.raises(Untrainable, match="there is no earlier horizon to learn from"):
        await recommend_from_database(engine, settings, simulated=False)
    with pytest.raises(Untrainable, match="There are no orders of the demo shop with items"):
        await recommend_from_database(engine, settings, simulated=True)


def test_it_knows_when_items_are_bought_again_and_what_sells(model, sales):
    clocks, gaps = model.clocks, {}
    for item in ("item-0", "item-4"):
        places = clocks.rhythm_places(np.array([item]))
        gaps[item] = float(clocks.items.gap_days[places[0]])
    assert gaps["item-0"] == pytest.approx(14, rel=0.2)
    assert gaps["item-4"] == pytest.approx(42, rel=0.2)
    assert list(model.popular) == [""]
    assert sorted(model.popular[""].tolist()) == list(range(30))
    often = [model.item_ids[place].partition("-")[2] for place in model.popular[""][:6]]
    assert np.mean([int(number) % 5 for number in often]) < 2  # bought every two or three weeks
    assert model.manifest["training"]["has_clocks"]


def test_baskets_without_times_have_no_clocks(tmp_path):
    draw = np.random.default_rng(5)
    lines = ["customer_id,basket_index,item_id"]
    for customer in range(150):
        for basket in range(6):
            lines += [f"C{customer},{basket},item-{item}" for item in {customer % 9, int(draw.integers(30))}]
    (tmp_path / "baskets.csv").write_text("\n".join(lines))
    sales = read_sales(tmp_path / "baskets.csv", lambda _: None)
    assert sales.purchases is None
    model = load_item_model(train_recommender(Recommending(sales, "", False), tmp_path, MADE_AT, lambda _: None))
    assert (model.clocks, model.popular) == (None, {})


def test_the_command_registers_what_it_makes(tmp_path, perennial):
    make_file(tmp_path / "orders.csv")
    told = perennial("train", "recommend", "--data", tmp_path / "orders.csv", "--horizon", "28")
    (made,) = (tmp_path / "home" / "models").iterdir()
    assert f"Model {made.name}: It is the first one and serves at once." in told
    (listed,) = json.loads(perennial("models", "list", "--json"))
    assert (listed["version"], listed["kind"], listed["horizon_days"]) == (made.name, "recommend", 28)
    assert "recommend" in perennial("models", "list")
    assert load_item_model(made).clocks is not None


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # PySpark 4.0 was made before pandas 3
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # Py4J leaves them to the collector
def test_the_model_is_the_same_by_both_engines(tmp_path):
    """Neighbours, rhythms, what sells and the ranker, to the last bit: units of this shop are whole."""
    if missing := missing_for_spark():
        pytest.skip(missing)
    make_file(tmp_path / "orders.csv")
    made = {}
    for name in ("duckdb", "spark"):
        with open_engine(name, "local[2]") as sums:
            told = read_sales(tmp_path / "orders.csv", lambda _: None, engine=sums)
        directory = train_recommender(Recommending(told, "", False, 28), tmp_path / name, MADE_AT, lambda _: None)
        with np.load(directory / "tables.npz", allow_pickle=False) as arrays:
            made[name] = dict(arrays)
    gc.collect()
    assert made["duckdb"].keys() == made["spark"].keys() > {"item_ids", "clocks.item_ids"}
    for name, array in made["duckdb"].items():
        assert array.tobytes() == made["spark"][name].tobytes(), name
