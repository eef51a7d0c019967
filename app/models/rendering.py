"""The registry's rows as JSON members, for the wire and the terminal."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import NotFound
from app.foundation.times import iso
from app.models import queries
from app.models.gates import render_approval
from app.models.kinds import KINDS, POLICY, RECOMMEND


def render_model(row: Any) -> dict[str, Any]:
    """The members of ModelOut."""
    return {
        "version": row.version,
        "kind": row.kind,
        "state": row.state,
        "simulated": row.is_simulated,
        "horizon_days": row.horizon_days,
        "readable": row.kind in KINDS and KINDS[row.kind].can_serve(row.version, row.manifest),
        "data_from": iso(row.data_from_us),
        "data_until": iso(row.data_until_us),
        "registered_at": iso(row.registered_us),
        "changed_at": iso(row.changed_us),
        "metrics": row.metrics,
        "manifest_sha256": row.sha256,
    }


async def list_models(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Every model, the latest registered first."""
    return [render_model(row) for row in await queries.read_models(connection)]


async def describe_model(connection: AsyncConnection, version: str) -> dict[str, Any]:
    """The members of ModelDetailOut. Raises NotFound."""
    found = await queries.read_models(connection, [version])
    files = await queries.read_files(connection, version)
    if not found or files is None:
        raise NotFound("There is no such model.")
    changes = await queries.read_changes(connection, version)
    return {
        **render_model(found[0]),
        "card": files.card,
        "manifest": _read_manifest(files.manifest),
        "changes": [
            {
                "at": iso(change.at_us),
                **{name: getattr(change, name) for name in ("was", "state", "act", "made_by", "reason")},
            }
            for change in changes
        ],
        "approvals": [render_approval(word._mapping) for word in await queries.read_approvals(connection, version)],
        "reports": [
            {"kind": told.kind, "at": iso(told.at_us), "made_at": iso(told.made_us), "report": told.report}
            for told in await queries.read_reports(connection, version)
        ],
    }


def _read_manifest(content: bytes) -> dict[str, Any]:
    """Of one that was tampered with, nothing."""
    try:
        manifest = json.loads(content)
    except ValueError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


async def compare_models(connection: AsyncConnection, versions: Sequence[str]) -> dict[str, Any]:
    """The members of ComparisonOut. Raises NotFound where one is not registered."""
    found = {row.version: row for row in await queries.read_models(connection, versions)}
    if any(version not in found for version in versions):
        raise NotFound("There is no such model among those named.")
    first, *others = versions
    return {
        "models": [render_model(found[version]) for version in versions],
        "shadow": [await _compare_two(connection, found[first], found[other]) for other in others],
    }


async def _compare_two(connection: AsyncConnection, first: Any, second: Any) -> dict[str, Any]:
    """Of two rows of the registry. Who was right is left out where the horizons differ."""
    row = await queries.compare_predictions(connection, first.version, second.version)
    names = ("customers", "mean_difference", "mean_absolute_difference", "correlation")
    errors = {
        model.version: {"brier": getattr(row, f"brier_{place}"), "log_loss": getattr(row, f"log_loss_{place}")}
        for model, place in ((first, "first"), (second, "second"))
    }
    left_out = _explain_difference(first, second)
    told = await queries.read_shadow_report(connection, first.version, second.version)
    is_comparable = left_out is None
    return {
        "first": first.version,
        "second": second.version,
        **{name: getattr(row, name) for name in names},
        "matured": row.matured if is_comparable else 0,
        "errors": errors if is_comparable and row.matured else None,
        "left_out": left_out,
        "lists": told if first.kind == RECOMMEND else None,
        "choices": told if first.kind == POLICY else None,
    }


def _explain_difference(first: Any, second: Any) -> str | None:
    """Why no outcome can judge both; None: it can."""
    if first.kind != second.kind:
        return f"One is a model of the kind {first.kind}, the other {second.kind}: no outcome can judge both."
    if first.horizon_days == second.horizon_days:
        return None
    return (
        f"One speaks of {first.horizon_days} days ahead, the other of {second.horizon_days}: their risks are of"
        " different things, and no outcome can judge both."
    )
