"""The published contract, held against the running service by schemathesis: what is asked by its schemas is answered by
its schemas, and nothing is a server's error. What is not checked, and why, stands in schemathesis.toml and in
contract_hooks.py.

PERENNIAL_TEST_CONTRACT_EXAMPLES: how many requests of each kind an operation gets; `make contract` has more of
them. PERENNIAL_TEST_CONTRACT_PHASES: in which phases it asks.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from app.database.engine import create_engine
from app.database.schema import migrate
from tests.processes import ROOT, make_key, starting

EXAMPLES = os.environ.get("PERENNIAL_TEST_CONTRACT_EXAMPLES", "1")
PHASES = os.environ.get("PERENNIAL_TEST_CONTRACT_PHASES", "examples,coverage,fuzzing,stateful")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("contract_hooks.py")
UNBOUNDED = {"strangers": 1_000_000, "wrong_keys": 1_000_000, "key_units": 0, "patience_ms": 30_000}
"""It asks more often than people do."""
SHOPS = {"shopify_secrets": "tests", "woocommerce_secrets": "tests"}


@pytest.fixture
async def start(make_database, tmp_path, wait_until):
    url = make_database()
    migrate(url)
    async with starting(url, tmp_path, wait_until) as start:
        yield lambda: start(**UNBOUNDED, **SHOPS), create_engine(url)


async def test_the_service_does_as_its_contract_says(start, tmp_path):
    serve, engine = start
    service, key = await serve(), await make_key(engine)
    await engine.dispose()
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    options = ["--phases", PHASES, "--max-examples", EXAMPLES, "--continue-on-failure", "--no-color"]
    process = await asyncio.create_subprocess_exec(
        *(*command, f"{service.base}/openapi.json", *options, "--generation-deterministic", "--no-shrink"),
        *("--header", f"Authorization: Bearer {key}"),
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, told
    assert " passed" in told
    assert not [line for line in service.lines() if line["event"] == "request.defect"]
