"""What stands between a model and the seat of the champion, by its kind.

A gate compares what a candidate would do with what is done now. A disparate change needs the word of a second person:
somebody who neither registered the model nor puts it in force, for this change and for APPROVAL_DAYS. Nothing that
promotes by itself passes without it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.engine import transaction
from app.foundation.errors import NotApprovable, NotPromotable
from app.foundation.times import iso
from app.lifecycle.events import DAY_US
from app.models import queries
from app.models.kinds import KINDS, AnyModel

APPROVAL_DAYS: Final = 30
"""How long a word holds: what would be done changes with the customers."""
COMMAND_LINE: Final = "the command line"
"""Who does not say who they are at a terminal: one or another, nobody can know."""
RULES: Final = "rules"
"""What a candidate is compared with where no champion is."""


class Finding(NamedTuple):
    """What a gate found: beside which version, or the RULES; whether the change is disparate; the sentence says which
    it is, and the report (JSON) all that was compared."""

    against: str
    is_disparate: bool
    sentence: str
    report: Mapping[str, Any]


Gate = Callable[[AsyncConnection, AnyModel, AnyModel | None], Awaitable[Finding]]
"""Of a candidate, and of who decides now; None: the rules do."""
Gates = Mapping[str, Gate]
"""By kind. A kind that has none here is not put in force here."""
NO_GATES: Final[Gates] = MappingProxyType({})


class Asked(NamedTuple):
    """A candidate at the gate: who decides now, when it is asked, and by whom."""

    candidate: AnyModel
    incumbent: AnyModel | None
    now_us: int
    by: str


@asynccontextmanager
async def at_gate(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that is committed too where a model is held up in it: whoever has to look why finds what was
    compared. Nothing else was changed then."""
    refused: NotApprovable | NotPromotable | None = None
    async with transaction(engine) as connection:
        try:
            yield connection
        except (NotApprovable, NotPromotable) as error:
            refused = error
    if refused is not None:
        raise refused


async def find_objection(connection: AsyncConnection, kind: str, asked: Asked, gates: Gates) -> str | None:
    """Why a model may not be put in force, in a sentence; None: it may. What was compared is kept among its reports."""
    if not KINDS[kind].is_gated:
        return None
    if kind not in gates:
        return "What it would do cannot be compared with what is done here."
    finding = await _ask(connection, gates[kind], asked)
    if not finding.is_disparate:
        return None
    version, since_us = asked.candidate.version, asked.now_us - APPROVAL_DAYS * DAY_US
    registrant = await queries.read_registrant(connection, version)
    words = await queries.read_approvals(connection, version, since_us)
    others = [word for word in words if word.against == finding.against and word.made_by not in (registrant, asked.by)]
    if not others:
        return f"{finding.sentence} This needs the word of a second person ('perennial models approve {version}')."
    return f"{finding.sentence} Say who puts it in force ('--by')." if asked.by == COMMAND_LINE else None


async def check_gate(connection: AsyncConnection, kind: str, asked: Asked, gates: Gates) -> None:
    """Raises NotPromotable."""
    if objection := await find_objection(connection, kind, asked, gates):
        raise NotPromotable(objection)


async def approve(connection: AsyncConnection, kind: str, asked: Asked, reason: str, gates: Gates) -> dict[str, Any]:
    """Keeps the word of a second person for what the gate finds now; the approval, as it is told.

    Raises NotApprovable where nothing needs one, or who gives it registered the model.
    """
    version = asked.candidate.version
    if kind not in gates:
        raise NotApprovable(f"Nothing that {version} would do needs a second person's word.")
    if asked.by == await queries.read_registrant(connection, version):
        raise NotApprovable(f"Who registered {version} cannot be the second person.")
    finding = await _ask(connection, gates[kind], asked)
    if not finding.is_disparate:
        raise NotApprovable(f"Nothing that {version} would do needs a second person's word. {finding.sentence}")
    told = {"version": version, "against": finding.against, "made_by": asked.by, "reason": reason}
    row = {**told, "at_us": asked.now_us, "sentence": finding.sentence}
    await queries.write_approval(connection, row)
    return render_approval(row)


def render_approval(row: Mapping[str, Any]) -> dict[str, Any]:
    """The members of ApprovalOut."""
    return {"at": iso(row["at_us"]), **{name: row[name] for name in ("against", "made_by", "reason", "sentence")}}


async def _ask(connection: AsyncConnection, gate: Gate, asked: Asked) -> Finding:
    finding = await gate(connection, asked.candidate, asked.incumbent)
    told = {name: getattr(finding, name) for name in ("against", "is_disparate", "sentence")}
    await queries.write_report(connection, asked.candidate.version, "choices", asked.now_us, {**told, **finding.report})
    return finding
