"""Orders dated far before all others, in a history to learn from."""

import numpy as np
import pytest

from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import DAY_US
from ml.data.cutoffs import span_of
from ml.data.histories import find_oddities
from ml.data.states import labelled_states
from ml.learning.churn import summarise

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it


def test_a_stray_time_moves_neither_span_nor_tenure(table_of, order_of):
    weekly = [
        order_of(f"C-{number}", (20_000 + number + 7 * week) * DAY_US) for number in range(5) for week in range(12)
    ]
    table = table_of([*weekly, order_of("C-3", 0)])
    assert span_of(table).first_us == 20_000 * DAY_US
    rows = labelled_states(table, [20_100 * DAY_US], 30)
    history = summarise(rows)
    np.testing.assert_allclose(history.tenure_days, 100 - np.arange(5), atol=0.5)
    np.testing.assert_allclose(history.purchases, 12)
    (sentence,) = find_oddities(table, "CNY", OrderIdentity())
    assert sentence.startswith(
        "1 order is dated years before all others, the first on 1970-01-01; the history begins on 20"
    )
