"""What the running service holds of the registry."""

from app.models.artefact import Model
from app.models.gates import Gate
from app.models.item_artefact import ItemModel
from app.models.loading import Held
from app.models.policy_artefact import PolicyModel
from app.models.sentiment_artefact import SentimentModel


class Models:
    """Champion and challenger in this process; `refusal` says which registered model could not be read, and why.

    `gates` are of the kinds that have one: whoever serves such a kind sets it.
    `item_champion` recommends items; None: what sells is recommended. `item_challenger` is asked in its shadow, and
    `item_refusal` is of these models. `policy_champion` is what was learned of decisions; None: priors alone.
    `sentiment_champion` says how writers feel; None: nothing does.
    """

    def __init__(self) -> None:
        self.champion: Model | None = None
        self.challenger: Model | None = None
        self.item_champion: ItemModel | None = None
        self.item_challenger: ItemModel | None = None
        self.policy_champion: PolicyModel | None = None
        self.policy_challenger: PolicyModel | None = None
        self.sentiment_champion: SentimentModel | None = None
        self.gates: dict[str, Gate] = {}
        self.refusal: str | None = None
        self.item_refusal: str | None = None
        self.policy_refusal: str | None = None
        self.sentiment_refusal: str | None = None
        self.held = Held()
        self.was_read = False
