"""The models whose shapes are looked at: the demo shop's, and one of Online Retail II where ../shared has it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ml.learning.additive
from app.lifecycle.value import value_curve
from ml.data.cutoffs import span_of, to_us
from ml.data.histories import read_history
from ml.data.states import labelled_states
from ml.learning.methods import learn
from tests.ml.properties.histories import Served

DATA = Path(os.environ.get("PERENNIAL_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))
RETAIL = DATA / "online_retail_ii.parquet"
RETAIL_AT = datetime(2011, 6, 12, tzinfo=UTC)


def say_nothing(_sentence):
    pass


@pytest.fixture(scope="session", params=["demo shop", "Online Retail II"])
def served(request, shop):
    """Learnt with one bag of trees: shapes are those of four, and a quarter of the wait."""
    if request.param == "demo shop":
        events, at_us = shop, span_of(shop).until_us
    elif RETAIL.exists():
        events = read_history(RETAIL, source="tests", currency="GBP", say=say_nothing)
        at_us = to_us(RETAIL_AT)
    else:
        pytest.skip(f"{RETAIL} is not here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.learning.additive, "BAGS", 1)
        targets = learn(events.filter(events.occurred_us < at_us), at_us, 90, say_nothing).targets
    known = targets.predict(labelled_states(events, [at_us], 90).features(), at_us)
    return Served(targets.scorecard, at_us, value_curve(known.spend_minor))
