"""The contract as it is published."""

import json
import os
import re
from pathlib import Path

import httpx
import pytest

from app.foundation.settings import Settings
from app.runtime.main import create_app

GOLDEN = Path(__file__).with_name("openapi.json")
RENEW = "PERENNIAL_TEST_RENEW_OPENAPI"


@pytest.fixture(scope="module")
def app():
    return create_app(Settings(), "postgresql://unused/")


@pytest.fixture(scope="module")
def contract(app):
    return app.openapi()


def test_the_contract_is_the_one_agreed(contract):
    written = json.dumps(contract, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get(RENEW):
        GOLDEN.write_text(written)
    renew = f"{RENEW}=1 python -m pytest tests/runtime/test_openapi.py"
    assert GOLDEN.read_text() == written, f"The API has changed. If it was meant, renew the file: {renew}"


def references(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(contract):
    known = {f"#/components/schemas/{name}" for name in contract["components"]["schemas"]}
    assert set(references(contract)) <= known


def test_every_operation_says_what_it_is(contract):
    ids = []
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            ids.append(operation["operationId"])
            assert any(code.startswith("2") for code in operation["responses"])
            if path.startswith("/v1"):
                assert operation["security"], (method, path)
    assert len(ids) == len(set(ids))


async def test_the_documentation_needs_no_internet(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        for path in ("/docs", "/redoc"):
            page = await client.get(path)
            assert page.status_code == 200
            fetched = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
            fetched += re.findall(r"""url:\s*["']([^"']+)""", page.text)
            assert fetched
            for address in fetched:
                assert address.startswith("/"), address
                assert (await client.get(address)).status_code == 200, address
