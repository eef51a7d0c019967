"""JSON logs with request and trace ids: a static event name plus keywords, never payloads or personal data."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

import orjson

from app.foundation.errors import Problem, Refusal
from app.foundation.tracing import Trace

_TOLD: Final = "told"


class Log:
    """The standard library's logger, told a static event name and keywords."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **told: object) -> None:
        self._logger.info(event, extra={_TOLD: told})

    def warning(self, event: str, **told: object) -> None:
        self._logger.warning(event, extra={_TOLD: told})

    def error(self, event: str, **told: object) -> None:
        self._logger.error(event, extra={_TOLD: told})

    def defect(self, event: str, error: BaseException, **told: object) -> None:
        self._logger.error(event, exc_info=error, extra={_TOLD: told})


log: Final = Log("perennial")

request_under_way: ContextVar[tuple[str, Trace | None] | None] = ContextVar("request_under_way", default=None)
"""The id of the request under way, and where it stands in a trace."""


def _ids() -> dict[str, str]:
    asked = request_under_way.get()
    if asked is None:
        return {}
    request_id, trace = asked
    ids = {"request_id": request_id}
    return ids if trace is None else {**ids, "trace_id": trace.trace_id, "span_id": trace.span_id}


class _JsonLines(logging.Formatter):
    """A record as a JSON object. Of libraries' messages only the first line, of asyncio's up to a bracket: what
    follows repeats an exception, or the arguments of a call.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().partition("\n")[0]
        line = {
            "event": message.partition("(")[0] if record.name == "asyncio" else message,
            **getattr(record, _TOLD, {}),
            **_ids(),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC),
        }
        if record.exc_info:
            line["exception"] = render_exception(record.exc_info[1])
        return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z).decode()


def render_exception(error: BaseException | None) -> str:
    """Where it was raised and what it is, causes first, without its message.

    Messages quote what they stumble over: asyncpg's a row, pydantic's an input, KeyError a key. Those of our own
    problems and refusals are sentences made of our own names, so they stay.
    """
    return "\n".join(_render_chain(error, set()))


def _render_chain(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield from _render_chain(error.__cause__ or (None if error.__suppress_context__ else error.__context__), seen)
    yield from _render_frames(error.__traceback__)
    yield _name(error)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _render_chain(part, seen)


def _render_frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'


def _name(error: BaseException) -> str:
    """Class, and the code that the database or the system gave it."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, (Problem, Refusal)):
        return f"{name}: {error}"
    codes = [f"{code} {value}" for code in ("sqlstate", "errno") if (value := getattr(error, code, None)) is not None]
    return f"{name} ({', '.join(codes)})" if codes else name


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error, ours and those of the libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
