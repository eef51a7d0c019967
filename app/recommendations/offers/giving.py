"""Offers are given once, and stay so for as long as they are valid: whoever asks again is told the same.

What is kept of the customer, the evidence, does not change until the offer is over; the catalogue, the merchant's
limits and the policy may, and then the offer of the same evidence is told anew, and kept beside the former, for as long
as that was valid. Of a person whose ids had offers of their own the deepest counts: nobody is told less than before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from app.database.engine import CONNECTION_LOST, Driver
from app.foundation.errors import NotReady
from app.lifecycle.events import DAY_US
from app.lifecycle.pricing.depth import (
    VERSION,
    Code,
    Evidence,
    ItemFacts,
    Offer,
    guard,
    receipt_of,
    wish_for,
)
from app.lifecycle.pricing.policy import OfferPolicy
from app.recommendations.offers.queries import GIVE, LOCK_OFFERS, READ_IN_FORCE

Receipt = Mapping[str, Any]


class Asking(NamedTuple):
    """An item that a person is asked to be given an offer of. `until_us`: from when on it is sold no more."""

    person_id: str
    item_id: str
    evidence: Evidence
    item: ItemFacts
    until_us: int
    policy: OfferPolicy
    now_us: int

    @property
    def key(self) -> tuple[str, str]:
        """Of what is given once."""
        return self.person_id, self.item_id


class Told(NamedTuple):
    """An offer as it is told, in `[valid_from_us, valid_until_us)`; None: it is not kept, and may be another soon."""

    item_id: str
    offer: Offer
    receipt: Receipt
    valid_from_us: int | None = None
    valid_until_us: int | None = None


class _Kept(NamedTuple):
    valid_from_us: int
    valid_until_us: int
    receipt: Receipt


def receipt_in_force(told: Told) -> Receipt:
    """What an offer was made of, and from when to when it is valid."""
    return {**told.receipt, "valid_from_us": told.valid_from_us, "valid_until_us": told.valid_until_us}


def refused(item_id: str, code: Code, price_minor: int | None) -> Told:
    """None of an item, for a reason that has nothing to do with what the customer buys."""
    offer = Offer(0, price_minor, (code,))
    receipt = {"version": VERSION, "refused": code, "depth": 0.0, "price_minor": price_minor, "codes": [code]}
    return Told(item_id, offer, receipt)


async def give_offers(driver: Driver, askings: Sequence[Asking]) -> list[Told]:
    """An offer each, in the order asked for. Raises NotReady when the database is out of reach."""
    try:
        told = _tell(askings, await _read_kept(driver, askings))
        if not (missing := _missing(askings, told)):
            return told
        connection = await driver.connection()
        async with connection.transaction():
            await driver.fetch(LOCK_OFFERS, customer_ids=[asking.person_id for asking in missing])
            kept = await _read_kept(driver, askings)
            missing = _missing(askings, _tell(askings, kept))
            made = {asking.key: _make(asking, kept.get(asking.key, ())) for asking in missing}
            if made:
                await _write(driver, made)
        return _tell(askings, {**kept, **{key: [each] for key, each in made.items()}})
    except CONNECTION_LOST as error:
        await driver.close()
        raise NotReady("The database went away; the offers may yet have been kept.") from error


async def _read_kept(driver: Driver, askings: Sequence[Asking]) -> dict[tuple[str, str], list[_Kept]]:
    rows = await driver.fetch(
        READ_IN_FORCE,
        customer_ids=[asking.person_id for asking in askings],
        item_ids=[asking.item_id for asking in askings],
        now_us=min(asking.now_us for asking in askings),
    )
    kept: dict[tuple[str, str], list[_Kept]] = {}
    for row in rows:
        receipt = orjson.loads(row["receipt"])
        if receipt["version"] == VERSION:
            each = _Kept(row["valid_from_us"], row["valid_until_us"], receipt)
            kept.setdefault((row["customer_id"], row["item_id"]), []).append(each)
    return kept


def _tell(askings: Sequence[Asking], kept: Mapping[tuple[str, str], Sequence[_Kept]]) -> list[Told]:
    return [_tell_one(asking, kept.get(asking.key, ())) for asking in askings]


def _tell_one(asking: Asking, kept: Sequence[_Kept]) -> Told:
    """What is kept, where it still is what follows from its evidence; else what is to be given, not kept yet."""
    best = _best(asking, kept)
    if best is None:
        return _propose(asking, asking.evidence)
    found, offer = best
    if not _is_same(found.receipt, asking, offer):
        return _propose(asking, Evidence(**found.receipt["evidence"]))
    until_us = min(found.valid_until_us, asking.until_us)
    return Told(asking.item_id, offer, found.receipt, found.valid_from_us, until_us)


def _best(asking: Asking, kept: Sequence[_Kept]) -> tuple[_Kept, Offer] | None:
    """The deepest of what is kept, as it is now; of those the one that needs not be told anew, then the first."""
    offers = [
        (each, guard(wish_for(Evidence(**each.receipt["evidence"]), asking.policy), asking.item, asking.policy))
        for each in kept
        if each.valid_until_us > asking.now_us
    ]
    if not offers:
        return None
    return max(offers, key=lambda each: (each[1].parts, _is_same(each[0].receipt, asking, each[1])))


def _is_same(receipt: Receipt, asking: Asking, offer: Offer) -> bool:
    was = receipt["item"]["price_minor"], receipt["price_minor"], receipt["depth"]
    return bool(was == (asking.item.price_minor, offer.price_minor, offer.depth))


def _propose(asking: Asking, evidence: Evidence) -> Told:
    offer = guard(wish_for(evidence, asking.policy), asking.item, asking.policy)
    return Told(asking.item_id, offer, receipt_of(evidence, asking.item, asking.policy, offer))


def _missing(askings: Sequence[Asking], told: Sequence[Told]) -> list[Asking]:
    """What is to be kept, and is not. Nothing is where too little is known yet: the next purchase may tell."""
    return [
        asking
        for asking, each in zip(askings, told, strict=True)
        if each.valid_from_us is None and each.offer.codes != ("too_little_known",)
    ]


def _make(asking: Asking, kept: Sequence[_Kept]) -> _Kept:
    """What is to be written: by its evidence anew, until the end of the former; or for the first time."""
    best = _best(asking, kept)
    if best is None:
        days_us = round(asking.policy.days * DAY_US)
        until_us = min(asking.now_us + days_us, asking.until_us)
        return _Kept(asking.now_us, until_us, _propose(asking, asking.evidence).receipt)
    former, _ = best
    from_us = max(asking.now_us, *(each.valid_from_us + 1 for each in kept))
    receipt = _propose(asking, Evidence(**former.receipt["evidence"])).receipt
    return _Kept(from_us, former.valid_until_us, receipt)


async def _write(driver: Driver, made: Mapping[tuple[str, str], _Kept]) -> None:
    await driver.fetch(
        GIVE,
        customer_id=[person_id for person_id, _ in made],
        item_id=[item_id for _, item_id in made],
        valid_from_us=[each.valid_from_us for each in made.values()],
        valid_until_us=[each.valid_until_us for each in made.values()],
        depth=[each.receipt["depth"] for each in made.values()],
        price_minor=[each.receipt["price_minor"] for each in made.values()],
        receipt=[orjson.dumps(each.receipt).decode() for each in made.values()],
    )
