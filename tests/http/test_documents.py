"""Documents of the API as bytes that are made once, headers of every answer, and methods that a path has not."""

import gzip
import re

import httpx
import pytest

from app.foundation.settings import Settings
from app.http.documents import Document, Documents
from app.runtime.main import create_app


def connect(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def nobody(scope, receive, send):
    raise AssertionError("it goes on to others")


async def test_a_document_is_made_once_and_not_sent_again_to_who_has_it():
    made = []

    def make():
        made.append(1)
        return Document.of("text/plain", b"long " * 1000)

    async with connect(Documents({"/page": make}, nobody)) as client:
        first = await client.get("/page")
        assert (first.text, first.headers["content-type"]) == ("long " * 1000, "text/plain")
        assert first.headers["content-encoding"] == "gzip"
        again = await client.get("/page", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = await client.get("/page", headers={"If-None-Match": '"other"', "Accept-Encoding": "identity"})
        assert (other.status_code, other.text) == (200, first.text)
        head = await client.head("/page")
        assert (head.status_code, head.content) == (200, b"")
    assert made == [1]


async def test_others_are_asked_for_what_is_no_document():
    async with connect(Documents({}, nobody)) as client:
        with pytest.raises(AssertionError, match="goes on"):
            await client.get("/page")


def test_what_is_packed_is_the_document():
    assert gzip.decompress(Document.of("text/plain", b"abc").packed) == b"abc"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_the_documents_can_be_closed(path):
    app = create_app(Settings(docs_open=False), "postgresql://unused/")
    async with connect(app) as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.get("/static-offline-docs/swagger-ui.css")).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_open_documents_have_an_etag(path):
    async with connect(create_app(Settings(), "postgresql://unused/")) as client:
        page = await client.get(path)
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["x-content-type-options"] == "nosniff"
        again = await client.get(path, headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304


async def test_what_is_behind_a_key_is_kept_by_nobody(client, shop):
    await client.post("/v1/events", json=shop.order("C-1"))
    for path in ("/v1/customers/C-1", "/v1/customers/C-1/score", "/v1/customers/nobody", "/v1/actions", "/v1/nothing"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["x-content-type-options"] == "nosniff", path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/events/rejected/7:replay", "POST"),
        ("GET", "/v1/models/v1:promote", "POST"),
        ("DELETE", "/v1/customers/C-1/offers", "POST"),
        ("GET", "/v1/customers/C-1/offers", "POST"),
        ("POST", "/v1/customers/C-1/score", "GET"),
        ("POST", "/v1/items", "GET, PUT"),
        ("POST", "/v1/tests/a", "DELETE, GET, PUT"),
        ("PUT", "/v1/checkouts", "POST"),
        ("PATCH", "/v1/events/rejected", "DELETE, GET"),
        ("POST", "/livez", "GET"),
    ],
)
async def test_a_path_says_all_that_it_may_be_asked_with(client, method, path, allowed):
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["type"] == "urn:perennial:problem:method-not-allowed"


async def test_every_path_says_to_a_method_that_it_has_not_which_it_has():
    app = create_app(Settings(), "postgresql://unused/")
    paths = app.openapi()["paths"]
    async with connect(app) as client:
        for path, operations in paths.items():
            answer = await client.request("PATCH", re.sub(r"{\w+}", "7", path))
            told = answer.headers.get("allow", "").split(", ")
            assert (answer.status_code, told) == (405, sorted(map(str.upper, operations))), path
