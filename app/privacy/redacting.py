"""What a shop asks to be erased, is."""

import time
from functools import partial

from app.audit.recorder import Recorder
from app.database.engine import transaction
from app.http.resources import Resources
from app.ingest.shops.redactions import Named, Redactor
from app.lifecycle.identifiers import is_pseudonym
from app.lifecycle.tombstones import Tombstones
from app.privacy.erasure import erase_person
from app.privacy.queries import read_ids


def make_redactor(resources: Resources) -> Redactor:
    """The one of the service."""
    return Redactor(partial(_redact, resources))


async def _redact(resources: Resources, named: Named, asked_by: str) -> None:
    """Erases the customer of the shop; and who is known by nothing but the e-mail, the phone or an order that it names.
    What another customer of the retailer has too stays theirs, unless the request names nobody better.
    """
    asked_by = asked_by.strip("/")
    if named.customer_id is not None:
        await _erase(resources, named.customer_id, asked_by)
    for each in named.pseudonyms:
        async with transaction(resources.engine) as connection:
            theirs = await read_ids(connection, each)
        if named.customer_id is None or all(map(is_pseudonym, theirs)):
            await _erase(resources, each, asked_by)


async def _erase(resources: Resources, customer_id: str, asked_by: str) -> None:
    now_us = time.time_ns() // 1000
    record = partial(resources.of(Recorder).record_erasure, made_by=asked_by)
    await erase_person(resources.surveys, resources.of(Tombstones), [customer_id], asked_by, now_us, record)
