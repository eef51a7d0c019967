"""A message of the Segment specification → a CloudEvent as `POST /v1/events` takes it. Pure.

https://segment.com/docs/connections/spec/ and its V2 Ecommerce Events; RudderStack's messages are of
the same form. Nothing is checked here: what a message lacks, its event lacks, and the contract of our
events refuses it with a reason.

**Time** is `originalTimestamp`, or `timestamp` where that is not there: a library that sends to us
directly knows only the second, and Segment relays it as the first. A message that says neither happened when it was
sent, or else received. Where that time is impossible,
`app.ingest.clocks` puts it right by the other times of the message, which are other ones at each attempt to send: so
what is made of a message here depends on the message's own content alone, and the times of sending are no part of what
is compared. `context` (but for an identify's traits) and `integrations` are not looked at.

**Money.** Amounts are major units, as here. An order's total is the first there is of `total` (after
discount, with shipping and tax: what was paid), `revenue` (without shipping and tax), `value` and
`subtotal`; nothing is added up, since shops differ on what they have taken off already.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from app.ingest.clocks import CLAIMED_TIME
from app.ingest.segment.properties import (
    as_customer,
    as_date,
    as_number,
    as_object,
    as_text,
    keep_said,
    time_of,
    time_of_sending,
    without_sign,
    write_dotted,
)
from app.lifecycle.events import (
    CUSTOMER_IDENTIFIED,
    CUSTOMER_MERGED,
    CUSTOMER_UNMERGED,
    FEEDBACK_SUBMITTED,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_UPDATED,
    PRODUCT_ADDED,
    PRODUCT_VIEWED,
    PRODUCTS_SEARCHED,
)

Json = dict[str, Any]
NO_TIME: Final = "none"
"""The time of a message that says none of its own: when it was sent is no part of what a repeat is compared by."""


class Ignored(NamedTuple):
    """A message that means nothing here. `reason` is a stable code."""

    reason: str


class Content(NamedTuple):
    """What a message says. `type` None: it does not tell."""

    type: str | None
    data: Json


GROUP: Final = Ignored("group")
"""Groups are companies of business customers; there are none here."""
PAGE_WITHOUT_PRODUCT: Final = Ignored("page_without_product")
"""A look at a page is no visit of a shop, and how many pages a visit has is the site's choice."""
ALIAS_WITHOUT_PREVIOUS: Final = Ignored("alias_without_previous_id")
NOT_BY_TRACK: Final = Ignored("not_by_track")
"""Who is who is said by identify and alias, or by our own events; a tracked name does not join people."""
UNKNOWN_CALL: Final = Ignored("unknown_call")

_NOT_BY_TRACK: Final = frozenset((CUSTOMER_IDENTIFIED, CUSTOMER_MERGED, CUSTOMER_UNMERGED))
_CHANNELS: Final = {"web": "web", "browser": "web", "mobile": "app"}
_CHANNEL_OF_CALL: Final = {"page": "web", "screen": "app"}
_AMOUNTS: Final = ("total", "revenue", "value", "subtotal")
_OLDER_NAMES: Final = {"orderId": "order_id", "productId": "product_id"}
_OLDER_TYPES: Final = {
    "completed.order": ORDER_COMPLETED,
    "viewed.product": PRODUCT_VIEWED,
    "added.product": PRODUCT_ADDED,
    "viewed.product.category": "product.list.viewed",
}


def map_message(message: Any, source: str) -> Json | Ignored:
    """A CloudEvent of this source, less what the message does not say; or why there is none."""
    given = as_object(message)
    call = given.get("type")
    content: Content | Ignored
    if call is None or not isinstance(call, str):
        content = Content(None, {})
    else:
        content = _CALLS[call](given) if call in _CALLS else UNKNOWN_CALL
    if isinstance(content, Ignored):
        return content
    time, data = time_of(given), _complete(given, content.data)
    if time is None and (sent := time_of_sending(given)) is not None:
        time, data = sent, {**data, CLAIMED_TIME: NO_TIME}
    return _present(
        {
            "specversion": "1.0",
            "id": as_text(given.get("messageId")),
            "source": source,
            "type": content.type,
            "subject": as_customer(given.get("userId")),
            "time": time,
            "data": data,
        }
    )


def _present(members: Json) -> Json:
    return {name: member for name, member in members.items() if member is not None}


def _complete(message: Json, data: Json) -> Json:
    """Data with the sender's identifiers first, and the channel where only the library tells it."""
    own = [("user_id", message.get("userId")), ("anonymous_id", message.get("anonymousId"))]
    known = [{"kind": kind, "value": as_customer(value)} for kind, value in own if as_customer(value) is not None]
    identifiers = known + data.pop("identifiers", [])
    call, library = message.get("type"), message.get("channel")
    channel = as_text(data.get("channel")) or (_CHANNELS.get(library) if isinstance(library, str) else None)
    return _present(
        {
            **data,
            "channel": channel or (_CHANNEL_OF_CALL.get(call) if isinstance(call, str) else None),
            "identifiers": identifiers or None,
        }
    )


def _properties(message: Json) -> Json:
    """What is said of the purchase or the look; not of the person, whose identifiers come from elsewhere."""
    kept: Json = keep_said(as_object(message.get("properties")))
    kept.pop("identifiers", None)
    return _rename(kept)


def _rename(given: Json) -> Json:
    return {_OLDER_NAMES.get(name, name): member for name, member in given.items()}


def _track(message: Json) -> Content | Ignored:
    name = message.get("event")
    if not isinstance(name, str):
        return Content(None, {})
    dotted = write_dotted(name)
    type_ = _OLDER_TYPES.get(dotted, dotted)
    if type_ in _NOT_BY_TRACK:
        return NOT_BY_TRACK
    properties = _properties(message)
    return _TRACKED[type_](properties) if type_ in _TRACKED else Content(type_, properties)


def _order(given: Json, type_: str = ORDER_COMPLETED) -> Content:
    return Content(
        type_,
        _present(
            {
                **_money(given),
                "total": as_number(_first(given, _AMOUNTS)),
                "discount": without_sign(given.get("discount")),
            }
        ),
    )


def _update(given: Json) -> Content:
    return _order(given, ORDER_UPDATED)


def _cancel(given: Json) -> Content:
    return Content(ORDER_CANCELLED, _present({**given, "order_id": as_text(given.get("order_id"))}))


def _refund(given: Json) -> Content:
    """A refund is what was given back, whichever sign the shop's books give it."""
    return Content(ORDER_REFUNDED, _present({**_money(given), "total": without_sign(_first(given, _AMOUNTS))}))


def _money(given: Json) -> Json:
    """What orders and refunds have in common."""
    currency, products = given.get("currency"), given.get("products")
    return {
        **given,
        "order_id": as_text(given.get("order_id")),
        "currency": currency.strip().upper() if isinstance(currency, str) else currency,
        "products": [_product(line) for line in products] if isinstance(products, list) else products,
    }


def _first(given: Json, names: tuple[str, ...]) -> Any:
    return next((given[name] for name in names if name in given), None)


def _product(line: Any) -> Any:
    """A line of an order; without a product_id it is known by its sku, or by `id` as in the first specification."""
    if not isinstance(line, dict):
        return line
    named = _rename(line)
    return _present(
        {
            **named,
            "product_id": as_text(_first(named, ("product_id", "sku", "id"))),
            "category": as_text(named.get("category")),
            "name": as_text(named.get("name")),
            "price": as_number(named.get("price")),
            "quantity": as_number(named.get("quantity")),
        }
    )


def _view(given: Json) -> Content:
    return Content(PRODUCT_VIEWED, _product(given))


def _add(given: Json) -> Content:
    return Content(PRODUCT_ADDED, _product(given))


def _look_at_list(given: Json) -> Content:
    """A look at a category. What the shop laid out on it was not looked at one by one, and is left out."""
    told = {name: member for name, member in given.items() if name not in ("products", "product_id")}
    return Content(PRODUCT_VIEWED, _present({**told, "category": as_text(told.get("category"))}))


def _search(given: Json) -> Content:
    """`query` is a text or an object; ours is a text, so that an object is kept under `criteria`."""
    query = as_text(given.get("query"))
    if query is None or isinstance(query, str):
        return Content(PRODUCTS_SEARCHED, _present({**given, "query": query}))
    told = {name: member for name, member in given.items() if name != "query"}
    return Content(PRODUCTS_SEARCHED, {**told, "criteria": query})


def _review(given: Json) -> Content:
    """A rating of 1 to 5 with what was written; without a rating a review is kept under its own name."""
    if "rating" not in given:
        return Content("product.reviewed", given)
    told = {name: member for name, member in given.items() if name not in ("rating", "review_body")}
    said = {"metric": "rating", "score": as_number(given["rating"]), "text": given.get("review_body")}
    return Content(FEEDBACK_SUBMITTED, _present({**told, **said, "product_id": as_text(given.get("product_id"))}))


def _identify(message: Json) -> Content:
    """E-mail and phone as identifiers, the birthday; other traits are personal data that nothing here reads.

    RudderStack sends the traits within `context`.
    """
    traits = as_object(as_object(message.get("context")).get("traits")) | as_object(message.get("traits"))
    told = [(kind, as_text(traits.get(kind))) for kind in ("email", "phone")]
    identifiers = [{"kind": kind, "value": value} for kind, value in told if value is not None]
    return Content(
        CUSTOMER_IDENTIFIED, _present({"identifiers": identifiers, "birthday": as_date(traits.get("birthday"))})
    )


def _alias(message: Json) -> Content | Ignored:
    """The one known before as `previousId` is this user.

    The specification has that an anonymous id or a user id, and does not tell which; so it is named as
    both, and the one that nobody goes by joins nobody.
    """
    previous = as_text(message.get("previousId"))
    if previous is None:
        return ALIAS_WITHOUT_PREVIOUS
    both = [{"kind": kind, "value": previous} for kind in ("anonymous_id", "user_id")]
    return Content(CUSTOMER_IDENTIFIED, {"identifiers": both})


def _page(message: Json) -> Content | Ignored:
    """A page or screen that names its product is a look at it."""
    properties = _properties(message)
    return _view(properties) if "product_id" in properties else PAGE_WITHOUT_PRODUCT


def _group(_: Json) -> Ignored:
    return GROUP


_CALLS: Final[dict[str, Callable[[Json], Content | Ignored]]] = {
    "track": _track,
    "identify": _identify,
    "alias": _alias,
    "page": _page,
    "screen": _page,
    "group": _group,
}

CALLS: Final = tuple(_CALLS)
"""The types of messages that are known."""

_TRACKED: Final[dict[str, Callable[[Json], Content]]] = {
    ORDER_COMPLETED: _order,
    ORDER_REFUNDED: _refund,
    ORDER_UPDATED: _update,
    ORDER_CANCELLED: _cancel,
    PRODUCT_VIEWED: _view,
    PRODUCT_ADDED: _add,
    "product.list.viewed": _look_at_list,
    PRODUCTS_SEARCHED: _search,
    "product.reviewed": _review,
}
"""Any other name is kept as an event of that type."""
