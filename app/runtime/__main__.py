"""`python -m app.runtime`: serves the migrated database of PERENNIAL_DATABASE_URL, and loads what that needs alone."""

import signal
import sys

from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.runtime.serving import serve


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise Refusal("Set PERENNIAL_DATABASE_URL, or start with 'perennial serve'.")
    return settings.database_url


def main() -> None:
    """Exits with 2 for what can be said in a sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the server minds it
    try:
        settings = Settings.from_environment()
        url = f"http://{settings.host}:{settings.port}"
        serve(settings, _database_url(settings), lambda: _say(f"Perennial serves on {url}"))
    except Refusal as error:
        _say(f"perennial: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
