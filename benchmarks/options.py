"""What the benchmarks' command lines have in common."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.systems import Plan

MODELS: Final = Path("var/models")
TABLE_WIDTH: Final = 120


def make_parser(name: str, sentence: str, *, rounds: int = 3) -> argparse.ArgumentParser:
    """A parser that knows --rounds, --database-url and --json."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=sentence.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--database-url", help="a Postgres to make databases in; without it an embedded one")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    return parser


def add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", type=Path, help=f"artefacts to score with; by default {MODELS} if it is there")


def add_seconds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=5.0, help="measured, for each system in each round")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before them, not measured")


def chosen_models(arguments: argparse.Namespace) -> Path | None:
    """The directory of artefacts that was named, or the installation's; None: there is none."""
    return arguments.models or (MODELS if MODELS.is_dir() else None)


def plan_of(arguments: argparse.Namespace, connections: tuple[int, ...], statement: str | None = None) -> Plan:
    return Plan(
        systems=(),
        connections=connections,
        rounds=arguments.rounds,
        seconds=getattr(arguments, "seconds", 0.0),
        warm_up_s=getattr(arguments, "warm_up", 0.0),
        statement=statement,
        models=chosen_models(arguments),
    )


def open_console() -> Console:
    """A wide one; and from here on SIGTERM ends the run as an exit does, which stops the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return Console(width=max(TABLE_WIDTH, Console().width), highlight=False)
