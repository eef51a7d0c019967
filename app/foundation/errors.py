"""The exception tree and its rendering as RFC 9457 problem details.

    Problem                     status  type (urn:perennial:problem:…)
    ├── Unreadable              400     unreadable          the body is not JSON as we take it
    ├── Unauthorized            401     unauthorized        no key, or one that is not valid
    │   └── UnknownKey          401     unauthorized        not among the keys as they were last read
    ├── Forbidden               403     forbidden           the key lacks the scope
    ├── NotFound                404     not-found
    │   └── UnknownCustomer     404     unknown-customer
    ├── TooSlow                 408     too-slow            it took too long to come
    ├── Conflict                409     conflict            same source and id, other content
    ├── NotEnough               409     not-enough-data     too little has happened to answer from
    ├── NotEnoughPoints         409     not-enough-points   fewer than that may be spent
    ├── TooLate                 409     too-late            what it is about is over
    ├── NotPromotable           409     not-promotable      a model that cannot be put in force
    ├── NotApprovable           409     not-approvable      a model that needs no second word, or not this one
    ├── Overlapping             409     overlapping         another has the time and place
    ├── NotKept                 410     not-kept            what happened before was summed up
    ├── TooLarge                413     too-large
    ├── UrlTooLong              414     url-too-long
    ├── UnsupportedMediaType    415     unsupported-media-type
    │   └── UnsupportedEncoding 415     unsupported-encoding    Content-Encoding
    ├── Malformed               422     malformed           JSON, but not what the contract says
    ├── TooMany                 429     too-many-requests   more than the key may ask for at a time
    ├── HeadersTooLarge         431     headers-too-large
    ├── TooManyFailures         429     too-many-failures   of an address, with keys that are none
    └── NotReady                503     not-ready           database or schema out of reach
        └── Overloaded          503     overloaded          the queue is full

No problem repeats what the client sent: messages and pointers are made of our own names only.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

import orjson
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:perennial:problem:"
DEFECT = "An error of ours; it has been logged with the request id."


class Refusal(Exception):
    """What a person at a terminal is told in a sentence: bad settings, an unusable file, no database."""


class UnusableSettings(Refusal):
    """An environment variable that cannot be used; the sentence names it."""


def write_problem(slug: str | None, title: str, status: int, detail: str) -> dict[str, Any]:
    """The members of every problem document (RFC 9457).

    `code` and `message` say the same for clients of Segment's kind, who look there alone: an answer without them they
    take for a broken connection, and send what was refused for good again and again.
    """
    return {
        "type": TYPE_PREFIX + slug if slug else "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": slug or "unknown",
        "message": detail,
    }


class Problem(Exception):
    """A refusal that the client is told of. `detail` is a sentence; `extensions` are members beside it."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, detail: str = "", **extensions: Any) -> None:
        self.detail = detail or f"{self.title}."
        super().__init__(self.detail)
        self.extensions = extensions

    def as_json(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {**write_problem(self.slug, self.title, self.status, self.detail), **self.extensions}

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(orjson.dumps(self.as_json()), self.status, self.headers, MEDIA_TYPE)


class Unreadable(Problem):
    status, slug, title = 400, "unreadable", "The body cannot be read"


class Unauthorized(Problem):
    status, slug, title = 401, "unauthorized", "No valid API key"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class UnknownKey(Unauthorized):
    """It was not among the keys when they were last read."""


class Forbidden(Problem):
    status, slug, title = 403, "forbidden", "The API key does not allow this"


class NotFound(Problem):
    status, slug, title = 404, "not-found", "Not found"


class NotKept(Problem):
    status, slug, title = 410, "not-kept", "It was summed up with what came after"


class UnknownCustomer(NotFound):
    slug, title = "unknown-customer", "No such customer"


class TooSlow(Problem):
    status, slug, title = 408, "too-slow", "The request took too long to come"


class Conflict(Problem):
    status, slug, title = 409, "conflict", "The same source and id came before with other content"


class NotEnough(Problem):
    status, slug, title = 409, "not-enough-data", "Too little has happened to answer from"


class NotEnoughPoints(Problem):
    """`available`: how many may be spent."""

    status, slug, title = 409, "not-enough-points", "There are not enough points"


class TooLate(Problem):
    status, slug, title = 409, "too-late", "It is too late"


class NotPromotable(Problem):
    status, slug, title = 409, "not-promotable", "The model cannot be put in force"


class NotApprovable(Problem):
    status, slug, title = 409, "not-approvable", "The word of a second person is not taken"


class Overlapping(Problem):
    status, slug, title = 409, "overlapping", "Another is in force there then"


class TooLarge(Problem):
    status, slug, title = 413, "too-large", "The body is too large"


class UrlTooLong(Problem):
    status, slug, title = 414, "url-too-long", "The URL is too long"


class UnsupportedMediaType(Problem):
    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class UnsupportedEncoding(UnsupportedMediaType):
    slug, title = "unsupported-encoding", "Unsupported content encoding"
    headers = MappingProxyType({"Accept-Encoding": "gzip, deflate, zstd, identity"})  # RFC 9110, 15.5.16


class Malformed(Problem):
    status, slug, title = 422, "malformed", "The content does not follow the contract"


class TooManyFailures(Problem):
    status, slug, title = 429, "too-many-failures", "Too many wrong API keys came from this address"

    def __init__(self, retry_after_s: int = 60) -> None:
        super().__init__("A valid key is taken all the same. Others are not looked at for a while.")
        self._retry_after_s = retry_after_s

    def response(self) -> Response:
        answer = super().response()
        answer.headers["Retry-After"] = str(self._retry_after_s)
        return answer


class TooMany(Problem):
    """Its headers say when there is more."""

    status, slug, title = 429, "too-many-requests", "This key asks for too much"


class HeadersTooLarge(Problem):
    status, slug, title = 431, "headers-too-large", "The headers are too many or too large"


class NotReady(Problem):
    status, slug, title = 503, "not-ready", "The service is not ready"
    headers = MappingProxyType({"Retry-After": "1"})


class Overloaded(NotReady):
    slug, title = "overloaded", "Too many requests are waiting"


class ProblemOut(BaseModel):
    """RFC 9457. `errors` says where and why, each with a JSON pointer into what was sent.

    `code` and `message` say the same as `type` and `detail`, for clients that look there.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    errors: list[dict[str, str]] | None = None


VARIANT: Final = "\x1f"
"""Begins the tag of a variant of a model, which pydantic names in a place's path and what was sent does not."""


def pointer(parts: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def malformed(error: ValidationError, *, within: tuple[int | str, ...] = ()) -> Malformed:
    """pydantic's errors as a problem: pointer, code and message of each, never the input."""
    return malformed_by(error.errors(include_url=False, include_input=False), within)


def malformed_by(errors: Sequence[Any], within: tuple[int | str, ...] = ()) -> Malformed:
    """`malformed` of pydantic's list of errors."""
    found = []
    for error in [each for each in errors if each["type"] != "default_factory_not_called"][:20]:
        parts = (*within, *(part for part in error["loc"] if not str(part).startswith(VARIANT)))
        if error["type"] == "extra_forbidden":
            found.append({"pointer": pointer(parts[:-1]), "code": "unknown_member", "detail": "Unknown member"})
        else:
            found.append({"pointer": pointer(parts), "code": error["type"], "detail": _sentence(error)})
    where = found[0]["pointer"] or "the body"
    return Malformed(f"{where}: {found[0]['detail']}", errors=found)


def _sentence(error: Any) -> str:
    """pydantic's message in our words where its own name a class of ours."""
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "Input should be an object"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "It is of none of the kinds there are"
    return str(error["msg"]).removeprefix("Value error, ")


def violation(parts: tuple[int | str, ...], sentence: str) -> Malformed:
    """A rule of ours that the content breaks, in the form of `malformed`."""
    where = pointer(parts)
    return Malformed(f"{where}: {sentence}", errors=[{"pointer": where, "code": "rule", "detail": sentence}])
