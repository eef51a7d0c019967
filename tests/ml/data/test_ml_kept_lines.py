"""What customers kept of their orders: the same sums, and the same model of recommendations, by both engines."""

import gc

import duckdb
import pytest

from ml.data import engines
from ml.data.engines import missing_for_spark, open_engine
from ml.data.kept_lines import KEPT, LINES, keep_lines

pytestmark = [
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),  # PySpark 4.0 was made before pandas 3
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # Py4J leaves them to the collector
]
SOLD, BACK = "order.completed", "order.refunded"
ROWS = [
    ("a", SOLD, 10, "1", "tea", 2.0, "hot", "north"),
    ("a", SOLD, 10, "1", "tea", 1.0, None, "north"),
    ("a", BACK, 50, "1", "tea", 1.0, "hot", "south"),
    ("a", SOLD, 11, "1", "milk", 1.0, None, None),
    ("a", BACK, 5, "1", "milk", 1.0, None, None),
    ("a", SOLD, 90, "2", "milk", 1.0, None, None),
    ("顾客 'x'", BACK, 20, "3", "never sold", 4.0, None, None),
    ("顾客 'x'", SOLD, 21, "4", "茶", 0.7, "饮料", "南京路"),
    ("顾客 'x'", SOLD, 22, "5", "cheese", 0.3, None, None),
    ("顾客 'x'", BACK, 23, "5", "cheese", 0.1, None, None),
    ("顾客 'x'", BACK, 24, "5", "cheese", 0.1, None, None),
    ("顾客 'x'", BACK, 25, "5", "cheese", 0.1, None, None),
]
WANTED = [
    ("a", "milk", 90, 1.0, "", ""),
    ("a", "tea", 10, 2.0, "hot", "north"),
    ("顾客 'x'", "茶", 21, 0.7, "饮料", "南京路"),
]


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def engine(request):
    if request.param == "spark" and (missing := missing_for_spark()):
        pytest.skip(missing)
    with open_engine(request.param, "local[2]") as opened:
        yield opened
    gc.collect()  # here, where the sockets that it left do not matter


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        opened.execute(
            f"CREATE TABLE {LINES} (customer_id VARCHAR, type VARCHAR, occurred_us BIGINT, order_id VARCHAR,"
            " item_id VARCHAR, quantity DOUBLE, category VARCHAR, store VARCHAR)"
        )
        opened.executemany(f"INSERT INTO {LINES} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ROWS)
        yield opened


def test_what_was_given_back_is_not_kept(connection, engine):
    """Nor what a sum of weights leaves of it. An order has the time of its first line, whatever came back of it."""
    keep_lines(connection, engine)
    asked = f"SELECT customer, item, occurred_us, quantity, category, store FROM {KEPT} ORDER BY customer, item"
    assert connection.execute(asked).fetchall() == WANTED


def test_nothing_kept_is_a_table_without_rows(connection, engine):
    connection.execute(f"DELETE FROM {LINES} WHERE type = '{SOLD}'")
    keep_lines(connection, engine)
    assert connection.execute(f"SELECT count(*) FROM {KEPT}").fetchall() == [(0,)]


def test_what_was_read_before_a_bound_is_spilled_by_it(tmp_path, monkeypatch):
    """A file is read without one; the sums that follow are bounded."""
    monkeypatch.setattr(engines, "MEMORY_LIMIT", "60MiB")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE lines AS SELECT hash(n) AS number FROM range(15_000_000) AS numbers(n)")
        engines.bound(connection, tmp_path)
        assert list(tmp_path.iterdir())
        assert connection.execute("SELECT count(DISTINCT number % 1000) FROM lines").fetchall() == [(1000,)]
