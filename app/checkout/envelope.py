"""The body of a checkout: an event, and what is asked for beside it, which costs no sale where it cannot be read."""

from typing import Any, Final

import orjson
from pydantic import ValidationError

from app.decisions.schemas import DecisionRequest
from app.foundation.errors import Problem, malformed, malformed_by
from app.http.strict_json import check_texts, read_json
from app.ingest.schemas import EventIn
from app.lifecycle.mending import DROPPED, Warned
from app.recommendations.wanted import CheckoutRecommendationsIn

_EVENT: Final = "event"
_CONTEXT: Final = "context"


class CheckoutIn(DecisionRequest):
    """A till's event, and the wish for a decision."""

    event: EventIn
    recommendations: CheckoutRecommendationsIn | None = None


class CheckoutEnvelope(DecisionRequest):
    """The same with the event as it was sent."""

    event: Any
    recommendations: CheckoutRecommendationsIn | None = None


def read_checkout(body: bytes) -> tuple[CheckoutEnvelope, list[Warned]]:
    """The body, and what beside the event was left out of it, by the paths in the body.

    Raises Malformed where there is no event.
    """
    content = read_json(body)
    left_out: list[Warned] = []
    try:
        checkout = CheckoutEnvelope.model_validate(content)
    except ValidationError as error:
        if not isinstance(content, dict) or _EVENT not in content:
            raise malformed(error) from None
        checkout, left_out = _read_without(content, error)
    try:
        check_texts(checkout.context, orjson.dumps(checkout.context), (_CONTEXT,))
    except Problem as problem:
        checkout.context = {}
        left_out.append(_warn((_CONTEXT,), problem))
    return checkout, left_out


def _read_without(content: dict[str, Any], error: ValidationError) -> tuple[CheckoutEnvelope, list[Warned]]:
    """Without the members that cannot be read, told by the first error of each."""
    errors = error.errors(include_url=False, include_input=False)
    first = {str(found["loc"][0]): found for found in reversed(errors)}
    left = {name: member for name, member in content.items() if name not in first}
    return CheckoutEnvelope.model_validate(left), [
        _warn(_path_of(found), malformed_by([found])) for found in first.values()
    ]


def _path_of(found: Any) -> tuple[int | str, ...]:
    """Of an error of pydantic's. The name of a member that nobody knows is the client's text, and is not told."""
    return tuple(found["loc"][:-1] if found["type"] == "extra_forbidden" else found["loc"])


def _warn(path: tuple[int | str, ...], problem: Problem) -> Warned:
    return Warned(path, DROPPED, f"It was left out. {problem.detail}")
