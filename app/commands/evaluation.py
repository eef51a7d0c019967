"""`perennial evaluate`: how good the scores are on a retailer's own past."""

import asyncio
import json
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.access import database, engine_of
from app.commands.calendar import CalendarOption, name_calendar
from app.commands.file_options import reads_file, refuse_without_file
from app.commands.pages import check_page, write_page
from app.commands.progress import say
from app.foundation.settings import Calendar, Settings
from app.lifecycle.targets import TARGETS, Target

if TYPE_CHECKING:
    from ml.data.file_reading import FileReading

commands = typer.Typer(
    name="evaluate",
    help="How good the scores are on a file of transactions, beside the classic models.",
    no_args_is_help=True,
)


class Cutoffs(StrEnum):
    """One cut-off, or the same day of every earlier month too."""

    ONE = "one"
    MONTHLY = "monthly"


Data = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Transactions file")]
Cutoff = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Predict from this day on (default: the last that can be judged)"),
]
Horizon = Annotated[int, typer.Option(min=1, max=730, help="Days")]
Rolling = Annotated[Cutoffs, typer.Option("--cutoffs", help="'monthly': the same day of the earlier months too")]
Page = Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a report with pictures")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
StatesBy = Annotated[str, typer.Option("--engine", help="What makes states of events: duckdb or spark")]


@commands.callback()
def evaluate_callback() -> None:
    """How good the scores are on a file of transactions, beside the classic models."""


def _offer(target: Target) -> None:
    """Adds the command of a target."""
    promise = f"{target.summary}, learnt from nothing but what was known at the cut-off."

    @commands.command(name=target.name, help=promise)
    @reads_file
    def evaluate_target(
        data: Data,
        cutoff: Cutoff = None,
        horizon: Horizon = 90,
        cutoffs: Rolling = Cutoffs.ONE,
        html: Page = None,
        as_json: AsJson = False,
        states_by: StatesBy = "duckdb",
        calendar: CalendarOption = None,
        *,
        reading: "FileReading",
    ) -> None:
        day = None if cutoff is None else cutoff.date()
        _evaluate(
            target.name, data, day, horizon, cutoffs is Cutoffs.MONTHLY, html, as_json, reading, states_by, calendar
        )


def _evaluate(
    target: str,
    data: Path,
    cutoff: date | None,
    horizon_days: int,
    monthly: bool,
    html: Path | None,
    as_json: bool,
    reading: "FileReading",
    states_by: str,
    calendar: Calendar | None,
) -> None:
    from ml.data.engines import open_engine
    from ml.evaluation.evaluating import evaluate
    from ml.evaluation.figures import render_figures
    from ml.report.page import render_report

    settings = name_calendar(Settings.from_environment(), calendar)
    check_page(html)
    with open_engine(states_by, settings.spark_master, settings.spark_directory) as engine:
        evaluation = evaluate(
            data,
            target,
            cutoff,
            horizon_days,
            cutoffs="monthly" if monthly else "one" if html is None else "levels",
            progress=say,
            currency=settings.currency,
            reading=reading,
            policy=settings.stages,
            take=engine.take,
            calendar=settings.calendar,
        )
    print(json.dumps(evaluation.result, indent=2) if as_json else render_figures(evaluation.result), flush=True)
    if html is not None:
        write_page(html, render_report(evaluation, settings.currency))


for each in TARGETS:
    _offer(each)


@commands.command(name="replenishment")
@reads_file
def evaluate_due_items(
    data: Data,
    cutoff: Cutoff = None,
    horizon: Annotated[int, typer.Option(min=1, max=90, help="Days within which an item is due")] = 7,
    number: Annotated[int, typer.Option("--number", min=1, max=12, help="Cut-offs, 28 days apart")] = 1,
    as_json: AsJson = False,
    *,
    reading: "FileReading",
) -> None:
    """Whether items that are called due are bought, by what was said, beside silence, gap ratios and popularity."""
    from ml.evaluation.figures import render_replenishment
    from ml.evaluation.replenishment import evaluate_replenishment

    day = None if cutoff is None else cutoff.date()
    currency = Settings.from_environment().currency
    result = evaluate_replenishment(
        data, day, horizon_days=horizon, cutoffs=number, reading=reading, currency=currency, say=say
    )
    print(json.dumps(result, indent=2) if as_json else render_replenishment(result), flush=True)


@commands.command(name="prospects")
@reads_file
def evaluate_first_orders(
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Transactions file (default: the database)")
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Judge by the demo shop's events")] = False,
    horizon: Horizon = 90,
    number: Annotated[int, typer.Option("--number", min=1, max=12, help="Cut-offs, 28 days apart")] = 6,
    as_json: AsJson = False,
    *,
    reading: "FileReading",
) -> None:
    """Who of those that never bought ordered, and proved one of the best, beside recency and activity alone."""
    from ml.data.histories import read_history
    from ml.evaluation.figures import render_prospects
    from ml.evaluation.prospects import evaluate_prospects
    from ml.training.commands import evaluate_prospects_in_database

    async def work(url: str) -> dict[str, Any]:
        async with engine_of(url) as engine:
            return await evaluate_prospects_in_database(engine, simulated, horizon, number)

    refuse_without_file(data, reading)
    if data is None:
        with database() as (_, url):
            result = asyncio.run(work(url))
    else:
        currency = Settings.from_environment().currency
        events = read_history(data, source="evaluation", currency=currency, reading=reading, say=say)
        result = evaluate_prospects(events, horizon, number)
    print(json.dumps(result, indent=2) if as_json else render_prospects(result), flush=True)


@commands.command(name="demand")
@reads_file
def evaluate_units(
    data: Data,
    horizon: Annotated[int, typer.Option(min=1, max=90, help="Days whose units are foretold")] = 7,
    number: Annotated[int, typer.Option("--number", min=1, max=26, help="Cut-offs, 28 days apart")] = 6,
    as_json: AsJson = False,
    *,
    reading: "FileReading",
) -> None:
    """Units of items in the days that come, beside the same weekdays of late, four weeks' mean and last year."""
    from ml.evaluation.demand import evaluate_demand
    from ml.evaluation.figures import render_demand

    currency = Settings.from_environment().currency
    result = evaluate_demand(data, horizon_days=horizon, cutoffs=number, reading=reading, currency=currency, say=say)
    print(json.dumps(result, indent=2) if as_json else render_demand(result), flush=True)


@commands.command(name="discounts")
@reads_file
def evaluate_habits(
    data: Data,
    below_usual: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.9, help="Prices by this share below the item's median count as on discount"),
    ] = None,
    as_json: AsJson = False,
    *,
    reading: "FileReading",
) -> None:
    """Whether who buys on discount in one half-year does so in the next: what offers go by."""
    from ml.evaluation.discounts import evaluate_discounts
    from ml.evaluation.figures import render_discounts

    currency = Settings.from_environment().currency
    result = evaluate_discounts(data, below_usual, reading=reading, currency=currency, say=say)
    print(json.dumps(result, indent=2) if as_json else render_discounts(result), flush=True)


@commands.command(name="baskets")
@reads_file
def evaluate_next_baskets(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Baskets, or transactions with items")],
    targets: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Next baskets: their customers are the test")
    ] = None,
    cutoff: Cutoff = None,
    horizon: Annotated[int, typer.Option(min=1, max=365, help="Days in which the next basket counts")] = 30,
    html: Page = None,
    as_json: AsJson = False,
    *,
    reading: "FileReading",
) -> None:
    """What customers buy next, item by item, beside rules and published methods."""
    from ml.evaluation.baskets import evaluate_baskets
    from ml.evaluation.figures import render_baskets
    from ml.report.baskets_page import render_baskets_report

    check_page(html)
    day = None if cutoff is None else cutoff.date()
    currency = Settings.from_environment().currency
    result = evaluate_baskets(
        data, targets, cutoff=day, horizon_days=horizon, reading=reading, currency=currency, say=say
    )
    print(json.dumps(result, indent=2) if as_json else render_baskets(result), flush=True)
    if html is not None:
        write_page(html, render_baskets_report(result))


@commands.command(name="uplift")
def evaluate_treatment(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A trial: rows whose treatment was drawn")],
    treatment: Annotated[str, typer.Option(help="Column that says what each was given")],
    control: Annotated[str, typer.Option(help="Its value where nothing was given")],
    outcome: Annotated[str, typer.Option(help="Column of what came: 0 and 1, or an amount")],
    test: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Judge on these rows (default: on half of the data)"),
    ] = None,
    treated: Annotated[
        list[str], typer.Option(help="A value that counts as treated; repeat it (default: every other one)")
    ] = [],  # noqa: B006
    ignore: Annotated[str, typer.Option(help="Columns that are no features, parted by commas")] = "",
    as_json: AsJson = False,
) -> None:
    """Whom a treatment moves, learned from a trial, beside who responds and chance; and the best arm for each."""
    from ml.data.trials import TrialColumns
    from ml.evaluation.figures import render_uplift
    from ml.evaluation.uplift import evaluate_uplift, load_halves

    ignored = [name.strip() for name in ignore.split(",") if name.strip()]
    result = evaluate_uplift(*load_halves(data, test, TrialColumns(treatment, control, outcome, treated, ignored)))
    print(json.dumps(result, indent=2) if as_json else render_uplift(result), flush=True)


@commands.command(name="test")
def evaluate_test(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A row for each customer of the test")],
    treatment: Annotated[str, typer.Option(help="Column that says which side each was on")],
    control: Annotated[str, typer.Option(help="Its value of the control")],
    outcome: Annotated[str, typer.Option(help="Column of what came: 0 and 1, or an amount")],
    effect: Annotated[float, typer.Option(min=1e-9, help="The difference that is looked for, told before the test")],
    treated: Annotated[str | None, typer.Option(help="Its value of the other side, where there are several")] = None,
    covariate: Annotated[str | None, typer.Option(help="Column known before, that explains outcomes (CUPED)")] = None,
    per: Annotated[str | None, typer.Option(help="Column that outcomes are counted by, as orders of spend")] = None,
    share: Annotated[float, typer.Option(min=0.001, max=0.999, help="Of customers, meant for the control")] = 0.5,
    as_json: AsJson = False,
) -> None:
    """An A/B test, read at its end and at any time: the difference, its intervals, and whether sides are as meant."""
    from ml.data.trials import TrialColumns, load_trial
    from ml.evaluation.ab import read_test
    from ml.evaluation.figures import render_test

    trial = load_trial(data, TrialColumns(treatment, control, outcome, [treated] if treated else []))
    result = read_test(trial, effect, covariate, per, share)
    print(json.dumps(result, indent=2) if as_json else render_test(result), flush=True)
