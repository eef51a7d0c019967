"""The life of a model: registered, promoted, rolled back. Each act is one transaction under one lock.

Whoever asks to change a state is told in a sentence why not: NotFound, or NotPromotable.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import NotFound, NotPromotable, Refusal
from app.models import queries
from app.models.artefact import MANIFEST, TABLES, ArtefactRefused, Model
from app.models.directories import read_directory, row_of
from app.models.gates import NO_GATES, Asked, Gates, check_gate, find_objection
from app.models.gates import approve as approve_asked
from app.models.kinds import KINDS, SCORE, AnyModel, Kind

State = Literal["champion", "challenger", "retired"]
Act = Literal["registered", "promoted", "rolled_back", "replaced", "kept"]


class Registered(NamedTuple):
    """A model in the registry; the sentence says what it is there."""

    version: str
    state: State
    sentence: str


class Promoted(NamedTuple):
    """A change of the champion. `replaced` is the version that served until then; None: none did."""

    version: str
    replaced: str | None


class Change(NamedTuple):
    """An act, when, by whom and why; what every line of the audit has."""

    act: Act
    now_us: int
    made_by: str
    reason: str


async def register(
    connection: AsyncConnection,
    directory: Path,
    now_us: int,
    by: str,
    *,
    may_serve: bool = True,
    gates: Gates = NO_GATES,
) -> Registered:
    """Takes an artefact into the registry, checked first; the same one again changes no state.

    It is a challenger, and the challenger of its kind before it retires. It serves at once where nothing else can: no
    champion of its kind is there, the one there is cannot be read by this version, or knows only the demo shop; a
    policy, where the log does not say that it is worse than the rules and the gate of its kind lets it pass. Not
    `may_serve`: never, since it is yet to be judged.
    Raises Refusal for an artefact that is refused, and for another one of the same version.
    """
    kind, model, files = read_directory(directory)
    try:
        row = row_of(kind, model, files, now_us)
    except (LookupError, TypeError, ValueError) as error:
        raise Refusal(f"The manifest of {model.version} does not say what a model is registered by.") from error
    await queries.lock_registry(connection)
    if found := await queries.read_models(connection, [model.version]):
        return await _register_again(connection, found[0], row)
    seat = (
        await _find_seat(connection, kind, Asked(model, None, now_us, by), gates)
        if may_serve
        else _Seat("challenger", "It is a challenger, to be judged.")
    )
    for held in await queries.read_active_models(connection):
        if held.kind == kind.name and held.state in ("challenger", seat.state):
            change = Change("replaced", now_us, by, f"{model.version} took its place.")
            await _move(connection, held.version, held.state, "retired", change)
    await queries.write_model(connection, {**row, "state": seat.state})
    change = Change("registered", now_us, by, seat.sentence)
    await _write_change(connection, model.version, None, seat.state, change)
    return Registered(model.version, seat.state, f"Model {model.version}: {seat.sentence}")


class _Seat(NamedTuple):
    state: State
    sentence: str


async def _find_seat(connection: AsyncConnection, kind: Kind, asked: Asked, gates: Gates) -> _Seat:
    """Where a new model begins."""
    model, champion = asked.candidate, await queries.read_champion(connection, kind.name)
    incumbent = None if champion is None else await _try_stored(connection, champion.version)
    how = f"'perennial models promote {model.version}' puts it in force"
    if champion is not None and incumbent is not None and (model.simulated or not champion.is_simulated):
        shadowed = ", scored in its shadow" if kind.name == SCORE else ", asked in its shadow"
        return _Seat("challenger", f"It is the challenger of {champion.version}{shadowed}; {how}.")
    metrics = model.manifest.get("metrics", {})
    objection = kind.find_doubt and kind.find_doubt(metrics)
    objection = objection or await find_objection(connection, kind.name, asked._replace(incumbent=incumbent), gates)
    if objection:
        return _Seat("challenger", f"It is a challenger. {objection} {how[0].upper()}{how[1:]}.")
    gain = "" if kind.tell_gain is None else f" {kind.tell_gain(metrics)}"
    if champion is None:
        return _Seat("champion", f"It is the first one and serves at once.{gain}")
    if champion.is_simulated and not model.simulated:
        told = f"It is of real events and takes the place of {champion.version}, the demo shop's."
        return _Seat("champion", f"{told}{gain}")
    return _Seat("champion", f"It takes the place of {champion.version}, which this version cannot read.{gain}")


async def _try_stored(connection: AsyncConnection, version: str) -> AnyModel | None:
    """None: this version cannot read it."""
    try:
        return await load_stored(connection, version)
    except ArtefactRefused:
        return None


async def _register_again(connection: AsyncConnection, found: Any, row: dict[str, Any]) -> Registered:
    if found.sha256 != row["sha256"]:
        raise Refusal(f"Another model of the version {found.version} is registered.")
    await queries.write_model(connection, {**row, "state": found.state})
    return Registered(found.version, found.state, f"Model {found.version} is registered already: {found.state}.")


async def load_champion(connection: AsyncConnection) -> Model | None:
    """The model of scores in force, checked; None: there is none. Raises ArtefactRefused."""
    champion = await queries.read_champion(connection, SCORE)
    return None if champion is None else await load_scores(connection, champion.version)


async def load_scores(connection: AsyncConnection, version: str) -> Model:
    """`load_stored` of a model of scores. Raises ArtefactRefused, too where it is of another kind."""
    model = await load_stored(connection, version)
    if not isinstance(model, Model):
        raise ArtefactRefused(f"{version}: it is no model of scores.")
    return model


async def load_stored(connection: AsyncConnection, version: str) -> AnyModel:
    """The model of the registry's bytes, checked in a thread. Raises ArtefactRefused."""
    files = await queries.read_files(connection, version)
    if files is None:
        raise ArtefactRefused(f"{version}: the registry has no such model.")
    kind = KINDS.get(files.kind)
    if kind is None:  # of a version after this one
        raise ArtefactRefused(f"{version}: its kind is none of {', '.join(KINDS)}.")
    return await asyncio.to_thread(kind.read, version, {MANIFEST: files.manifest, TABLES: files.tables})


async def load_predecessor(connection: AsyncConnection, kind: str) -> AnyModel | None:
    """The model that served before the champion of a kind; None: there was none. Raises ArtefactRefused."""
    before = find_predecessor(await queries.read_reigns(connection, kind))
    return None if before is None else await load_stored(connection, before)


async def promote(
    connection: AsyncConnection, version: str, now_us: int, by: str, reason: str = "", gates: Gates = NO_GATES
) -> Promoted:
    """Puts a model in force; the champion of its kind retires. Two at once go one after the other.

    Raises NotFound, and NotPromotable where it is the champion already, this version cannot read it, or the gate of its
    kind wants a second person's word.
    """
    await queries.lock_registry(connection)
    await check_deciding(connection, version, now_us, by, gates)
    return await _enthrone(connection, version, Change("promoted", now_us, by, reason))


async def check_deciding(connection: AsyncConnection, version: str, now_us: int, by: str, gates: Gates) -> None:
    """Raises NotPromotable where the gate of its kind holds up a model that somebody would have decide, of all
    customers or, in a test, of some. Who is in force passes."""
    found = await queries.read_models(connection, [version])
    if found and found[0].state != "champion" and found[0].kind in KINDS and KINDS[found[0].kind].is_gated:
        await check_gate(connection, *await _ask_for(connection, version, now_us, by), gates)


async def approve(
    connection: AsyncConnection, version: str, now_us: int, by: str, reason: str, gates: Gates
) -> dict[str, Any]:
    """Keeps the word of a second person for what a model would do; the members of ApprovalOut.

    Raises NotFound, NotPromotable as `promote` does, and NotApprovable.
    """
    await queries.lock_registry(connection)
    kind, asked = await _ask_for(connection, version, now_us, by)
    return await approve_asked(connection, kind, asked, reason, gates)


async def _ask_for(connection: AsyncConnection, version: str, now_us: int, by: str) -> tuple[str, Asked]:
    """The kind of a model that is not in force, and what its gate is asked. Raises NotFound, NotPromotable."""
    found = await queries.read_models(connection, [version])
    if not found:
        raise NotFound("There is no such model.")
    candidate = await _load_promotable(connection, found[0])
    champion = await queries.read_champion(connection, found[0].kind)
    incumbent = None if champion is None else await _try_stored(connection, champion.version)
    return found[0].kind, Asked(candidate, incumbent, now_us, by)


async def rollback(connection: AsyncConnection, now_us: int, by: str, reason: str = "", kind: str = SCORE) -> Promoted:
    """Puts the model in force that was before the champion of a kind; again, the one before that. No gate holds it up.

    Raises NotPromotable where there is none, or where this version cannot read it.
    """
    await queries.lock_registry(connection)
    before = find_predecessor(await queries.read_reigns(connection, kind))
    if before is None:
        raise NotPromotable("There is no model before the champion.")
    return await _enthrone(connection, before, Change("rolled_back", now_us, by, reason))


async def record_kept(connection: AsyncConnection, version: str, now_us: int, by: str, reason: str) -> None:
    """A line of the audit: the challenger was judged, and stays one."""
    await _write_change(connection, version, "challenger", "challenger", Change("kept", now_us, by, reason))


def find_predecessor(reigns: Sequence[queries.Became]) -> str | None:
    """Who was champion before the present one, as if what was rolled back had never been."""
    line: list[str] = []
    for version, act in reigns:
        if act == "rolled_back":
            line.pop()
        else:
            line.append(version)
    return line[-2] if len(line) > 1 else None


async def _enthrone(connection: AsyncConnection, version: str, change: Change) -> Promoted:
    """The old one first: there is one champion at any time, by an index."""
    found = await queries.read_models(connection, [version])
    if not found:
        raise NotFound("There is no such model.")
    model = found[0]
    await _load_promotable(connection, model)
    champion = await queries.read_champion(connection, model.kind)
    if champion is not None:
        told = Change("replaced", change.now_us, change.made_by, f"{version} took its place.")
        await _move(connection, champion.version, "champion", "retired", told)
    await _move(connection, version, model.state, "champion", change)
    return Promoted(version, None if champion is None else champion.version)


async def _load_promotable(connection: AsyncConnection, model: Any) -> AnyModel:
    if model.state == "champion":
        raise NotPromotable(f"{model.version} is the champion already.")
    try:
        return await load_stored(connection, model.version)
    except ArtefactRefused as error:
        raise NotPromotable(f"The registry's copy is refused. {error}") from error


async def _move(connection: AsyncConnection, version: str, was: str, state: State, change: Change) -> None:
    await queries.set_state(connection, version, state, change.now_us)
    await _write_change(connection, version, was, state, change)


async def _write_change(
    connection: AsyncConnection, version: str, was: str | None, state: State, change: Change
) -> None:
    row = {"at_us": change.now_us, "version": version, "was": was, "state": state}
    told = {"act": change.act, "made_by": change.made_by, "reason": change.reason}
    await queries.write_change(connection, {**row, **told})
