"""Signing in and out, the language, `/`, and the files that pages are drawn with."""

import time

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from app.console.api import Refused
from app.console.navigation import HOME
from app.console.pages import SIGN_IN, OpenPageRoute, PageRequest, lead_to, read_session
from app.console.protection import keep_language, keep_session, safe_target, session_cookie, was_typed
from app.console.rendering import Templates
from app.console.sentences import LANGUAGES
from app.console.sessions import begin_session, end_session, find_code, use_code
from app.console.signing_in import find_key
from app.database.engine import transaction
from app.foundation.errors import NotFound

UNAUTHORIZED = 401
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(route_class=OpenPageRoute, include_in_schema=False)


@router.get("/")
async def get_root(_: PageRequest) -> Response:
    """Whoever comes by a browser looks for the console."""
    return lead_to("/console")


@router.get("/console")
@router.get("/console/")
async def get_console(_: PageRequest) -> Response:
    """The first page there is."""
    return lead_to(HOME)


@router.get(SIGN_IN)
async def get_sign_in(request: PageRequest) -> Response:
    """The form. With a code, who typed the link is signed in at once; where a page led here, or somebody is signed in,
    it is asked first: others could have them work in a session that is not theirs."""
    target = safe_target(request.query_params.get("next", ""))
    code = request.query_params.get("code")
    if code is None:
        return await request.draw("sign_in.html", target=target, wrong=None)
    now = await read_session(request)
    if was_typed(request) and now is None:
        return await _use(request, code, target)
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        name = await find_code(connection, code, time.time_ns() // 1000)
    if name is None:
        return await _refuse_code(request, target)
    return await request.draw("sign_in_link.html", target=target, code=code, name=name, now=now)


@router.post(f"{SIGN_IN}/link")
async def post_link(request: PageRequest) -> Response:
    """With the code of a link, after it was asked."""
    form = await request.read_form()
    return await _use(request, form.get("code", ""), safe_target(form.get("next", "")))


async def _use(request: PageRequest, code: str, target: str) -> Response:
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        token = await use_code(connection, code, time.time_ns() // 1000)
    return await _refuse_code(request, target) if token is None else _let_in(request, token, target)


async def _refuse_code(request: PageRequest, target: str) -> Response:
    return await request.draw("sign_in.html", status=UNAUTHORIZED, target=target, wrong="code")


@router.post(SIGN_IN)
async def post_sign_in(request: PageRequest) -> Response:
    """With an API key. A wrong one counts among the failures of its address."""
    form = await request.read_form()
    target = safe_target(form.get("next", ""))
    try:
        key_id = await find_key(request, form.get("key", "").strip())
    except Refused as refused:
        return await request.draw("sign_in.html", status=refused.status, target=target, wrong=refused.slug)
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        token = await begin_session(connection, key_id, time.time_ns() // 1000)
    return _let_in(request, token, target)


def _let_in(request: PageRequest, token: str, target: str) -> Response:
    answer = lead_to(target)
    keep_session(request, answer, token)
    return answer


@router.post("/console/sign-out")
async def post_sign_out(request: PageRequest) -> Response:
    """The session is over, wherever its token may be kept."""
    token = request.cookies.get(session_cookie(request))
    if token:
        async with request.resources.patience(), transaction(request.resources.engine) as connection:
            await end_session(connection, token)
    answer = lead_to(SIGN_IN)
    keep_session(request, answer, None)
    return answer


@router.post("/console/language")
async def post_language(request: PageRequest) -> Response:
    """Chooses it, and leads back."""
    form = await request.read_form()
    answer = lead_to(safe_target(form.get("next", "")))
    if form.get("language") in LANGUAGES:
        keep_language(request, answer, form["language"])
    return answer


@router.get("/console/static/{name}")
async def get_asset(request: PageRequest, name: str) -> Response:
    """Its bytes never change: others have another address."""
    found = await request.resources.of(Templates).find_asset(f"/console/static/{name}")
    if found is None:
        return PlainTextResponse("", NotFound.status)
    document, headers = found.document, {"cache-control": FOREVER, "vary": "accept-encoding"}
    headers["etag"] = document.etag.decode()
    if request.fields.get(b"if-none-match") == document.etag:
        return Response(status_code=304, headers=headers)
    is_packed = b"gzip" in request.fields.get(b"accept-encoding", b"")
    if is_packed:
        headers["content-encoding"] = "gzip"
    return Response(document.packed if is_packed else document.plain, 200, headers, document.media_type.decode())
