"""What a page is asked with, and how it is answered, whatever comes of it."""

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from app.console.api import Api, Refused
from app.console.formats import Formats
from app.console.navigation import PLACES
from app.console.protection import HEADERS, LANGUAGE_COOKIE, comes_from_here, session_cookie
from app.console.rendering import Templates
from app.console.sentences import LANGUAGES
from app.console.sessions import Session, find_session
from app.database.engine import transaction
from app.foundation.errors import Forbidden, Problem, Unauthorized
from app.http.routes import HotRequest, HotRoute, language_of, read_bytes

SIGN_IN: Final = "/console/sign-in"
MOST_FORM_BYTES: Final = 16 * 1024
_AGAIN: Final = 303
_UNAUTHORIZED: Final = 401
_UNAVAILABLE: Final = 503


class PageRequest(HotRequest):
    """`who` None: nobody is signed in, or it was not asked."""

    who: Session | None = None

    @property
    def language(self) -> str:
        """The one that was chosen, else the browser's."""
        chosen = self.cookies.get(LANGUAGE_COOKIE)
        return chosen if chosen in LANGUAGES else language_of(self)

    @property
    def formats(self) -> Formats:
        """How figures are written."""
        return Formats.of(self.resources.settings, self.language)

    @property
    def api(self) -> Api:
        """The API, asked with the session's key."""
        assert self.who is not None
        return Api(self, self.who.authorization, self.language)

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return b"hx-request" in self.fields

    @property
    def address(self) -> str:
        """Where what is shown can be seen again: the answer to a form has no address of its own, but that of the page
        whose form it is."""
        path = self.url.path
        if self.method in ("GET", "HEAD"):
            return f"{path}?{self.url.query}" if self.url.query else path
        return next((place.path for place in PLACES if path.startswith(f"{place.path}/")), "/console")

    async def read_form(self, most: int = MOST_FORM_BYTES) -> dict[str, str]:
        """The fields of a form; of several of one name the last. Raises TooLarge, Unreadable."""
        body = await read_bytes(self, most)
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))

    async def draw(self, template: str, *, status: int = 200, **told: Any) -> Response:
        """A page, or a fragment of one."""
        templates = self.resources.of(Templates)
        common = {
            "session": self.who,
            "places": [place for place in PLACES if self.who and self.who.may(place.scope)],
            "here": self.url.path,
            "address": self.address,
        }
        html = await templates.render(template, self.formats, {**common, **told})
        return HTMLResponse(html, status, HEADERS)

    async def fail(self, status: int, slug: str, detail: str) -> Response:
        """What is shown instead of what was asked for."""
        template = "failure_fragment.html" if self.is_fragment else "failure.html"
        answer = await self.draw(template, status=status, slug=slug, detail=detail, is_away=status == _UNAVAILABLE)
        if status == _UNAVAILABLE:
            answer.headers["retry-after"] = "5"
        return answer


def lead_to(target: str) -> Response:
    """To another page, by GET."""
    return RedirectResponse(target, _AGAIN, HEADERS)


class PageRoute(HotRoute):
    """Asks who is signed in, calls the endpoint, draws what came of it."""

    wants_key = False
    is_open: ClassVar[bool] = False
    """Whether it is for everybody."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            request = PageRequest(scope, receive)
            answer = await self._answer(request, endpoint, scope["path_params"])
            await answer(scope, receive, send)

        self.app = serve

    async def _answer(
        self, request: PageRequest, endpoint: Callable[..., Any], parameters: Mapping[str, Any]
    ) -> Response:
        try:
            await _admit(request, is_open=self.is_open)
            answer: Response = await endpoint(request, **parameters)
        except (Problem, Refused) as refused:
            if refused.status == _UNAUTHORIZED:
                return _ask_who(request)
            return await request.fail(refused.status, refused.slug, refused.detail)
        return answer


class OpenPageRoute(PageRoute):
    """For who is not signed in."""

    is_open = True


async def _admit(request: PageRequest, *, is_open: bool) -> None:
    """Raises Forbidden for a form of another page, Unauthorized where nobody is signed in, NotReady."""
    if request.method not in ("GET", "HEAD") and not comes_from_here(request):
        raise Forbidden("The form was sent by another page.")
    if is_open:
        return
    request.who = await read_session(request)
    if request.who is None:
        raise Unauthorized("Nobody is signed in.")


async def read_session(request: PageRequest) -> Session | None:
    """Of who is signed in. Raises NotReady."""
    token = request.cookies.get(session_cookie(request))
    if not token:
        return None
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        return await find_session(connection, token, time.time_ns() // 1000)


def _ask_who(request: PageRequest) -> Response:
    """To the page to sign in at, and from there back."""
    back = request.url.path
    if request.url.query:
        back += f"?{request.url.query}"
    if request.method != "GET" or request.is_fragment:
        back = "/console"
    target = f"{SIGN_IN}?next={quote(back, safe='')}"
    if request.is_fragment:
        return Response(status_code=204, headers={**HEADERS, "hx-redirect": target})
    return lead_to(target)
