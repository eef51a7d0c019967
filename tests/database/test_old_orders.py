"""Orders of Segment that came before they had an identity: the migration names them by their order, each once."""

import json

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from app.customers.verification import rebuild, verify
from app.database.engine import create_engine
from app.database.schema import _ROOT, migrate

ADD = text("""
INSERT INTO events (customer_id, source, id, type, occurred_us, reference, amount_minor, discount_minor, items, points,
                    digest, data, received_us)
VALUES ('C', :source, :id, :type, 1000000, :reference, 500, 0, 0, 0, '', CAST(:data AS json), :received)
""")
OLD = [
    ("/segment", "m-1", "order.completed", "A", 1),
    ("/segment", "m-2", "order.completed", "A", 2),  # the same order, told twice then: it stays an event of its own
    ("/segment/shop", "m-3", "order.completed", "A", 1),
    ("/segment/shop", "order-B", "order.completed", "B", 1),
    ("/segment", "order-C", "product.viewed", None, 1),  # the name is taken
    ("/segment", "m-4", "order.completed", "C", 1),
    ("/segment", "m-5", "order.refunded", "A", 3),
    ("/segments", "m-6", "order.completed", "A", 1),
    ("/pos/till-1", "m-7", "order.completed", "A", 1),
]
APART = {"order-C": "event:order-C"}
"""What was no order, and had the name of one."""
NAMED = {"m-1": "order-A", "m-3": "order-A"}


@pytest.fixture
async def old(make_database):
    """A database of the release before with such orders: its URL, and Alembic's settings of it."""
    url, config = make_database(), Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = url
    command.upgrade(config, "0007")
    engine = create_engine(url)
    async with engine.begin() as connection:
        for source, id_, type_, reference, received in OLD:
            data = json.dumps({"order_id": reference, "total": 5} if reference else {})
            row = {"source": source, "id": id_, "type": type_, "reference": reference, "received": received}
            await connection.execute(ADD, {**row, "data": data})
    yield url, config
    await engine.dispose()


async def ids(url):
    """(source, id, the sender's id where another is kept beside it) of every event."""
    engine = create_engine(url)
    async with engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT source, id, data ->> 'id_by_sender' FROM events")).all()
    await engine.dispose()
    return sorted(map(tuple, rows), key=str)


def sorted_ids(*, migrated):
    named = [(source, NAMED.get(id_) if migrated else None, id_) for source, id_, *_ in OLD]
    apart = APART if migrated else {}
    return sorted(
        ((source, name or apart.get(id_, id_), id_ if name else None) for source, name, id_ in named), key=str
    )


async def test_the_first_telling_of_an_order_gets_its_name_and_the_way_back_gives_its_own(old):
    url, config = old
    migrate(url)
    assert await ids(url) == sorted_ids(migrated=True)
    command.downgrade(config, "0007")
    assert await ids(url) == sorted_ids(migrated=False)


async def test_an_old_order_is_known_by_its_number_from_then_on(old, serve):
    url, _ = old
    migrate(url)
    engine = create_engine(url)
    async for _ in rebuild(engine):
        pass
    async with serve(url) as service:

        async def send(event, message_id, **properties):
            message = {"type": "track", "event": event, "messageId": message_id, "userId": "C"}
            message |= {"originalTimestamp": "1970-01-01T00:00:01Z", "properties": {"order_id": "A", **properties}}
            answer = await service.client.post("/v1/segment?source=shop", json=message)
            return answer.json()["results"][0]["status"] if answer.status_code == 200 else answer.text

        assert await send("Order Completed", "m-31", total=5) == "accepted"  # by whom
        assert (await service.client.get("/v1/customers/C")).json()["orders"] == 7
        assert await send("Order Updated", "m-32", total=7) == "accepted"
        profile = (await service.client.get("/v1/customers/C")).json()
        assert (profile["orders"], profile["gross_spend"]) == (7, 37.0)
        assert await send("Order Refunded", "m-33") == "accepted"
        profile = (await service.client.get("/v1/customers/C")).json()
        assert (profile["orders"], profile["gross_spend"], profile["refunded"]) == (6, 37.0, 12.0)
    assert [found async for batch in verify(engine) for found in batch.differences] == []
    await engine.dispose()
