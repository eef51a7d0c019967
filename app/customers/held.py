"""What the running service reads customers by."""

from dataclasses import dataclass

from app.customers.state import CustomerState
from app.database.gatherer import Gatherer


@dataclass(frozen=True, slots=True)
class Customers:
    """`reader` gathers look-ups: customer id → state, None where nothing is known."""

    reader: Gatherer[str, CustomerState | None]
