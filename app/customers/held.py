"""What the running service reads customers by."""

from dataclasses import dataclass

from app.customers.state import CustomerState
from app.database.gatherer import Gatherer


@dataclass(frozen=True, slots=True)
class Customers:
    """What gathers look-ups by customer id: `reader` of states, None where nothing is known; `newcomers` what
    is known of whom the reader knows nothing of; `channels` of the orders by channel.
    """

    reader: Gatherer[str, CustomerState | None]
    newcomers: Gatherer[str, CustomerState]
    channels: Gatherer[str, dict[str, int]]

    async def read_or_meet(self, customer_id: str) -> CustomerState:
        """The state of a customer, or of somebody who has sent no event. Raises NotReady, Overloaded."""
        return await self.reader.submit(customer_id) or await self.newcomers.submit(customer_id)
