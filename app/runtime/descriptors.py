"""File descriptors: how many this process may open, and whether there are any left."""

import errno
import os
import resource
from typing import Final

RESERVED: Final = 128
"""For the database, files, models, logs and the listening socket: what is not a client's connection."""
FEWEST: Final = 16
"""Connections that are let in however few descriptors there are."""


def raise_limit() -> int:
    """Takes as many as the system allows at most, and says how many these are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def room_for_connections(wanted: int, limit: int) -> int:
    """How many clients' connections there may be at once."""
    return max(FEWEST, min(wanted, limit - RESERVED))


def are_left() -> bool:
    """Whether another one can be had. A listening socket that gets none resets whoever comes, and tells nobody."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        return False
    return True
