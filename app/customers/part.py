"""Customers as the service runs them."""

from app.customers.held import Customers
from app.customers.queries import READ_STATES
from app.customers.router import router
from app.customers.service import read_states
from app.http.resources import Part, Resources


def _build(resources: Resources) -> None:
    driver = resources.open_driver()
    resources.hold(Customers(resources.gather("reads", lambda customer_ids: read_states(driver, customer_ids))))
    resources.plan(driver, READ_STATES)


PART = Part("customers", routers=(router,), build=_build)
