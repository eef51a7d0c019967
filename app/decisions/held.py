"""What the running service decides with."""

from app.decisions.carrying import Suggest
from app.decisions.keeping import Receipts
from app.decisions.service import Deciding
from app.foundation.settings import Settings
from app.lifecycle.decisions import ActionCatalogue
from app.scores.held import Scores


class Decisions:
    """The catalogue of actions, read anew every few seconds, and where receipts wait to be written.

    `suggest` gives the items that actions carry: whoever recommends sets it.
    """

    def __init__(self, settings: Settings, scores: Scores, receipts: Receipts) -> None:
        self.catalogue = ActionCatalogue(())
        self.receipts = receipts
        self.suggest: Suggest | None = None
        self._settings = settings
        self._scores = scores

    def deciding(self) -> Deciding:
        """What decisions are made with now."""
        settings = self._settings
        policy = settings.decision_policy
        return Deciding(self._scores.scoring(), self.catalogue, policy, settings.typical_order, settings.warning_risk)
