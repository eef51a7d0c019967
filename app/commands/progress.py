"""What the command line says while it works. Standard output is left to results."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LINE_SECONDS = 5.0


def say(sentence: str) -> None:
    """A line for the person at the terminal."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def counting(task: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, else a line every few seconds. Call it with what is done, and of how much."""
    if not sys.stderr.isatty():
        yield _lines(task)
        return
    from rich.console import Console  # a server has no terminal, and does without
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(task, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _lines(task: str) -> Callable[[int, int | None], None]:
    reported_at = time.monotonic()

    def report(done: int, total: int | None) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= _LINE_SECONDS:
            reported_at = time.monotonic()
            say(f"{task}: {done:,}" + (f" of {total:,}" if total else ""))

    return report
