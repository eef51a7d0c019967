"""Request ids and logs: every answer can be found again, and no log line says who the customer was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest
from asyncpg import UniqueViolationError
from sqlalchemy.exc import IntegrityError

from app.foundation import tracing
from app.foundation.errors import NotReady
from app.foundation.logs import render_exception
from app.foundation.tracing import read_traceparent

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import asyncio, json, logging, sys
import httpx, uvicorn
from app.foundation.settings import Settings
from app.runtime.main import create_app
from app.foundation.logs import configure_logs, log

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
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
REQUESTS = [
    ("/livez", {}),
    ("/livez", {"x-request-id": "till-3.000_1"}),
    ("/livez", {"x-request-id": "no good"}),
    ("/livez", {"x-request-id": "x" * 129}),
    ("/nowhere/Kanarienvogel", {}),
    ("/v1/customers/Kanarienvogel/fail?phone=13800138000", {"x-request-id": "find-me"}),
    ("/v1/customers/Kanarienvogel/fail", {"x-request-id": "traced", "traceparent": TRACEPARENT}),
    ("/livez", {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}),
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
    (line, _) = [line for line in run[1] if line.get("status") == 500]
    assert (line["request_id"], line["level"], line["method"]) == ("find-me", "error", "GET")
    assert line["route"] == "/v1/customers/{customer_id}/fail"
    assert line["elapsed_ms"] >= 0
    assert line["timestamp"].endswith("Z")


def test_the_defect_itself_is_logged_with_the_request_id(run):
    """The problem says so: there is a line with the traceback."""
    traced = [line for line in run[1] if "RuntimeError" in str(line.get("exception", ""))]
    assert [line["request_id"] for line in traced] == ["find-me", "traced"]


def test_a_traceback_says_where_and_what_but_not_the_message(run):
    (first, _) = [line["exception"] for line in run[1] if "exception" in line]
    assert "in fail\n" in first
    assert first.endswith("RuntimeError")
    assert "a defect" not in first


def test_the_trace_of_the_caller_is_in_the_lines_and_in_the_answer(run):
    code, headers, _ = run[0][6]
    lines = [line for line in run[1] if line.get("request_id") == "traced"]
    assert code == 500
    assert {line["event"] for line in lines} == {"inside.the.request", "request.defect", "request.failed"}
    assert {line["trace_id"] for line in lines} == {TRACE_ID}
    (span_id,) = {line["span_id"] for line in lines}
    assert headers["traceresponse"] == f"00-{TRACE_ID}-{span_id}-00"
    assert span_id != "00f067aa0ba902b7"


def test_without_a_valid_trace_there_is_none(run):
    assert all("traceresponse" not in headers for _, headers, _ in (run[0][0], run[0][7]))
    assert not any("trace_id" in line for line in run[1] if line.get("request_id") == "find-me")


def test_lines_within_a_request_carry_its_id_and_others_do_not(run):
    by_event = {line["event"]: line for line in reversed(run[1])}
    assert by_event["inside.the.request"]["request_id"] == "find-me"
    assert "request_id" not in by_event["service.started"]
    assert "request_id" not in by_event["service.stopped"]


def test_no_line_says_what_was_asked_of_whom(run):
    assert run[1]
    assert "13800138000" not in str(run[1])
    assert "Kanarienvogel" not in str(run[1])


def test_requests_that_went_well_leave_no_line(run):
    of_requests = [line for line in run[1] if "request_id" in line]
    assert {line["request_id"] for line in of_requests} == {"find-me", "traced"}


async def test_what_the_database_refuses_is_not_repeated_in_the_error(sql):
    """Tracebacks are logged; parameters are personal data."""
    twice = "INSERT INTO offers SELECT :customer, 'a', 1 FROM (VALUES (1), (2)) AS two"
    with pytest.raises(IntegrityError) as caught:
        await sql.rows(twice, customer="Kanarienvogel")
    assert "Kanarienvogel" not in str(caught.value)


def raise_from_another(error):
    try:
        int("Kanarienvogel")
    except ValueError as cause:
        raise error from cause


@pytest.mark.parametrize(
    "error",
    [
        KeyError("Kanarienvogel"),
        OSError(111, "refused", "Kanarienvogel"),
        ExceptionGroup("Kanarienvogel", [ValueError("Kanarienvogel"), KeyError("Kanarienvogel")]),
        pydantic.ValidationError.from_exception_data(
            "Event", [{"type": "missing", "loc": ("a",), "input": "Kanarienvogel"}]
        ),
    ],
)
def test_messages_of_errors_are_not_rendered(error):
    with pytest.raises(type(error)) as caught:
        raise_from_another(error)
    rendered = render_exception(caught.value)
    assert "Kanarienvogel" not in rendered
    assert "ValueError\n" in rendered
    assert type(error).__name__ in rendered
    assert "in raise_from_another\n" in rendered


def test_an_error_says_its_code_and_ours_their_sentence():
    assert render_exception(OSError(111, "refused")).endswith("(errno 111)")
    assert render_exception(UniqueViolationError("(C-1)")).endswith("UniqueViolationError (sqlstate 23505)")
    assert render_exception(NotReady("The service is stopping.")).endswith("NotReady: The service is stopping.")


@pytest.mark.parametrize(
    ("given", "trace_id"),
    [
        (TRACEPARENT, TRACE_ID),
        (TRACEPARENT.replace("00-", "cc-", 1) + "-of-a-later-version", TRACE_ID),
        (TRACEPARENT + "-more", None),
        (TRACEPARENT.replace("00-", "ff-", 1), None),
        (TRACEPARENT.upper(), None),
        (TRACEPARENT[:-1], None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE_ID}-{'0' * 16}-01", None),
        ("", None),
    ],
)
def test_which_traceparents_are_valid(given, trace_id):
    assert read_traceparent(given.encode()) == trace_id


def test_without_an_endpoint_opentelemetrys_sdk_is_not_loaded():
    program = "import sys, app.runtime.main\nfrom app.foundation.tracing import configure_tracing\n"
    program += "configure_tracing({})\nprint('opentelemetry.sdk' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.fixture
def exported(monkeypatch):
    """The spans that would be exported."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    provider = pytest.importorskip("opentelemetry.sdk.trace").TracerProvider()
    exporter = in_memory.InMemorySpanExporter()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "spans", tracing.Spans(provider))
    return exporter.get_finished_spans


async def test_a_span_a_request_under_that_of_the_caller(client, exported):
    answer = await client.get("/v1/customers/Kanarienvogel/score", headers={"traceparent": TRACEPARENT})
    (span,) = exported()
    assert span.name == "GET /v1/customers/{customer_id:path}/score"
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert answer.headers["traceresponse"] == f"00-{TRACE_ID}-{span.context.span_id:016x}-01"
    assert span.attributes["http.response.status_code"] == 404
    assert "Kanarienvogel" not in span.to_json()


async def test_a_request_without_a_trace_begins_one(client, exported):
    await client.get("/livez")
    await client.get("/livez")
    first, second = exported()
    assert first.parent is None
    assert first.context.trace_id != second.context.trace_id
