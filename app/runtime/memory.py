"""Memory that was taken and freed is given back to the system: of glibc, elsewhere there is nothing to do."""

import asyncio
import ctypes
import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 640.0
GROWTH_BYTES: Final = 16 * 1024 * 1024
"""Since the start: what is worth to be looked for."""
GAIN_BYTES: Final = 1024 * 1024
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
"""Parameters of mallopt(3)."""
_SETTINGS: Final = ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, 128 * 1024), (_TRIM_THRESHOLD, 1024 * 1024))
"""Few arenas, since threads do little here; large buffers by themselves, so that they go as soon as they are freed:
glibc would raise that bound with each of them."""
_PAGE_BYTES: Final = resource.getpagesize()


def bound_arenas() -> None:
    """Has the allocator keep less of what is freed."""
    set_ = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_ is not None:
        for parameter, value in _SETTINGS:
            set_(parameter, value)


def trim() -> None:
    """Gives back what is free."""
    trim_ = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim_ is not None:
        trim_(0)


def resident_bytes() -> int:
    """What this process holds."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE_BYTES


async def keep_trimmed(look: Callable[[], int] = resident_bytes, give_back: Callable[[], None] = trim) -> None:
    """Gives back what a burst has left, some seconds after it, beside the loop. Until it is cancelled.

    While there is more than at first, and nothing to be given back, it is tried ever less often: a burst may go on, and
    what is held for good is no burst's.
    """
    first, wait_s = look(), LOOK_SECONDS
    while True:
        await asyncio.sleep(wait_s)
        held = look()
        if held <= first + GROWTH_BYTES:
            wait_s = LOOK_SECONDS
            continue
        gc.collect()  # here: what belongs to the loop may be freed by its own thread alone
        await asyncio.to_thread(give_back)
        wait_s = LOOK_SECONDS if look() < held - GAIN_BYTES else min(2 * wait_s, LONGEST_SECONDS)
