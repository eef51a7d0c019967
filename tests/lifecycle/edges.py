"""Pseudonyms, and the edges of events that join and part."""

from app.lifecycle.identifiers import make_pseudonym
from app.lifecycle.persons import edges_in


def hashed(number):
    return f"{number:064x}"


def phone(number):
    return make_pseudonym("phone", hashed(number))


def said(type_, customer, at, **data):
    """The edges of an event, known by its time."""
    return list(edges_in(f"customer.{type_}", customer, data, (at, "s", str(at))).values())


def device(number):
    return make_pseudonym("device", hashed(number))


def seen(customer, *numbers, at=1, kind="device"):
    """A customer on devices, who is named by account and e-mail nowhere."""
    return said("identified", customer, at, identifiers=[{"kind": kind, "hash": hashed(n)} for n in numbers])


def merged(survivor, other, at=1):
    return said("merged", survivor, at, merged=other)


def unmerged(survivor, other, at):
    return said("unmerged", survivor, at, merged=other)


def identified(customer, *numbers, at=1):
    return said("identified", customer, at, identifiers=[{"kind": "phone", "hash": hashed(n)} for n in numbers])
