"""Whether the model of recommendations is as good as it says: what it called due, against what came; and how often
its lists hold something of the next basket, against what training said.

Once a period, over all processes, the last four weeks whose seven days have passed are judged, and a report is kept.
"""

import time
from collections.abc import Mapping, Sequence
from math import pi, sqrt
from statistics import fmean, stdev
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import run_periodically
from app.database.engine import alone, transaction
from app.lifecycle.events import DAY_US
from app.models import queries as registry
from app.models.kinds import RECOMMEND
from app.recommendations.due_queries import TENTHS, WEEK_US, read_due_that_came
from app.recommendations.watch_queries import LISTED, Came, read_given, read_shadowed

WATCH_LOCK: Final = 0x72656377  # "recw": one look at a time, however many replicas run
SPAN_US: Final = 28 * DAY_US
HOUR_US: Final = 3_600_000_000
DUE: Final = "due"
BASKETS: Final = "baskets"
SHADOW: Final = "shadow"

GREAT_ERROR: Final = 0.05
"""Probabilities that are so wrong on average, by tenths of what was said, are not to be shown as such."""
BEYOND_CHANCE: Final = 2.0
"""An error counts from so many times on what chance alone would make of right probabilities."""
GREAT_FALL: Final = 0.7
"""Of the hit rate that training said: lists of a shop leave out what is not in stock and what rules hide, and judge
those who come back within a week. Below that share they are worse than that explains."""
FEWEST_JUDGED: Final = 100
_ERRORS: Final = 2.0
"""Standard errors by which it lies below."""


class Watched(NamedTuple):
    """The version that was looked at, and its reports by their kind."""

    version: str
    reports: Mapping[str, Mapping[str, Any]]


async def watch(engine: AsyncEngine, now_us: int, every_us: int = 0) -> Watched | None:
    """Judges the champion as of `now_us`, unless another process does, it was since the last multiple of `every_us`, or
    there is none."""
    async with alone(engine, WATCH_LOCK) as driver, transaction(engine) as connection:
        champion = await registry.read_champion(connection, RECOMMEND)
        if driver is None or champion is None:
            return None
        last = (await registry.read_latest(connection, RECOMMEND, "champion")).get(DUE)
        if every_us and last is not None and last.at_us >= now_us // every_us * every_us:
            return None
        to_us = now_us - WEEK_US
        from_us = to_us - SPAN_US
        due = measure_due(await read_due_that_came(connection, from_us, to_us, now_us, champion.version))
        baskets = measure_hits(await read_given(connection, champion.version, from_us, to_us))
        reports = {DUE: due, BASKETS: {**baskets, "trained": _what_training_said(champion.metrics)}}
        for kind, report in reports.items():
            await registry.write_report(connection, champion.version, kind, now_us, report)
        challenger = await _find_challenger(connection)
        if challenger is not None:
            both = await read_shadowed(connection, champion.version, challenger, from_us, to_us)
            if both:
                reports[SHADOW] = measure_shadow(both, champion.version, challenger)
                await registry.write_report(connection, challenger, SHADOW, now_us, reports[SHADOW])
    return Watched(champion.version, reports)


async def _find_challenger(connection: AsyncConnection) -> str | None:
    active = await registry.read_active_models(connection)
    return next((row.version for row in active if (row.kind, row.state) == (RECOMMEND, "challenger")), None)


async def keep_watching(engine: AsyncEngine, every_hours: int) -> None:
    """Watches for ever, once in so many hours over all processes together; whichever looks first."""

    async def watch_if_due() -> Mapping[str, Any] | None:
        found = await watch(engine, time.time_ns() // 1000, every_hours * HOUR_US)
        if found is None:
            return None
        due, baskets = (found.reports[kind] for kind in (DUE, BASKETS))
        return {"version": found.version, "due": due["items"], "baskets": baskets["recommendations"]}

    await run_periodically("watching", every_hours * 3600.0, watch_if_due)


def measure_hits(came: Sequence[Came]) -> dict[str, Any]:
    """Of lists whose customer came back: how many; of the next basket the mean share that was among the first ten, and
    how often any was. None: of none."""
    met = [(each.shown, each.bought) for each in came if each.bought is not None]
    shares = [share_of(shown, bought) for shown, bought in met]
    return {
        "recommendations": len(met),
        "recall_at_10": fmean(shares) if met else None,
        "phr_at_10": fmean(share > 0 for share in shares) if met else None,
    }


def share_of(shown: Sequence[str], bought: Sequence[str]) -> float:
    """Of a basket, what was among the first ten."""
    return len(set(bought) & set(shown[:LISTED])) / len(set(bought))


def measure_shadow(came: Sequence[Came], champion: str, challenger: str) -> dict[str, Any]:
    """The report of n ≥ 1 lists and what the challenger would have shown in their place.

    `agreement_at_10`: of the first ten of the longer list, what is in both; `lead`: of the challenger, in the mean, on
    the same baskets, with a standard error. None: of none, or a single one.
    """
    pairs = [(each.shown[:LISTED], (each.instead or ())[:LISTED]) for each in came]
    judged = [each for each in came if each.bought is not None]
    lists = {champion: [each.shown for each in judged], challenger: [each.instead or () for each in judged]}
    baskets = [each.bought or () for each in judged]
    shares = {name: list(map(share_of, shown, baskets)) for name, shown in lists.items()}
    leads = [theirs - ours for ours, theirs in zip(shares[champion], shares[challenger], strict=True)]
    return {
        "champion": champion,
        "challenger": challenger,
        "lists": len(came),
        "agreement_at_10": fmean(len({*one} & {*other}) / max(len(one), len(other), 1) for one, other in pairs),
        "same_first": fmean(one[:1] == other[:1] for one, other in pairs),
        "judged": len(judged),
        "recall_at_10": {name: fmean(each) for name, each in shares.items()} if judged else None,
        "phr_at_10": {name: fmean(share > 0 for share in each) for name, each in shares.items()} if judged else None,
        "lead": {
            "recall_at_10": fmean(leads) if judged else None,
            "standard_error": stdev(leads) / sqrt(len(leads)) if len(leads) > 1 else None,
        },
    }


def measure_due(rows: Sequence[Any]) -> dict[str, Any]:
    """The report of rows of `read_due_that_came`. Its errors are weighed by items: |said − bought| of each tenth, and
    what is expected of it where all is right (√(2/π) standard deviations). None: nothing was called due."""
    tenths = [
        {
            "said_from": row.tenth / TENTHS,
            "said_to": (row.tenth + 1) / TENTHS,
            "items": row.number,
            "said": row.said,
            "bought": row.bought / row.number,
        }
        for row in rows
    ]
    items = sum(row.number for row in rows)
    missed = sum(abs(row.said * row.number - row.bought) for row in rows)
    chance = sum(sqrt(2 / pi * row.number * row.said * (1 - row.said)) for row in rows)
    return {
        "items": items,
        "said": sum(row.said * row.number for row in rows) / items if items else None,
        "bought": sum(row.bought for row in rows) / items if items else None,
        "ece": missed / items if items else None,
        "ece_by_chance": chance / items if items else None,
        "tenths": tenths,
    }


def _what_training_said(metrics: Mapping[str, Any]) -> dict[str, float] | None:
    """Of the hold-out; None: a model of before has none."""
    said = metrics.get("next_basket", {}).get("models", {}).get("perennial")
    return None if said is None else {name: float(said[name]) for name in ("recall_at_10", "phr_at_10")}


def is_miscalibrated(due: Mapping[str, Any]) -> bool:
    """Whether what was called due was wrong by more than is tolerable, and than chance explains."""
    return due["ece"] is not None and bool(due["ece"] > max(GREAT_ERROR, BEYOND_CHANCE * due["ece_by_chance"]))


def has_fallen(baskets: Mapping[str, Any]) -> bool:
    """Whether lists hit less often than training said, by more than is tolerable, and than chance explains."""
    trained, number = baskets["trained"], baskets["recommendations"]
    if trained is None or number < FEWEST_JUDGED:
        return False
    said, came = trained["phr_at_10"], baskets["phr_at_10"]
    by_chance = _ERRORS * sqrt(said * (1.0 - said) / number)
    return bool(came < min(GREAT_FALL * said, said - by_chance))
