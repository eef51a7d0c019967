"""A grocer whose items and rhythms are known, over HTTP."""

from datetime import UTC, datetime

import pytest

from app.models.held import Models
from ml.training.item_artefact import ItemParts, write_item_artefact
from tests.lifecycle.ranking.item_rankers import draw_ranker
from tests.recommendations import grocer


@pytest.fixture(scope="session")
def trained():
    """A model of a small grocer's year."""
    return grocer.train()


@pytest.fixture
def model(service, trained):
    """The service with the model in force."""
    models = service.resources.of(Models)
    models.item_champion = trained
    yield trained
    models.item_champion = None


@pytest.fixture
def put_items(client):
    """Puts items: ids alone, or whole."""

    async def put(*items):
        whole = [{"item_id": item} if isinstance(item, str) else item for item in items]
        answer = await client.put("/v1/items", json=whole)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == 0, answer.text

    return put


@pytest.fixture
def buy(client, shop):
    """Orders of items of a customer, each so many days ago."""

    async def buy(subject, *orders):
        """Each is (days ago, item, …)."""
        events = []
        for days, *items in orders:
            products = [{"product_id": item, "quantity": 1, "price": 2.0} for item in items]
            events.append(shop.order(subject, total=2.0 * len(items), products=products, at=shop.ago(days=days)))
        answer = await client.post("/v1/events", json=events)
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == len(events), answer.text
        return events

    return buy


@pytest.fixture
def recommend(client):
    """The answer to `GET`, or to `POST` with a body."""

    async def recommend(customer_id=None, *, body=None, **query):
        if body is not None:
            answer = await client.post("/v1/recommendations", json=body)
        else:
            answer = await client.get(f"/v1/customers/{customer_id}/recommendations", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return recommend


@pytest.fixture
def write_model(tmp_path):
    """Directories of models that hit half of the next baskets at training, each a day younger than the one before."""

    def write(number):
        made_at = datetime(2026, 1, 1 + number, tzinfo=UTC)
        training = {"data_from": "2025-01-01T00:00:00+00:00", "data_until": made_at.isoformat(), "horizon_days": 30}
        said = {"recall_at_10": 0.25, "phr_at_10": 0.5, "ndcg_at_10": 0.2}
        metrics = {"next_basket": {"models": {"perennial": said}}}
        members = {"training": training, "data": {"source": "tests", "simulated": False}, "metrics": metrics}
        parts = ItemParts(draw_ranker(), [f"item-{place}" for place in range(300)])
        return write_item_artefact(tmp_path, made_at, parts, members)

    return write


def ids_of(answer):
    """The items in the order shown."""
    return [item["item_id"] for item in answer["items"]]
