"""What the running service makes scores with."""

from app.foundation.settings import Settings
from app.models.artefact import Model
from app.models.held import Models
from app.scores.scoring import Scoring


class Scores:
    """What scores are made with: the settings, and the model in force."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self._settings = settings
        self._models = models
        self._made: tuple[Model | None, Scoring] | None = None

    def scoring(self) -> Scoring:
        """What scores are made with now."""
        model = self._models.champion
        if self._made is None or self._made[0] is not model:
            self._made = model, Scoring.of(self._settings, model)
        return self._made[1]
