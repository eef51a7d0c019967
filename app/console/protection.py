"""What keeps the console from being used by other pages: its headers, its cookies, and where forms come from."""

from typing import Final

from starlette.responses import Response

from app.console.sessions import SESSION_US
from app.http.routes import HotRequest

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect")),
        "img-src 'self' data:",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
"""Of every page, whatever its status."""
LANGUAGE_COOKIE: Final = "perennial-language"
_LANGUAGE_S: Final = 365 * 86_400
_SESSION_COOKIE: Final = "perennial-session"


def comes_from_here(request: HotRequest) -> bool:
    """Whether one of our own pages sent a form: by what the browser says of it, which pages cannot change."""
    site = request.fields.get(b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    host = request.fields.get(b"host", b"")
    return bool(host) and request.fields.get(b"origin") in (b"http://" + host, b"https://" + host)


def was_typed(request: HotRequest) -> bool:
    """Whether an address was opened by whoever sits there, and by no page; a link in a letter looks the same."""
    return request.fields.get(b"sec-fetch-site") == b"none"


def is_secure(request: HotRequest) -> bool:
    """Whether the browser came by https, to us or to what stands before us."""
    return request.scope["scheme"] == "https" or request.fields.get(b"x-forwarded-proto") == b"https"


def session_cookie(request: HotRequest) -> str:
    """Its name: by https one that no other host, and no page without https, can set."""
    return f"__Host-{_SESSION_COOKIE}" if is_secure(request) else _SESSION_COOKIE


def keep_session(request: HotRequest, answer: Response, token: str | None) -> None:
    """Has the browser keep a session's token, or forget it (None)."""
    answer.set_cookie(
        session_cookie(request),
        token or "",
        max_age=SESSION_US // 1_000_000 if token else 0,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def keep_language(request: HotRequest, answer: Response, language: str) -> None:
    """Has the browser keep which language was chosen."""
    answer.set_cookie(
        LANGUAGE_COOKIE, language, max_age=_LANGUAGE_S, secure=is_secure(request), httponly=True, samesite="lax"
    )


def safe_target(target: str) -> str:
    """Where a form leads to: a page of the console, whatever it was told."""
    is_ours = target == "/console" or target.startswith(("/console/", "/console?"))
    return target if is_ours and "\\" not in target and target.isprintable() else "/console"
