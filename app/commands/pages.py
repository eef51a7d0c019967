"""Reports that commands write."""

from pathlib import Path

from app.commands.progress import say
from app.foundation.errors import Refusal


def check_page(html: Path | None) -> None:
    """Before the work; None: it is not asked for. Raises Refusal where there is no directory for it."""
    if html is not None and not html.resolve().parent.is_dir():
        raise Refusal(f"There is no directory for the report: {html}.")


def write_page(html: Path, content: str | bytes) -> None:
    """Raises Refusal where it cannot be written."""
    try:
        html.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise Refusal(f"The report cannot be written to {html}: {error.strerror}.") from error
    say(f"The report is in {html}.")
