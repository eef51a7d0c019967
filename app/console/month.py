"""A month as one page to send on: what was, how customers moved, what worked, what to do next. No script."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncEngine

from app.console.assets import DIRECTORY
from app.console.charts import draw_flows
from app.console.figures import Figure, figure_of
from app.console.formats import Formats
from app.console.rendering import Templates
from app.console.terms import name_term
from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.effects_told import tell_effects
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.kpis.catalogue import KPIS, REASONS
from app.kpis.definitions import Kpi
from app.kpis.periods import Period, begin_us, months_before
from app.kpis.service import Asked, tell_kpis
from app.lifecycle.events import DAY_US
from app.stages.queries import count_moves, read_last_sweep, read_warnings
from app.stages.service import NONE, STAGES, render_flows, render_warning

WARNED_DAYS: Final = 90
SHOWN: Final = 15
EFFECT_MONTHS: Final = 3
"""Decisions of so many months that end with the month are compared: of one alone few differences are certain."""
_SLID: Final = ("declining", "lost")


class Advice(NamedTuple):
    """What to do next: the sentence `month.do.{name}`, with what belongs in its places."""

    name: str
    values: Mapping[str, str]


class MonthRead(NamedTuple):
    """What the report tells, as the API tells it. `warnings` are of now, most expected loss first."""

    period: Period
    kpis: Mapping[str, Any]
    flows: Mapping[str, Any]
    warnings: Sequence[Mapping[str, Any]]
    swept_at: str | None
    effects: Mapping[str, Any]
    titles: Mapping[str, Mapping[str, str]]

    @property
    def customer_ids(self) -> list[str]:
        """Of whom it tells."""
        return [each["customer_id"] for each in self.warnings]


async def read_month(engine: AsyncEngine, period: Period, settings: Settings, now_us: int) -> MonthRead:
    """`period`: a month, or its days until now."""
    from_us, until_us = (min(begin_us(day, settings.time_zone), now_us) for day in period)
    async with transaction(engine) as connection:
        kpis = await tell_kpis(connection, Asked(period, "all", settings.week_start), settings, now_us)
    async with transaction(engine) as connection:
        flows = render_flows(await count_moves(connection, from_us, until_us), from_us, until_us)
        warned = await read_warnings(connection, now_us - WARNED_DAYS * DAY_US, None, SHOWN)
        swept, catalogue = await read_last_sweep(connection), await read_catalogue(connection)
    async with transaction(engine) as connection:
        since_us = begin_us(months_before(period.first, EFFECT_MONTHS - 1), settings.time_zone)
        effects = await tell_effects(connection, since_us, until_us, settings, now_us)
    return MonthRead(
        period,
        kpis["rows"][0],
        flows,
        [render_warning(row, settings.digits) for row in warned],
        None if swept is None else iso(swept.as_of_us),
        effects,
        {action.action_id: action.title.model_dump() for action in catalogue.actions},
    )


async def render_month(read: MonthRead, formats: Formats) -> str:
    """The page as HTML, in the language of the formats."""
    place = 0 if formats.language == "en" else 1
    figures = {kpi.name: (kpi, figure_of(kpi.unit, kpi.better, read.kpis["kpis"][kpi.name])) for kpi in KPIS}
    titles = {name: title[formats.language] for name, title in read.titles.items()}
    return await Templates().render(
        "month.html",
        formats,
        {
            "read": read,
            "rows": list(figures.values()),
            "style": Markup((DIRECTORY / "console.css").read_text()),  # noqa: S704 - our own
            "reasons": {reason: both[place] for reason, both in REASONS.items()},
            "flows": draw_flows(read.flows["flows"], (NONE, *STAGES)),
            "known": sum(each["customers_from"] + each["customers_to"] for each in read.flows["stages"]),
            "titles": titles,
            "advice": list(advise(read, figures, titles, formats)),
            "days": WARNED_DAYS,
        },
    )


def advise(
    read: MonthRead, figures: Mapping[str, tuple[Kpi, Figure]], titles: Mapping[str, str], formats: Formats
) -> Iterator[Advice]:
    """What the figures ask for, the most urgent first."""
    if read.warnings:
        loss = sum(each["expected_loss"] for each in read.warnings)
        yield Advice("look_after", {"n": formats.number(len(read.warnings)), "loss": formats.money(loss)})
    _, retention = figures["crr"]
    if retention.change is not None and retention.change < 0:
        yield Advice("retention", {"change": formats.points(retention.change)})
    slid = [each for each in read.flows["flows"] if each["to"] in _SLID and each["from"] not in (NONE, *_SLID)]
    if slid:
        most = max(slid, key=lambda each: each["customers"])
        n = formats.number(sum(each["customers"] for each in slid))
        yield Advice("slid", {"n": n, "stage": name_term(formats.language, "stage", most["from"])})
    yield from _advise_on_actions(read.effects, titles, formats)
    for name, reason in (("cac", "no_costs"), ("csat", "no_answers")):
        if figures[name][1].value["reason"] == reason:
            yield Advice(reason, {})


def _advise_on_actions(effects: Mapping[str, Any], titles: Mapping[str, str], formats: Formats) -> Iterator[Advice]:
    """On what is certain at 95 %; of the rest how many there are."""
    if effects["warnings"]:
        yield Advice("mismatch", {})
        return
    if not effects["actions"]:
        yield Advice("decide", {})
        return
    unsure = 0
    for each in effects["actions"]:
        worth = each["value_uplift"]
        if worth is None or worth["low"] <= 0 <= worth["high"]:
            unsure += 1
            continue
        values = {
            "action": titles.get(each["action_id"], each["action_id"]),
            "stage": name_term(formats.language, "stage", each["stage"]),
            "channel": name_term(formats.language, "channel", each["channel"]),
            **{name: formats.money(value) for name, value in worth.items()},
        }
        yield Advice("keep" if worth["low"] > 0 else "stop", values)
    if unsure:
        yield Advice("unsure", {"n": formats.number(unsure)})
