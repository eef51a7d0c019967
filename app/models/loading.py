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
from app.models.queries import ActiveModel
from app.models.service import load_predecessor, load_stored


@dataclass(frozen=True, slots=True)
class Held:
    """Champion, challenger, and by the version of a model why it was refused. `seen`: the rows they were read from."""

    champion: Model | None = None
    challenger: Model | None = None
    refusals: dict[str, str] = field(default_factory=dict)
    seen: tuple[ActiveModel, ...] = ()

    @property
    def refusal(self) -> str | None:
        """Why models were refused, in a line; None: none was."""
        return " ".join(self.refusals[name] for name in sorted(self.refusals)) or None

    def is_same(self, other: "Held") -> bool:
        """Whether the very same models are held, for the same reasons."""
        models = self.champion is other.champion and self.challenger is other.challenger
        return models and self.refusals == other.refusals and self.seen == other.seen


async def refresh_held(connection: AsyncConnection, held: Held) -> Held:
    """What is held, the same object if nothing has changed."""
    active = await queries.read_active_models(connection)
    if active == held.seen and not held.refusals:
        return held
    found, refusals = {}, {}
    for row in active:
        try:
            found[row.state] = await _read(connection, row, held)
        except ArtefactRefused as error:
            refusals[row.version] = str(error)
            _log_refusal(row, str(error), held)
    champion = found.get("champion")
    if champion is None and any(row.state == "champion" for row in active):
        champion = held.champion or await _read_predecessor(connection)
    after = Held(champion, found.get("challenger"), refusals, active)
    return held if after.is_same(held) else after


async def _read(connection: AsyncConnection, row: ActiveModel, held: Held) -> Model:
    """The model held where its row is as it was, else the row's, checked. Raises ArtefactRefused."""
    if row in held.seen and row.version not in held.refusals:
        for model in (held.champion, held.challenger):
            if model is not None and model.version == row.version:
                return model
    return await load_stored(connection, row.version)


async def _read_predecessor(connection: AsyncConnection) -> Model | None:
    """For a process that starts on a champion that is refused: what others went on with, as far as can be known."""
    try:
        return await load_predecessor(connection)
    except ArtefactRefused:
        return None


def warn_of_unregistered(held: Held, models_directory: Path) -> None:
    """A version before the registry served from the directory: whoever comes from it is told what to do."""
    found = sorted(path.parent.name for path in models_directory.glob("*/manifest.json"))
    if found and not held.seen:
        hint = "'perennial models register DIRECTORY' takes one in, 'perennial train' makes one"
        log.warning("models.unregistered", directory=str(models_directory), found=found[-3:], hint=hint)


def _log_refusal(row: ActiveModel, sentence: str, held: Held) -> None:
    if held.refusals.get(row.version) != sentence:
        log.error("model.refused", version=row.version, state=row.state, reason=sentence)
