"""The pages there are, in the order in which they are offered."""

from typing import Final, NamedTuple

from app.http.auth import Scope


class Place(NamedTuple):
    """A page: the sentence that names it is `nav.{name}`."""

    name: str
    path: str
    scope: Scope


PLACES: Final = (
    Place("today", "/console/today", "read"),
    Place("customers", "/console/customers", "read"),
    Place("lifecycle", "/console/lifecycle", "read"),
    Place("actions", "/console/actions", "read"),
    Place("kpis", "/console/kpis", "read"),
    Place("models", "/console/models", "admin"),
    Place("data", "/console/data", "read"),
    Place("operations", "/console/operations", "read"),
)
HOME: Final = PLACES[0].path
