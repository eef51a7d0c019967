"""What the running service holds of the registry."""

from app.models.artefact import Model
from app.models.loading import Held


class Models:
    """Champion and challenger in this process; `refusal` says which registered model could not be read, and why."""

    def __init__(self) -> None:
        self.champion: Model | None = None
        self.challenger: Model | None = None
        self.refusal: str | None = None
        self.held = Held()
        self.was_read = False
