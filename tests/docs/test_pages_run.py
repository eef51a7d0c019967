"""Every command of the pages is run, and every answer that they show is compared with what came.

One demo shop is filled, and one model made of it, for all pages; each page has a copy of it, and a service of its
own. How a page says what varies is told in `tests.docs.pages`.
"""

import asyncio
import fcntl
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from app.database.engine import create_engine
from app.foundation.settings import Settings
from app.runtime.main import create_app
from app.runtime.server import Server
from tests.docs import pages, sessions
from tests.docs.sessions import SECONDS
from tests.processes import ROOT, environment, free_port, make_key

BLOCKS = {page: pages.read_blocks(page) for page in pages.PAGES}
RUN = [page for page, blocks in BLOCKS.items() if any(block.runs for block in blocks)]
NOT_RUN = [block for blocks in BLOCKS.values() for block in blocks if block.note[0] == "not run"]
SETTINGS = {
    "identity_key": "the pages",
    "shopify_secrets": "shpss_example",
    "woocommerce_secrets": "wc_example",
    "exploration": 0,  # else one decision in twenty is another one
    "patience_ms": 20_000,  # machines that tests run on are slow at times
}


@pytest.fixture(scope="session")
def shop(make_database, tmp_path_factory, worker_id):
    """A database with the demo shop and its model, and the home directory of who filled it.

    Of several workers the first fills it, and the others copy, for as long as the first one is there.
    """
    base = tmp_path_factory.getbasetemp()
    common = base if worker_id == "master" else base.parent
    with (common / "shop.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if filled := lock.read().split():
            with suppress(asyncpg.InvalidCatalogNameError):
                return make_database(filled[0]), Path(filled[1])
        url, home = make_database(), tmp_path_factory.mktemp("shop")
        given = environment({**SETTINGS, "database_url": url, "home": home})
        subprocess.run([sys.executable, "-m", "tests.docs.shop"], env=given, cwd=ROOT, check=True)
        lock.write(f"{url} {home}")
        return url, home


@pytest.fixture
def session(shop, make_database, tmp_path):
    """The service on a copy of the shop, listening on the loopback interface."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not here, by which the pages call the service")
    shop_url, home = shop
    url, port = make_database(shop_url), free_port()
    given = {**SETTINGS, "database_url": url, "home": tmp_path / "home", "port": port}
    (tmp_path / "home").mkdir()
    key = asyncio.run(_make_key(url))
    with _serving(Settings(**given), url):
        sessions.furnish(tmp_path / "page", key, home)
        yield sessions.Session(tmp_path / "page", f"http://127.0.0.1:{port}", key, url, environment(given))


async def _make_key(url):
    engine = create_engine(url)
    try:
        return await make_key(engine)
    finally:
        await engine.dispose()


@contextmanager
def _serving(settings, url):
    """As `perennial serve` does, but in a thread of this process: a process for each page takes twice as long."""
    started = threading.Event()
    server = Server(create_app(settings, url), settings, started.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert started.wait(SECONDS)
        yield
    finally:
        server.handle_exit(signal.SIGINT, None)
        thread.join(SECONDS)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_does_what_it_says(page, session):
    found = [
        sentence
        for block, code, came in sessions.run(BLOCKS[page], session)
        for sentence in sessions.check(block, code, came)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_what_is_not_run_says_why(block):
    pytest.skip(f"{block} is not run: {block.note[1]}")


def test_few_blocks_are_not_run():
    runnable = [block for blocks in BLOCKS.values() for block in blocks if block.runs]
    assert len(NOT_RUN) <= 14
    assert len(runnable) > 60


def test_every_block_says_what_it_is():
    known = pages.COMMANDS | pages.ANSWERS | {"yaml"}
    for block in (block for blocks in BLOCKS.values() for block in blocks):
        assert block.language in known, f"{block} is of no language"


def test_every_json_is_an_answer():
    """Of a command right before it: nothing that looks like an answer goes unchecked."""
    for blocks in BLOCKS.values():
        answers = [id(block.answer) for block in blocks if block.answer]
        loose = [str(block) for block in blocks if block.language in ("json", "http") and id(block) not in answers]
        assert [place for place in loose if place not in map(str, NOT_RUN)] == []
