"""What libraries log goes out as ours does: a JSON line, and nothing of what they quote."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import asyncio, gc
from app.telemetry import configure_logs

async def fail():
    raise ValueError("Kanarienvogel")

async def main():
    configure_logs("INFO")
    task = asyncio.create_task(fail(), name="a task")
    await asyncio.sleep(0)
    del task  # nobody has looked at its exception: asyncio tells, and quotes it in a second line
    gc.collect()

asyncio.run(main())
"""


def test_a_library_that_quotes_an_error_is_kept_to_its_first_line():
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = run.stderr.splitlines()
    told = json.loads(line)
    assert told["event"] == "Task exception was never retrieved"
    assert told["exception"].splitlines()[-1] == "ValueError"
    assert "Kanarienvogel" not in line
