"""Every error of the application as a problem document."""

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.foundation.errors import (
    DEFECT,
    MEDIA_TYPE,
    Problem,
    malformed_by,
    write_problem,
)

_SLUGS_OF_HTTP = {404: "not-found", 405: "method-not-allowed"}


def install_handlers(app: FastAPI) -> None:
    """Makes every error of the application a problem document."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        trimmed = [{**found, "loc": found["loc"][1:]} for found in error.errors()]
        return malformed_by(trimmed).response()

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _SLUGS_OF_HTTP.get(error.status_code)
        body = write_problem(slug, str(error.detail), error.status_code, f"{error.detail}.")
        return Response(orjson.dumps(body), error.status_code, dict(error.headers or {}), MEDIA_TYPE)

    async def on_defect(_: Request, __: Exception) -> Response:
        return Problem(DEFECT).response()

    app.add_exception_handler(Exception, on_defect)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
