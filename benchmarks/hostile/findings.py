"""What a scenario came to, beside what must hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure of a scenario: what was seen, what must hold, and whether it does."""

    scenario: str
    figure: str
    seen: float
    bound: float
    at_least: bool = False
    """Whether the bound is the least that it may be; else it is the most."""
    of_speed: bool = False
    """Whether a machine that does other things beside may break it: a short run does not judge it."""

    @property
    def holds(self) -> bool:
        return self.seen >= self.bound if self.at_least else self.seen <= self.bound

    @property
    def claim(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def finding_table(found: Sequence[Finding]) -> Table:
    """A row a finding."""
    table = Table(title="hostile and slow clients", title_justify="left")
    for column in ("scenario", "figure"):
        table.add_column(column, no_wrap=True)
    for column in ("seen", "must be", ""):
        table.add_column(column, justify="right")
    for each in found:
        row = (each.scenario, each.figure, f"{each.seen:.3g}", each.claim, "" if each.holds else "BROKEN")
        table.add_row(*row)
    return table
