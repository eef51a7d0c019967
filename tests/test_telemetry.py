"""Request ids and logs: every answer can be found again, and no log line says who the customer was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = """
import asyncio, json, logging, sys
import httpx, uvicorn
from app.config import Settings
from app.main import create_app
from app.telemetry import configure_logs, log

async def main():
    configure_logs("INFO")
    logging.getLogger("httpx").setLevel("WARNING")
    app = create_app(Settings(identity_key="tests"), "postgresql://nobody@/none?host=/nowhere")

    @app.get("/v1/customers/{customer_id}/fail")
    async def fail(customer_id: str):
        log.info("inside.the.request")
        raise RuntimeError("a defect")

    app.router.routes.insert(0, app.router.routes.pop())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    answers = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for path, headers in json.load(sys.stdin):
            response = await client.get(path, headers=headers)
            answers.append([response.status_code, dict(response.headers), response.text])
    server.should_exit = True
    await serving
    print(json.dumps(answers))

asyncio.run(main())
"""
REQUESTS = [
    ("/livez", {}),
    ("/livez", {"x-request-id": "till-3.000_1"}),
    ("/livez", {"x-request-id": "no good"}),
    ("/livez", {"x-request-id": "x" * 129}),
    ("/nowhere/Kanarienvogel", {}),
    ("/v1/customers/Kanarienvogel/fail?phone=13800138000", {"x-request-id": "find-me"}),
]


@pytest.fixture(scope="module")
def run():
    """Answers and log lines of a process that logs as production does."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(REQUESTS),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(process.stdout), [json.loads(line) for line in process.stderr.splitlines()]


def request_ids(run):
    return [headers.get("x-request-id") for _, headers, _ in run[0]]


def test_every_answer_carries_a_request_id(run):
    ids = request_ids(run)
    assert ids[1] == "till-3.000_1"
    assert ids[5] == "find-me"
    own = [ids[0], ids[2], ids[3], ids[4]]
    assert len(set(own)) == 4
    for request_id in own:
        assert re.fullmatch("[0-9a-f]{32}", request_id)


def test_an_error_of_ours_is_a_problem_that_says_nothing(run):
    code, headers, text = run[0][5]
    assert (code, headers["content-type"]) == (500, "application/problem+json")
    assert json.loads(text)["type"] == "urn:perennial:problem:internal"
    assert "Kanarienvogel" not in text


def test_a_path_that_is_none_is_a_problem(run):
    code, headers, text = run[0][4]
    assert (code, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(text)["type"] == "urn:perennial:problem:not-found"
    assert "Kanarienvogel" not in text


def test_a_failed_request_leaves_a_line_with_its_id_and_route(run):
    (line,) = [line for line in run[1] if line.get("status") == 500]
    assert (line["request_id"], line["level"], line["method"]) == ("find-me", "error", "GET")
    assert line["route"] == "/v1/customers/{customer_id}/fail"
    assert line["elapsed_ms"] >= 0
    assert line["timestamp"].endswith("Z")


def test_the_defect_itself_is_logged_with_the_request_id(run):
    """The problem says so: there is a line with the traceback."""
    traced = [line for line in run[1] if "RuntimeError" in str(line.get("exception", ""))]
    assert [line["request_id"] for line in traced] == ["find-me"]


def test_lines_within_a_request_carry_its_id_and_others_do_not(run):
    by_event = {line["event"]: line for line in run[1]}
    assert by_event["inside.the.request"]["request_id"] == "find-me"
    assert "request_id" not in by_event["service.started"]
    assert "request_id" not in by_event["service.stopped"]


def test_no_line_says_what_was_asked_of_whom(run):
    assert run[1]
    assert "13800138000" not in str(run[1])
    assert "Kanarienvogel" not in str(run[1])


def test_requests_that_went_well_leave_no_line(run):
    of_requests = [line for line in run[1] if "request_id" in line]
    assert {line["request_id"] for line in of_requests} == {"find-me"}


async def test_what_the_database_refuses_is_not_repeated_in_the_error(sql):
    """Tracebacks are logged; parameters are personal data."""
    twice = "INSERT INTO offers SELECT :customer, 'a', 1 FROM (VALUES (1), (2)) AS two"
    with pytest.raises(IntegrityError) as caught:
        await sql.rows(twice, customer="Kanarienvogel")
    assert "Kanarienvogel" not in str(caught.value)
