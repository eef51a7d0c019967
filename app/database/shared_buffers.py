"""How much memory the embedded Postgres keeps of its tables: what its manual advises, and no more than is of use."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

SHARE: Final = 0.25
LEAST_MB, MOST_MB = 64, 2048
"""The most is what the events of a large shop touch again and again."""
LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's memory is limited."""


def shared_buffers() -> str:
    """The setting of that name: a share of the machine's memory, or of what its container may use."""
    memory = psutil.virtual_memory().total
    for path in LIMITS:
        with suppress(OSError, ValueError):  # there is no such file, or it says that there is no limit
            memory = min(memory, int(path.read_text()))
    megabytes = int(memory * SHARE) >> 20
    return f"{min(max(megabytes, LEAST_MB), MOST_MB)}MB"
