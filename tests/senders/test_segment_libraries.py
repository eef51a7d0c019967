"""The libraries of Segment and RudderStack, as they are published: what they take for done, for later, for never."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from rudderstack import analytics as rudder
from segment import analytics as segment

from tests.senders.relays import relaying

NODE = Path(__file__).parent / "node"
WRONG_KEY = "perennial_nobody-has-this-key"


def send_by(library, base, key, order_id, **options):
    """Sends an order; the errors that the library gave up with."""
    errors = []
    client = library.Client(
        key, host=f"{base}/v1/segment", on_error=lambda error, _: errors.append(error), upload_interval=0.1, **options
    )
    client.identify("C-1", {"email": "li@example.com"})
    client.track("C-1", "Order Completed", {"order_id": order_id, "total": 12.5})
    client.flush()
    client.join()
    return errors


LIBRARIES = pytest.mark.parametrize(
    ("library", "options"),
    [(segment, {}), (segment, {"gzip": True}), (rudder, {}), (rudder, {"gzip": False})],
    ids=["segment", "segment, gzip", "rudder, gzip as by default", "rudder, plain"],
)


@LIBRARIES
async def test_success(door, library, options):
    assert await asyncio.to_thread(send_by, library, door.base, door.key, "A-1", **options) == []
    assert await door.orders() == {"C-1": 1}
    assert set(await door.answers()) == {200}


@LIBRARIES
async def test_what_cannot_be_counted_now_is_sent_again_and_counts_once(door, library, options):
    def work():
        return send_by(library, door.base, door.key, "A-1", **options)

    assert await door.while_it_cannot_count(work) == []
    assert await door.orders() == {"C-1": 1}
    answers = await door.answers()
    assert answers[503] >= 1
    assert answers[200] >= 1


@LIBRARIES
@pytest.mark.parametrize("status", [429, 500])
async def test_what_says_busy_or_broken_on_the_way_is_asked_again(door, library, options, status):
    with relaying(door.base, status) as (base, answered):
        assert await asyncio.to_thread(send_by, library, base, door.key, "A-1", **options) == []
    assert await door.orders() == {"C-1": 1}
    assert answered.keys() == {status, 200}
    assert answered[status] == 1


@LIBRARIES
async def test_what_is_refused_is_given_up_at_once(door, library, options):
    """An answer that the library could not read would be tried ten times, each later than the one before."""
    (error,) = await asyncio.to_thread(send_by, library, door.base, WRONG_KEY, "A-1", **options)
    assert (error.status, error.code) == (401, "unauthorized")
    assert error.message == "The API key is not one that was made here; was it copied whole?"
    assert await door.answers() == {401: 1}


async def test_a_batch_beyond_the_limit_is_given_up_at_once(door):
    """RudderStack's batches go up to 4 MB: `upload_size` has to be set where messages are large."""
    (error,) = await asyncio.to_thread(send_by, rudder, door.base, door.key, "A" * 2**20)
    assert (error.status, error.code) == (413, "too-large")
    assert await door.answers() == {413: 1}


@pytest.fixture(scope="session")
def node_library(tmp_path_factory):
    """The directory of an installed @segment/analytics-node, which npm brings where there is one."""
    if shutil.which("npm") is None:
        pytest.skip("There is no npm here, which brings @segment/analytics-node.")
    directory = tmp_path_factory.mktemp("node")
    for path in NODE.iterdir():
        shutil.copy(path, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
    installed = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    if installed.returncode:
        pytest.skip(f"npm could not bring @segment/analytics-node: {installed.stderr.strip()[-200:]}")
    return directory


@pytest.fixture
def send_by_node(door, node_library):
    def send(key, order_id="A-1", retries=10, base=door.base):
        arguments = [f"{base}/v1/segment", key, order_id, str(retries)]
        made = subprocess.run(
            ["node", "send.cjs", *arguments], cwd=node_library, capture_output=True, text=True, timeout=80, check=True
        )
        return json.loads(made.stdout)

    return send


async def test_node_success(door, send_by_node):
    assert await asyncio.to_thread(send_by_node, door.key) == {"statuses": [200, 200], "errors": []}
    assert await door.orders() == {"C-node": 1}


async def test_node_sends_again_what_cannot_be_counted_now(door, send_by_node):
    told = await door.while_it_cannot_count(send_by_node, door.key)
    assert told["errors"] == []
    assert 503 in told["statuses"]
    assert told["statuses"].count(200) == 2
    assert await door.orders() == {"C-node": 1}


@pytest.mark.parametrize("status", [429, 500])
async def test_node_asks_again_what_is_busy_or_broken(door, send_by_node, status):
    with relaying(door.base, status) as (base, answered):
        told = await asyncio.to_thread(send_by_node, door.key, base=base)
    assert told["errors"] == []
    assert answered == {status: 1, 200: 2}
    assert await door.orders() == {"C-node": 1}


async def test_node_gives_up_at_once_what_is_refused(door, send_by_node):
    told = await asyncio.to_thread(send_by_node, WRONG_KEY)
    assert told["statuses"] == [401, 401]
    assert len(told["errors"]) == 2
    assert await door.answers() == {401: 2}
