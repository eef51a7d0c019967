"""Whose key was given: asked as any key is, so that guessing has its one limit."""

from fastapi import APIRouter

from app.console.api import Api
from app.console.pages import PageRequest
from app.database.engine import transaction
from app.foundation.errors import Unauthorized
from app.http.auth import find_key_id
from app.http.routes import HotRequest, HotRoute

PATH = "/console/key"

router = APIRouter(route_class=HotRoute, include_in_schema=False)


@router.get(PATH)
async def get_key(_: HotRequest) -> bytes:
    """Nothing but whether the key is one: who has none never comes here."""
    return b"{}"


async def find_key(request: PageRequest, key: str) -> str:
    """The id of an API key. Raises Refused for what is none, and where too many were tried; Unauthorized, NotReady."""
    authorization = b"Bearer " + key.encode()
    await Api(request, authorization, request.language).get(PATH)
    async with request.resources.patience(), transaction(request.resources.engine) as connection:
        key_id = await find_key_id(connection, authorization)
    if key_id is None:
        raise Unauthorized("The key was revoked just now.")
    return key_id
