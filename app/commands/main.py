"""The `perennial` command."""

import signal
import subprocess
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from app.commands.progress import say
from app.foundation.errors import Problem, Refusal

MODULES: Final = {
    **dict.fromkeys(("run", "demo", "serve", "migrate"), "serving"),
    "import": "importing",
    "import-items": "items",
    **dict.fromkeys(("verify", "rebuild"), "states"),
    **dict.fromkeys(("sweep", "backfill"), "stages"),
    **dict.fromkeys(("train", "retrain", "models"), "models"),
    "score": "scores",
    **dict.fromkeys(("monitor", "watch"), "monitoring"),
    "compare-offers": "offers",
    "audit": "audit",
    "keys": "keys",
    "roles": "roles",
    **dict.fromkeys(("backup", "restore"), "backups"),
    **dict.fromkeys(("export-customer", "erase", "hash-ids"), "persons"),
    "identity-key": "identity",
    "retain": "retention",
    "evaluate": "sentiment",
    "report": "reports",
}
"""Command → module of this package, in the order of the help."""


class Commands(TyperGroup):
    """Loads the module of the command that is called, and all for the help alone: an import needs no web framework."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as its base
        """Their names, in the order of the help."""
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as its base
        """The command of that name; None: there is none."""
        if cmd_name not in MODULES:
            return None
        group = typer.main.get_group(import_module(f"app.commands.{MODULES[cmd_name]}").commands)
        return group.commands.get(cmd_name, group)


app = typer.Typer(
    name="perennial",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def perennial() -> None:
    """Customers who come back: events in; stage, churn risk, value and next best action out."""


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
