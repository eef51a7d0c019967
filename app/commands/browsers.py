"""Pictures of pages, by a Chromium of this machine."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from app.commands.pages import write_page
from app.foundation.errors import Refusal

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTH: Final = 1200
MOST_HEIGHT: Final = 16_000
PATIENCE_S: Final = 120
_MEASURE: Final = "<script>document.documentElement.dataset.height=document.documentElement.scrollHeight</script>"
_HEIGHT: Final = re.compile(r'<html[^>]* data-height="(\d+)"')


def find_browser() -> str:
    """Raises Refusal where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise Refusal("--png needs Chromium, and there is none: install it, or write --html and print that.")
    return found


def take_picture(browser: str, page: str, png: Path) -> None:
    """As high as the page is, up to MOST_HEIGHT. Asks no other host for anything. Raises Refusal."""
    with tempfile.TemporaryDirectory(prefix="perennial-") as name:
        place = Path(name)
        shown, measured, taken = place / "page.html", place / "measured.html", place / "page.png"
        shown.write_text(page, encoding="utf-8")
        measured.write_text(page.replace("</body>", f"{_MEASURE}</body>"), encoding="utf-8")
        told = _HEIGHT.search(_run(browser, place, f"--window-size={WIDTH},800", "--dump-dom", measured.as_uri()))
        height = min(int(told[1]), MOST_HEIGHT) if told else MOST_HEIGHT
        _run(browser, place, f"--window-size={WIDTH},{height}", f"--screenshot={taken}", shown.as_uri())
        if not taken.exists():
            raise Refusal("--png: Chromium made no picture: write --html and print that.")
        write_page(png, taken.read_bytes())


def _run(browser: str, place: Path, *words: str) -> str:
    usual = ["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", f"--user-data-dir={place / 'user'}"]
    usual.append("--host-resolver-rules=MAP * ~NOTFOUND")
    if os.geteuid() == 0:  # refuses to start for root otherwise
        usual.append("--no-sandbox")
    try:
        ran = subprocess.run(  # noqa: S603 - a browser that was found, and our own words
            [browser, *usual, *words], capture_output=True, timeout=PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal("--png: Chromium made no picture: write --html and print that.") from error
    return ran.stdout.decode("utf-8", "replace")
