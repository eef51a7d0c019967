"""What the running service recommends with."""

from collections.abc import Sequence

from app.database.gatherer import Gatherer
from app.items.following import Items
from app.models.held import Models
from app.recommendations.assortment import Assortment
from app.recommendations.everybody import Everybody
from app.recommendations.histories import History, OfWhom
from app.recommendations.keeping import Given
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.remembered import Remembered
from app.recommendations.spells import Spells


class Recommendations:
    """The merchant's rules, read anew every few seconds; what gathers readings of histories, and what is to be kept;
    lists that are the same for all, and answers that are given again."""

    def __init__(
        self,
        models: Models,
        items: Items,
        histories: Gatherer[OfWhom, History],
        keeping: Gatherer[Given, bool],
        keep_patience_s: float,
    ) -> None:
        self.rules: Sequence[MerchantRule] = ()
        self.histories = histories
        self.keeping = keeping
        self.keep_patience_s = keep_patience_s
        self._models = models
        self._items = items
        self._made: Assortment | None = None
        self.everybody: Everybody
        self.remembered: Remembered
        self.assortment()

    def assortment(self) -> Assortment:
        """All items as they are now."""
        model, catalogue, made = self._models.item_champion, self._items.catalogue, self._made
        if made is None or made.model is not model or made.catalogue is not catalogue:
            made = self._made = Assortment(model, catalogue, made)
            spells = Spells(made)
            # with the former ones goes their model
            self.everybody, self.remembered = Everybody(made, spells), Remembered(made, spells)
        return made
