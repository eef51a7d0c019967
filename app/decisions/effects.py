"""Rows of what came of each arm → what actions brought about."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from app.lifecycle.effects import Difference, Group, difference_of_means, difference_of_rates

NOBODY = Group(0, 0, 0.0, 0.0)


class Money(NamedTuple):
    """Minor units in a major one, and what a purchase is worth to the retailer."""

    unit: int
    margin: float


def compare(rows: Sequence[Any], money: Money) -> dict[str, Any]:
    """Of rows of `read_effects`: `actions`, learner against control; `arms`, each against control."""
    cells = [(key, list(mine)) for key, mine in groupby(rows, lambda row: (row.action_id, row.stage, row.channel))]
    return {
        "actions": [_compare_action(key, mine, money) for key, mine in cells if key[0] is not None],
        "arms": [told for key, mine in cells if key[0] is None for told in _compare_arms(mine, money)],
    }


def _group_of(row: Any, money: Money) -> Group:
    """In margin, major units."""
    factor = money.margin / money.unit
    return Group(row.persons, row.buyers, row.value_minor * factor, row.squares * factor**2)


def _compare_action(key: tuple[str, str, str], rows: Sequence[Any], money: Money) -> dict[str, Any]:
    groups = {row.arm: _group_of(row, money) for row in rows}
    treated, control = (groups.get(arm, NOBODY) for arm in ("learner", "control"))
    responses = sum(row.responded for row in rows if row.arm == "learner")
    worth, spent = difference_of_means(treated, control), sum(row.cost for row in rows if row.arm == "learner")
    gained = None if worth is None else Difference(*(each * treated.persons for each in worth))
    return {
        **dict(zip(("action_id", "stage", "channel"), key, strict=True)),
        "treated": _render_group(treated),
        "control": _render_group(control),
        "response_rate": _round(responses / treated.persons) if treated.persons else None,
        "uplift": _render(difference_of_rates(treated, control)),
        "value_uplift": _render(worth),
        "cost": _round(spent),
        "incremental_value": _render(gained),
        "return": None if gained is None or not spent else _round((gained.estimate - spent) / spent),
    }


def _compare_arms(rows: Sequence[Any], money: Money) -> list[dict[str, Any]]:
    groups = {row.arm: _group_of(row, money) for row in rows}
    control = groups.get("control", NOBODY)
    return [
        {
            "arm": arm,
            **_render_group(group),
            "uplift": None if arm == "control" else _render(difference_of_rates(group, control)),
            "value_uplift": None if arm == "control" else _render(difference_of_means(group, control)),
        }
        for arm, group in groups.items()
    ]


def _render_group(group: Group) -> dict[str, Any]:
    return {
        "persons": group.persons,
        "buyers": group.buyers,
        "rate": None if group.rate is None else _round(group.rate),
        "value": None if group.mean is None else _round(group.mean),
    }


def _render(difference: Difference | None) -> dict[str, float] | None:
    return None if difference is None else {name: _round(value) for name, value in difference._asdict().items()}


def _round(value: float) -> float:
    return round(value, 6)
