"""The `perennial` command."""

import signal
import subprocess
import sys

import typer

from app.commands import evaluation, importing, keys, models, monitoring, scores, serving, stages, states
from app.commands.progress import say
from app.foundation.errors import Problem, Refusal

app = typer.Typer(
    name="perennial",
    help="Customers who come back: events in; stage, churn risk, value and next best action out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (serving, importing, states, stages, models, scores, monitoring):
    app.add_typer(group.commands)
app.add_typer(keys.commands, name="keys")
app.add_typer(evaluation.commands, name="evaluate")


def main() -> None:
    """Entry point: what can be said in a sentence is, without a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leave through the blocks that clean up
    try:
        app()
    except (Problem, Refusal) as error:
        say(f"perennial: {error}")
        sys.exit(2)
    except subprocess.CalledProcessError as error:  # it has said why
        sys.exit(error.returncode)
