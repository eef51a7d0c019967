"""Receipts → the actions as they were when it was decided."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.catalogue_queries import read_definitions, read_numbers

Json = Mapping[str, Any]


async def tell_actions(connection: AsyncConnection, receipts: Sequence[Json]) -> list[dict[str, Any]]:
    """Of each receipt: `action_versions` of the actions that were weighed, and `definitions` of those chosen.

    Neither of receipts of before versions.
    """
    weighed = {action_id for receipt in receipts for action_id in _weighed(receipt)}
    numbers = await read_numbers(connection, weighed)
    versions = [_versions(receipt, numbers) for receipt in receipts]
    chosen = [
        {action_id: told[action_id] for action_id in receipt["selection_probabilities"] if action_id in told}
        for receipt, told in zip(receipts, versions, strict=True)
    ]
    definitions = await read_definitions(connection, {each for told in chosen for each in told.values()})
    return [
        {
            "action_versions": told,
            "definitions": {action_id: definitions.get(version) for action_id, version in picked.items()},
        }
        for told, picked in zip(versions, chosen, strict=True)
    ]


def _weighed(receipt: Json) -> set[str]:
    return {*receipt["expected_values"], *receipt["suppressed"]}


def _versions(receipt: Json, numbers: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Action → the greatest of its numbers that is not above the receipt's."""
    at = receipt.get("catalogue_version") or 0
    known = [action_id for action_id in sorted(_weighed(receipt)) if action_id in numbers]
    counts = {action_id: bisect_right(numbers[action_id], at) for action_id in known}
    return {action_id: numbers[action_id][count - 1] for action_id, count in counts.items() if count}
