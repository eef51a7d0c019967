"""`POST /v1/shopify` and `POST /v1/woocommerce`: deliveries of a shop's webhooks as events.

A shop takes any answer but 2xx for a failure: it sends the same again, and after some failures never anything more. So
what is refused for its content is answered 200, told as rejected, and kept; only what may go well another time, and
what is not the shop's, is answered otherwise.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Security
from fastapi.security import APIKeyHeader

from app.database.engine import transaction
from app.foundation.errors import Conflict, Problem, violation
from app.foundation.logs import log
from app.foundation.metrics import count_webhook
from app.foundation.times import iso, received_now_us
from app.http.auditing import name_customers
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_bytes
from app.http.strict_json import read_json
from app.ingest.admission import admit_with_warnings
from app.ingest.intake import Intake
from app.ingest.receipts import list_results, render_receipt, render_result, submission_of
from app.ingest.segment.mapping import Ignored
from app.ingest.segment.router import STATUSES
from app.ingest.segment.schemas import SegmentReceiptOut
from app.ingest.shops import shopify, woocommerce
from app.ingest.shops.deliveries import TEST, Door, Mapped
from app.ingest.shops.known import consider, ids_to_look_up
from app.ingest.shops.queries import read_known
from app.ingest.shops.redactions import SHOPIFY_REDACTS, Redactor, is_redaction, read_redaction
from app.ingest.shops.signatures import check_signature, read_secrets
from app.lifecycle.events import ORDER_COMPLETED, Event

_HOST: Final = re.compile(r"[\x21-\x7e]{1,100}")
_PING: Final = re.compile(rb"webhook_id=\d{1,20}")
_PREFIX: Final = re.compile(r"[\x21-\x7e]{0,64}")
_PREFIX_PARAMETER: Final[dict[str, Any]] = {
    "name": "prefix",
    "in": "query",
    "required": False,
    "description": "Put before the shop's ids of customers, where other systems give the same ids to others.",
    "schema": {"type": "string", "maxLength": 64, "pattern": f"^{_PREFIX.pattern}$"},
}
Delivered = Callable[[HotRequest], Awaitable[bytes]]
_PAYLOAD: Final[dict[str, Any]] = {"type": "object", "description": "The payload, as the shop sends it."}


class SignedRoute(HotRoute):
    """Takes no API key: the signature over the body stands for it."""

    wants_key = False


router = APIRouter(prefix="/v1", tags=["events"], route_class=SignedRoute)


def _header(name: str, says: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": says, "schema": {"type": "string"}}


def _signed(header: str) -> Any:
    """`dependencies=[_signed("X-…")]`: for OpenAPI alone."""
    says = "Base64 of HMAC-SHA-256 over the body, by the secret that the shop has too."
    return Security(APIKeyHeader(name=header, scheme_name=header, description=says, auto_error=False))


def _webhook(path: str, signature: str, summary: str, **headers: str) -> Callable[[Delivered], Delivered]:
    """A route of signed deliveries; `headers` beside the signature, and what each says."""
    return router.post(
        path,
        dependencies=[_signed(signature)],
        response_model=SegmentReceiptOut,
        summary=summary,
        openapi_extra={
            "parameters": [
                *(_header(name.replace("_", "-"), says) for name, says in headers.items()),
                _PREFIX_PARAMETER,
            ],
            **json_body(_PAYLOAD),
        },
    )


@_webhook(
    "/shopify",
    "X-Shopify-Hmac-Sha256",
    "Count what a webhook of Shopify delivers",
    X_Shopify_Topic="`orders/create`, say.",
    X_Shopify_Shop_Domain="The events' source is `/shopify/<domain>`.",
)
async def post_shopify(request: HotRequest) -> bytes:
    """Answers 200 with what became of each event that the delivery makes: the order, its refunds, its cancellation."""
    secrets = request.resources.settings.shopify_secrets
    signature, body = request.fields.get(b"x-shopify-hmac-sha256"), await read_bytes(request)
    check_signature(signature, body, read_secrets(secrets), "PERENNIAL_SHOPIFY_SECRETS")
    payload = read_json(body)
    topic = _field(request, b"x-shopify-topic").lower()
    door = _door(request, "/shopify", _field(request, b"x-shopify-shop-domain"))
    if topic in shopify.PRIVACY_TOPICS:
        log.warning("privacy.requested", topic=topic)
    if topic == SHOPIFY_REDACTS and request.resources.settings.shopify_erases and is_redaction(payload):
        return await _redact(payload, door, request.resources)
    is_test = _field(request, b"x-shopify-test").lower() == "true"
    mapped: list[Mapped] = [TEST] if is_test else shopify.map_delivery(topic, payload, door)
    return await _count("shopify", mapped, request)


@_webhook(
    "/woocommerce",
    "X-WC-Webhook-Signature",
    "Count what a webhook of WooCommerce delivers",
    X_WC_Webhook_Topic="`order.updated`, say.",
    X_WC_Webhook_Source="The address of the shop: the events' source is `/woocommerce/<address>`.",
)
async def post_woocommerce(request: HotRequest) -> bytes:
    """Answers as `POST /v1/shopify`. The ping, which comes unsigned when a webhook is made, is answered too."""
    signature, body = request.fields.get(b"x-wc-webhook-signature"), await read_bytes(request)
    if _PING.fullmatch(body):
        return await _count("woocommerce", [], request)
    secrets = request.resources.settings.woocommerce_secrets
    check_signature(signature, body, read_secrets(secrets), "PERENNIAL_WOOCOMMERCE_SECRETS")
    payload = read_json(body)
    topic = _field(request, b"x-wc-webhook-topic").lower()
    address = _field(request, b"x-wc-webhook-source").partition("://")[2].rstrip("/")
    door = _door(request, "/woocommerce", address)
    return await _count("woocommerce", woocommerce.map_delivery(topic, payload, door), request)


async def _redact(payload: Any, door: Door, resources: Resources) -> bytes:
    """Erases whom the shop names: 200 says that it is done, 503 that it is to be asked again."""
    await resources.of(Redactor).erase(read_redaction(payload, door, resources.of(Intake).rules), door.source)
    count_webhook("shopify", "erased", "")
    return orjson.dumps(render_receipt([{"status": "erased"}], STATUSES))


def _field(request: HotRequest, name: bytes) -> str:
    return request.fields.get(name, b"").decode("latin-1").strip()


def _door(request: HotRequest, source: str, host: str) -> Door:
    host = host.lower()
    if host and not _HOST.fullmatch(host):
        raise violation(("source",), "The header that names the shop has no domain.")
    prefix = request.query_params.get("prefix", "")
    if not _PREFIX.fullmatch(prefix):
        raise violation(("prefix",), "Give up to 64 characters of printable ASCII without spaces.")
    triggered_at = _field(request, b"x-shopify-triggered-at") or iso(time.time_ns() // 1000)
    return Door(f"{source}/{host}" if host else source, request.resources.settings.currency, prefix, triggered_at)


async def _look_up(mapped: list[Mapped], resources: Resources) -> list[Mapped]:
    """What counts of it, by what is known of its order."""
    event_ids = ids_to_look_up(mapped)
    if not event_ids:
        return mapped
    source = next(each["source"] for each in mapped if not isinstance(each, Ignored))
    async with resources.patience(), transaction(resources.engine) as connection:
        return consider(mapped, await read_known(connection, source, event_ids))


async def _count(name: str, mapped: list[Mapped], request: HotRequest) -> bytes:
    mapped = await _look_up(mapped, request.resources)
    intake, now_us = request.resources.of(Intake), received_now_us()
    both = [
        (each, ()) if isinstance(each, Ignored) else admit_with_warnings(each, intake.rules, now_us) for each in mapped
    ]
    outcomes = [outcome for outcome, _ in both]
    submission = submission_of(outcomes)
    name_customers(request.scope, (event.customer_id for event in submission.events))
    statuses: Sequence[str] = ()
    if submission.events or submission.rejections:
        is_single = len(submission.events) == 1
        statuses = (await intake.enter(submission, is_single=is_single)).statuses
    results = list_results(outcomes, statuses, "The order was changed in its total, its lines or its customer.")
    rendered = [
        _render(_settle(result, outcome), warnings) for result, (outcome, warnings) in zip(results, both, strict=True)
    ]
    for each in rendered:
        count_webhook(name, each["status"], each.get("reason", ""))
    return orjson.dumps(render_receipt(rendered, STATUSES))


def _settle(result: str | Problem | Ignored, outcome: object) -> str | Problem | Ignored:
    """What is known by the shop's own number counts once, even where a later version tells a detail otherwise."""
    is_known = isinstance(result, Conflict) and isinstance(outcome, Event) and outcome.type != ORDER_COMPLETED
    return "duplicate" if is_known else result


def _render(result: str | Problem | Ignored, warnings: Any) -> dict[str, Any]:
    if isinstance(result, Ignored):
        return {"status": "ignored", "reason": result.reason}
    return render_result(result, warnings)
