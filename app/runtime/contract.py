"""The pages of the API and its contract, for `app.http.documents`; or none of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html

from app.http.documents import Document

STATIC: Final = "/static-offline-docs"
"""Of fastapi_offline."""
HTML: Final = "text/html; charset=utf-8"

make_bare: Final = partial(FastAPI, docs_url=None, redoc_url=None, openapi_url=None)
"""An application that shows none of it."""


def documents_of(app: FastAPI) -> Mapping[str, Callable[[], Document]]:
    """Each by its path, made when it is called."""
    contract = app.openapi_url
    if contract is None:
        return {}
    usual: dict[str, Any] = {"openapi_url": contract, "title": app.title}
    swagger: dict[str, Any] = {
        "swagger_js_url": f"{STATIC}/swagger-ui-bundle.js",
        "swagger_css_url": f"{STATIC}/swagger-ui.css",
        "swagger_favicon_url": f"{STATIC}/favicon.png",
        "oauth2_redirect_url": app.swagger_ui_oauth2_redirect_url,
    }
    redoc: dict[str, Any] = {
        "redoc_js_url": f"{STATIC}/redoc.standalone.js",
        "redoc_favicon_url": f"{STATIC}/favicon.png",
        "with_google_fonts": False,
    }
    return {
        contract: lambda: _write_contract(app),
        "/docs": lambda: Document.of(HTML, bytes(get_swagger_ui_html(**usual, **swagger).body)),
        "/redoc": lambda: Document.of(HTML, bytes(get_redoc_html(**usual, **redoc).body)),
    }


def _write_contract(app: FastAPI) -> Document:
    written = Document.of("application/json", orjson.dumps(app.openapi()))
    app.openapi_schema = None  # megabytes, which nobody looks at any more
    return written
