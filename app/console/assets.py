"""What pages are drawn with: script, style and picture, in memory, at addresses that change with their bytes.

htmx is the file of its package, unchanged; its licence lies beside it, and its digest here.
"""

from pathlib import Path
from typing import Final, NamedTuple

from app.http.documents import Document

DIRECTORY: Final = Path(__file__).parent / "static"
HTMX_VERSION: Final = "2.0.11"
HTMX_SHA256: Final = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of `dist/htmx.min.js` in the npm package htmx.org."""
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file, and where it is found."""

    url: str
    document: Document


def load_assets() -> dict[str, Asset]:
    """By the name of the file."""
    return {path.name: _load(path) for path in sorted(DIRECTORY.iterdir()) if path.suffix in _TYPES}


def _load(path: Path) -> Asset:
    document = Document.of(_TYPES[path.suffix], path.read_bytes())
    digest = document.etag.decode().strip('W/"')[:12]
    return Asset(f"/console/static/{path.stem}.{digest}{path.suffix}", document)
