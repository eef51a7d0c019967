"""A browser without a browser: who is signed in, and what their pages say."""

import re

import pytest

from app.console.sessions import begin_session
from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.foundation.times import received_now_us
from app.http.auth import create_key

SAME = {"sec-fetch-site": "same-origin"}


class Gone:
    """An engine whose database is away."""

    def connect(self):
        raise NotReady("The database is out of reach.")

    begin = connect


@pytest.fixture
def make_session(engine, running_service):
    """Makes a key of some scopes and a session with it; (key_id, token)."""

    async def make(*scopes):
        async with transaction(engine) as connection:
            key_id, _ = await create_key(connection, "looks", scopes, 1)
            token = await begin_session(connection, key_id, received_now_us())
        return key_id, token

    return make


@pytest.fixture
async def browse(service, make_session):
    """Gives a client that is signed in with a new key of some scopes."""
    opened = []

    async def sign_in(*scopes, **headers):
        _, token = await make_session(*scopes)
        client = service.connect(cookies={"perennial-session": token}, headers=headers)
        opened.append(client)
        return client

    yield sign_in
    for client in opened:
        await client.aclose()


@pytest.fixture
def words():
    """What a page says, without its marks."""
    return lambda answer: re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))
