"""Ids in paths: a slash that is part of one is told from those that part a path by being percent-encoded."""

from typing import Final
from urllib.parse import unquote

IDS_UNDER: Final = ("/v1/customers/", "/v1/items/")
"""What follows begins with an id that may hold any character, slashes too."""


def keep_slashes(path: str, raw_path: bytes) -> str:
    """The path percent-decoded but for slashes and percent signs, where it holds an id; else as it is.

    So `/v1/customers/A%2Fscore` does not end in the call `score`. `read_id` decodes what was kept.
    """
    if b"%" not in raw_path or not path.startswith(IDS_UNDER):
        return path
    kept = raw_path.replace(b"%25", b"%2525").replace(b"%2F", b"%252F").replace(b"%2f", b"%252F")
    return unquote(kept.decode("latin-1"))


def read_id(kept: str) -> str:
    """An id as it is in a path that `keep_slashes` made."""
    return kept.replace("%2F", "/").replace("%25", "%")
