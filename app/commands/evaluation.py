"""`perennial evaluate`: how good the scores are on a retailer's own past."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.config import Settings
from app.progress import say

commands = typer.Typer(help="How good the scores are on a file of transactions.", no_args_is_help=True)


@commands.callback()
def evaluate() -> None:
    """How good the scores are on a file of transactions."""


@commands.command(name="churn")
def evaluate_churn_command(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Transactions file")],
    cutoff: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Predict from this day on")],
    horizon: Annotated[int, typer.Option(min=1, max=730, help="Days")] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Churn risk beside the classic models, trained only on what was known at the cut-off."""
    from ml.commands import render_evaluation
    from ml.evaluate import evaluate_churn

    currency = Settings.from_environment().currency
    result = evaluate_churn(data, cutoff.date(), horizon, progress=say, currency=currency)
    print(json.dumps(result, indent=2) if as_json else render_evaluation(result))
