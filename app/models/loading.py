"""What a process holds of the registry, brought up to date every two seconds.

A look is one small statement. Bytes are read only when a row has changed, and checked in a thread, while tills are
answered. A model that is refused leaves the one that is held; it is looked at again each time.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.logs import log
from app.models import queries
from app.models.artefact import ArtefactRefused, Model
from app.models.item_artefact import ItemModel
from app.models.kinds import POLICY, RECOMMEND, SCORE, SENTIMENT, AnyModel
from app.models.policy_artefact import PolicyModel
from app.models.queries import ActiveModel
from app.models.sentiment_artefact import SentimentModel
from app.models.service import load_predecessor, load_stored


@dataclass(frozen=True, slots=True)
class Held:
    """Champion and challenger of each kind, and by kind and version of a model why it was refused. `seen`: the rows
    they were read from."""

    champion: Model | None = None
    challenger: Model | None = None
    item_champion: ItemModel | None = None
    item_challenger: ItemModel | None = None
    policy_champion: PolicyModel | None = None
    policy_challenger: PolicyModel | None = None
    sentiment_champion: SentimentModel | None = None
    sentiment_challenger: SentimentModel | None = None
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: tuple[ActiveModel, ...] = ()

    def refusal(self, kind: str) -> str | None:
        """Why models of a kind were refused, in a line; None: none was."""
        return " ".join(told for of, told in sorted(self.refusals.items()) if of[0] == kind) or None

    @property
    def models(self) -> tuple[AnyModel | None, ...]:
        """Champion and challenger of scores, of recommendations, of policies, and of sentiment."""
        items, policies = (self.item_champion, self.item_challenger), (self.policy_champion, self.policy_challenger)
        return self.champion, self.challenger, *items, *policies, self.sentiment_champion, self.sentiment_challenger

    def champion_of(self, kind: str) -> AnyModel | None:
        """The one of a kind; None too of a kind that this version does not know."""
        found: dict[str, AnyModel | None] = {
            SCORE: self.champion,
            RECOMMEND: self.item_champion,
            POLICY: self.policy_champion,
            SENTIMENT: self.sentiment_champion,
        }
        return found.get(kind)

    def is_same(self, other: "Held") -> bool:
        """Whether the very same models are held, for the same reasons."""
        are_same = all(one is another for one, another in zip(self.models, other.models, strict=True))
        return are_same and self.refusals == other.refusals and self.seen == other.seen


async def refresh_held(connection: AsyncConnection, held: Held) -> Held:
    """What is held, the same object if nothing has changed."""
    active = await queries.read_active_models(connection)
    if active == held.seen and not held.refusals:
        return held
    found: dict[tuple[str, str], AnyModel | None] = {}
    refusals = {}
    for row in active:
        try:
            found[row.kind, row.state] = await _read(connection, row, held)
        except ArtefactRefused as error:
            refusals[row.kind, row.version] = str(error)
            _log_refusal(row, str(error), held)
            if row.state == "champion":
                before = held.champion_of(row.kind)
                found[row.kind, row.state] = before or await _read_predecessor(connection, row.kind)
    after = Held(
        _model_of_scores(found.get((SCORE, "champion"))),
        _model_of_scores(found.get((SCORE, "challenger"))),
        _model_of_items(found.get((RECOMMEND, "champion"))),
        _model_of_items(found.get((RECOMMEND, "challenger"))),
        _policy(found.get((POLICY, "champion"))),
        _policy(found.get((POLICY, "challenger"))),
        _sentiment(found.get((SENTIMENT, "champion"))),
        _sentiment(found.get((SENTIMENT, "challenger"))),
        refusals,
        active,
    )
    return held if after.is_same(held) else after


def _model_of_scores(model: AnyModel | None) -> Model | None:
    return model if isinstance(model, Model) else None


def _model_of_items(model: AnyModel | None) -> ItemModel | None:
    return model if isinstance(model, ItemModel) else None


def _policy(model: AnyModel | None) -> PolicyModel | None:
    return model if isinstance(model, PolicyModel) else None


def _sentiment(model: AnyModel | None) -> SentimentModel | None:
    return model if isinstance(model, SentimentModel) else None


async def _read(connection: AsyncConnection, row: ActiveModel, held: Held) -> AnyModel:
    """The model held where its row is as it was, else the row's, checked. Raises ArtefactRefused."""
    if row in held.seen and (row.kind, row.version) not in held.refusals:
        for model in held.models:
            if model is not None and model.version == row.version:
                return model
    return await load_stored(connection, row.version)


async def _read_predecessor(connection: AsyncConnection, kind: str) -> AnyModel | None:
    """For a process that starts on a champion that is refused: what others went on with, as far as can be known."""
    try:
        return await load_predecessor(connection, kind)
    except ArtefactRefused:
        return None


def warn_of_unregistered(held: Held, models_directory: Path) -> None:
    """A version before the registry served from the directory: whoever comes from it is told what to do."""
    found = sorted(path.parent.name for path in models_directory.glob("*/manifest.json"))
    if found and not held.seen:
        hint = "'perennial models register DIRECTORY' takes one in, 'perennial train' makes one"
        log.warning("models.unregistered", directory=str(models_directory), found=found[-3:], hint=hint)


def _log_refusal(row: ActiveModel, sentence: str, held: Held) -> None:
    if held.refusals.get((row.kind, row.version)) != sentence:
        log.error("model.refused", version=row.version, state=row.state, reason=sentence)
