"""What the command line tells while it works. Standard output is left to results."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(stderr=True, highlight=False)
_LINE_SECONDS = 5.0


def say(sentence: str) -> None:
    """A line for the person at the terminal."""
    console.print(sentence, markup=False, soft_wrap=True)


@contextmanager
def counting(task: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, else a line every few seconds. Call it with what is done so far."""
    if not console.is_terminal:
        yield _lines(task, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda done: progress.update(bar, completed=done)


def _lines(task: str, total: int | None) -> Callable[[int], None]:
    told_at = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _LINE_SECONDS:
            told_at = time.monotonic()
            say(f"{task}: {done:,}" + (f" of {total:,}" if total else ""))

    return tell
