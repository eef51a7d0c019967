"""What libraries log goes out as ours does: a JSON line, and nothing of what they quote."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import asyncio, gc
from app.foundation.logs import configure_logs

async def fail():
    raise ValueError("Kanarienvogel")

async def main():
    configure_logs("INFO")
    task = asyncio.create_task(fail(), name="a task")
    await asyncio.sleep(0)
    del task  # nobody has looked at its exception: asyncio tells, and quotes it in a second line
    gc.collect()
    asyncio.get_running_loop().call_soon(int, "Kanarienvogel")
    await asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_library_that_quotes_an_error_is_kept_to_its_first_line():
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    unlooked, called = map(json.loads, run.stderr.splitlines())
    assert unlooked["event"] == "Task exception was never retrieved"
    assert called["event"] == "Exception in callback int"
    for told in (unlooked, called):
        assert told["exception"].splitlines()[-1] == "ValueError"
    assert "Kanarienvogel" not in run.stderr
