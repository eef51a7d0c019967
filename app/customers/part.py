"""Customers as the service runs them."""

from functools import partial

from app.customers.held import Customers
from app.customers.queries import COUNT_ORDERS_BY_CHANNEL, READ_STATES
from app.customers.router import router
from app.customers.service import count_orders_by_channel, meet_newcomers, read_states
from app.customers.sharing import router as sharing
from app.customers.state import CustomerState
from app.database.gatherer import Gatherer
from app.http.resources import Part, Resources
from app.ingest.identity_key import read_identity_keys
from app.lifecycle.tombstones import Tombstones


def _build(resources: Resources) -> None:
    states, profiles = resources.open_driver(), resources.open_driver()
    reader: Gatherer[str, CustomerState | None] = resources.gather("reads", partial(read_states, states))
    tombstones = Tombstones(*read_identity_keys(resources.settings))
    meet = partial(meet_newcomers, resources.engine, tombstones)
    newcomers: Gatherer[str, CustomerState] = resources.gather("newcomers", meet)
    channels: Gatherer[str, dict[str, int]] = resources.gather("profiles", partial(count_orders_by_channel, profiles))
    resources.hold(tombstones)
    resources.hold(Customers(reader, newcomers, channels))
    resources.plan(states, READ_STATES)
    resources.plan(profiles, COUNT_ORDERS_BY_CHANNEL)


PART = Part("customers", routers=(router, sharing), build=_build)
