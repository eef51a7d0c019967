"""Who is signed in to the console, how they come in, and what ends it."""

import asyncio

import pytest

from app.console.protection import POLICY
from app.console.sessions import CODE_US, SESSION_US, begin_session, find_session, make_code, use_code
from app.database.engine import transaction
from app.foundation.times import received_now_us
from app.http.auth import create_key, hash_key, revoke_key, write_key
from app.http.sealed_keys import seal, unseal
from tests.console.conftest import SAME

TYPED = {"sec-fetch-site": "none"}
HOUR_US = 3_600_000_000


async def test_the_root_leads_to_the_console_and_that_to_the_form(service):
    async with service.connect(follow_redirects=True) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.url.path) == (200, "/console/sign-in")
    assert answer.url.params["next"] == "/console/today"


async def test_a_key_signs_in_and_the_page_that_was_asked_for_is_shown(service):
    async with service.connect() as client:
        form = {"key": f" {service.key}\n", "next": "/console/operations?x=1"}
        answer = await client.post("/console/sign-in", data=form, headers=SAME)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/operations?x=1")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
        assert (await client.get("/console/operations")).status_code == 200


async def test_by_https_the_cookie_is_of_this_host_alone(service):
    async with service.connect() as client:
        headers = {**SAME, "x-forwarded-proto": "https"}
        answer = await client.post("/console/sign-in", data={"key": service.key}, headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-perennial-session=")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/console\\evil", "/v1/events", "/consolex", "/console/\r\nx: y"],
)
async def test_nobody_is_led_elsewhere(service, target):
    async with service.connect() as client:
        answer = await client.post("/console/sign-in", data={"key": service.key, "next": target}, headers=SAME)
    assert answer.headers["location"] == "/console"


async def test_wrong_keys_count_among_the_failures_of_their_address(serve, sql):
    async with serve(wrong_keys=3) as service, service.connect() as client:

        async def attempt(key):
            return await client.post("/console/sign-in", data={"key": key}, headers=SAME)

        tried = [await attempt(write_key(str(number).rjust(43, "-"))) for number in range(4)]
        assert [answer.status_code for answer in tried] == [401, 401, 401, 429]
        assert not any("set-cookie" in answer.headers for answer in tried)
        assert (await client.get("/v1/actions", headers={"Authorization": "Bearer nothing"})).status_code == 429
        assert (await attempt(service.key)).status_code == 303, "a valid key is taken all the same"


async def test_a_key_that_is_none_is_told_of(service, words):
    async with service.connect() as client:
        for key in ("", "nonsense", "perennial_é", write_key("n" * 43)):
            answer = await client.post("/console/sign-in", data={"key": key}, headers=SAME)
            assert answer.status_code == 401
            assert "This key is not valid" in words(answer)
            assert "nonsense" not in answer.text


async def test_a_code_signs_in_once(engine, service):
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "looks", ["read"], 1)
        code = await make_code(connection, key_id, received_now_us())
    async with service.connect(headers=TYPED) as client, service.connect(headers=TYPED) as late:
        link = f"/console/sign-in?code={code}"
        answers = await asyncio.gather(client.get(link), late.get(link))
        assert sorted(answer.status_code for answer in answers) == [303, 401]
        signed_in = client if "set-cookie" in answers[0].headers else late
        assert (await signed_in.get("/console/customers")).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", None])
async def test_a_link_that_a_page_led_to_is_asked_about_first(engine, service, words, site):
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "<b>another's</b>", ["read"], 1)
        code = await make_code(connection, key_id, received_now_us())
    headers = {"sec-fetch-site": site} if site else {}
    async with service.connect() as client:
        asked = await client.get(f"/console/sign-in?code={code}&next=/console/kpis", headers=headers)
        assert (asked.status_code, asked.headers.get("set-cookie")) == (200, None)
        assert "Sign in as &lt;b&gt;another" in asked.text
        form = {"code": code, "next": "/console/kpis"}
        assert (await client.post("/console/sign-in/link", data=form, headers=headers)).status_code == (
            303 if site == "same-origin" else 403
        )
        let_in = await client.post("/console/sign-in/link", data=form, headers=SAME)
        assert let_in.status_code == (401 if site == "same-origin" else 303), "once"


async def test_a_link_ends_no_session_unasked(engine, service, make_session, words):
    _, token = await make_session("read")
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "another", ["read"], 1)
        code = await make_code(connection, key_id, received_now_us())
    async with service.connect(cookies={"perennial-session": token}) as client:
        asked = await client.get(f"/console/sign-in?code={code}", headers=TYPED)
        assert (asked.status_code, asked.headers.get("set-cookie")) == (200, None)
        assert "Sign in as another?" in words(asked)
        assert "signed in as looks now" in words(asked)
        wrong = await client.get("/console/sign-in?code=nothing", headers=TYPED)
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        let_in = await client.post("/console/sign-in/link", data={"code": code}, headers=SAME)
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/console")


async def test_codes_and_sessions_end_and_are_kept_as_hashes(engine, sql):
    now_us = received_now_us()
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "looks", ["read"], 1)
        code = await make_code(connection, key_id, now_us)
        assert await use_code(connection, code, now_us + CODE_US) is None
        token = await begin_session(connection, key_id, now_us)
        assert await find_session(connection, token, now_us + SESSION_US - 1) is not None
        assert await find_session(connection, token, now_us + SESSION_US) is None
        await begin_session(connection, key_id, now_us + SESSION_US)
    rows = await sql.rows("SELECT token_sha256 FROM console_sessions")
    assert len(rows) == 1, "what is over is deleted"
    assert rows[0]["token_sha256"] != hash_key(token.encode())


async def test_a_session_ends_with_its_key(engine, service, make_session):
    key_id, token = await make_session("read")
    async with service.connect(cookies={"perennial-session": token}) as client:
        assert (await client.get("/console/customers")).status_code == 200
        async with transaction(engine) as connection:
            await revoke_key(connection, key_id, received_now_us())
        answer = await client.get("/console/customers")
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=%2Fconsole%2Fcustomers")
        fragment = await client.get("/console/customer/score?id=C-1", headers={"hx-request": "true"})
        assert (fragment.status_code, fragment.headers["hx-redirect"]) == (204, "/console/sign-in?next=%2Fconsole")


async def test_a_code_of_a_revoked_key_signs_nobody_in(engine, sql):
    now_us = received_now_us()
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "looks", ["read"], 1)
        code = await make_code(connection, key_id, now_us)
        await revoke_key(connection, key_id, now_us)
        assert await use_code(connection, code, now_us) is None


async def test_who_signs_out_is_out_wherever_the_token_is_kept(service, make_session):
    _, token = await make_session("read")
    async with service.connect(cookies={"perennial-session": token}) as client:
        answer = await client.post("/console/sign-out", headers=SAME)
        assert answer.status_code == 303
        assert "Max-Age=0" in answer.headers["set-cookie"]
    async with service.connect(cookies={"perennial-session": token}) as client:
        assert (await client.get("/console/customers")).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": "http://test"}, 303),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://test"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_forms_of_other_pages_are_refused(browse, headers, status):
    client = await browse("read")
    for path in ("/console/language", "/console/sign-out"):
        assert (await client.post(path, data={"language": "zh"}, headers=headers)).status_code == status


async def test_a_session_opens_no_route_of_the_api(browse):
    client = await browse("admin")
    assert (await client.get("/v1/actions")).status_code == 401


def test_a_seal_is_written_by_this_process_alone():
    digest = hash_key(b"key")
    assert unseal(seal(digest)) == digest
    assert unseal(seal(digest)[:-1] + b"x") is None
    assert unseal(b"Sealed " + digest.hex().encode() + b"0" * 64) is None
    assert unseal(b"Sealed " + b"zz" * 64) is None


async def test_what_looks_like_a_seal_lets_nobody_in(client, service):
    digest = hash_key(service.key.encode())
    forged = f"Sealed {digest.hex()}{'0' * 64}"
    assert (await client.get("/v1/actions", headers={"Authorization": forged})).status_code == 401


async def test_every_page_has_the_policy_and_is_not_kept(browse):
    client = await browse("read")
    paths = ("/console/customers", "/console/nowhere", "/console/sign-in", "/console", "/console/customer?id=nobody")
    for path in paths:
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"] == POLICY
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'; script-src 'self'; style-src 'self'")


async def test_a_command_prints_a_link_that_signs_in(engine, service, perennial):
    async with transaction(engine) as connection:
        key_id, _ = await create_key(connection, "looks", ["read"], 1)
        await revoke_key(connection, revoked := (await create_key(connection, "gone", ["read"], 1))[0], 2)
    link = await asyncio.to_thread(perennial, "keys", "link", key_id, "--url", "https://crm.example/")
    assert link.startswith("https://crm.example/console/sign-in?code=")
    async with service.connect(headers=TYPED) as client:
        assert (await client.get(link.strip().removeprefix("https://crm.example"))).status_code == 303
    assert "no valid key" in await asyncio.to_thread(perennial, "keys", "link", revoked)
