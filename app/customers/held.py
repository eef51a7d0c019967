"""What the running service reads customers by."""

from dataclasses import dataclass

from app.customers.state import CustomerState
from app.database.gatherer import Gatherer


@dataclass(frozen=True, slots=True)
class Customers:
    """What gathers look-ups by customer id: `reader` of states, None where nothing is known; `channels` of the orders
    by channel.
    """

    reader: Gatherer[str, CustomerState | None]
    channels: Gatherer[str, dict[str, int]]
