"""Every page in a real browser, in both languages, light and dark, on a wide screen and on a phone.

Debian's Chromium is driven, where there is one (`apt install chromium`).
"""

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from app.console.sessions import begin_session, make_code
from app.database.engine import transaction
from app.database.schema import migrate
from app.foundation.times import received_now_us
from app.http.auth import create_key
from app.models.held import Models
from app.stages.service import stage_context
from app.stages.sweep import sweep
from tests.conftest import Shop
from tests.processes import free_port

CHROMIUM = shutil.which("chromium")
LOOKS = [("en-GB", "light", 1280), ("zh-CN", "dark", 1280), ("en-GB", "dark", 360), ("zh-CN", "light", 360)]
SHOP = 12
WAYS = (
    "/console/today",
    *("/console/customers", "/console/customer?id=C-1", "/console/customer?id=C-3", "/console/customer?id=nobody"),
    *("/console/lifecycle", "/console/kpis", "/console/kpis?by=month&from=2026-01-01", "/console/kpis?by=stage"),
    *("/console/models", "/console/actions", "/console/data", "/console/operations"),
    *("/console/sign-in", "/console/nowhere"),
)
CAME = "() => !document.querySelector('[hx-trigger=load] > .quiet > a')"
"""What comes after the first paint is there."""
AXE = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


@asynccontextmanager
async def listening(app):
    """The application on a port of this machine; its lifespan is another's."""
    port = free_port()
    config = uvicorn.Config(app, "127.0.0.1", port, lifespan="off", log_config=None, proxy_headers=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - it says so by nothing else
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
async def filled(anyio_backend, make_database, serve, make_model):
    """A service with customers in every state of their life, and a model; its address, and a key's id."""
    url = make_database()
    migrate(url)
    async with serve(url) as service, listening(service.app) as base:
        service.resources.of(Models).champion = make_model("v1")
        await service.client.post("/v1/events", json=[*history()])
        await service.client.post("/v1/events", json=[Shop().order("C-1", total="many")])
        for number in range(3):
            await service.client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "store"})
        context = stage_context(service.resources.settings, service.resources.of(Models).champion)
        await sweep(service.resources.engine, context, received_now_us())
        async with transaction(service.resources.engine) as connection:
            key_id, _ = await create_key(connection, "looks", ["admin"], 1)
        yield service, base, key_id


def history():
    """Orders of a few customers, the later the more; of the last nothing but a visit."""
    shop = Shop()
    for number in range(SHOP):
        for week in range(0, 30, number + 1):
            yield shop.order(f"C-{number}", total=20.5 + number, at=shop.ago(days=7 * week + 3 * number))
    yield shop.event("store.visited", "C-visitor", data={"channel": "store"})


@asynccontextmanager
async def browsing():
    """A browser, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server", "--disable-gpu"]
        )
        yield browser
        await browser.close()


async def open_page(browser, base, token, **looks):
    """A page that is signed in where there is a token, and what goes wrong on it."""
    context = await browser.new_context(base_url=base, **looks)
    if token is not None:
        await context.add_cookies([{"name": "perennial-session", "value": token, "url": base}])
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith((base, "data:")) else wrong.append(asked.url))
    return page, wrong


async def new_token(service, key_id):
    async with transaction(service.resources.engine) as connection:
        return await begin_session(connection, key_id, received_now_us())


async def test_every_page_is_well(filled):
    """No error, no request elsewhere, nothing wider than the screen, and nothing that axe finds."""
    service, base, key_id = filled
    token = await new_token(service, key_id)
    async with browsing() as browser:
        for locale, scheme, width in LOOKS:
            looks = {"locale": locale, "color_scheme": scheme, "viewport": {"width": width, "height": 900}}
            page, wrong = await open_page(browser, base, token, **looks)
            for way in WAYS:
                status = (await page.goto(way)).status
                await page.wait_for_function(CAME)
                about = f"{way} {locale} {scheme} {width}"
                if status >= 400:
                    wrong[:] = [each for each in wrong if "404" not in each]
                found = await Axe().run(page, options=AXE)
                assert found.response["violations"] == [], f"{about}\n{found.generate_report()}"
                assert wrong == [], about
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), about
            await page.context.close()


async def test_an_analyst_signs_in_by_link_and_asks_what_would_have_been(filled):
    """By keyboard alone."""
    service, base, key_id = filled
    async with transaction(service.resources.engine) as connection:
        code = await make_code(connection, key_id, received_now_us())
    async with browsing() as browser:
        page, wrong = await open_page(browser, base, None, locale="en-GB")
        await page.goto(f"/console/sign-in?code={code}")
        await page.wait_for_url("**/console/today")
        await page.goto("/console/customers")
        await page.focus("#id")
        await page.keyboard.type("C-1")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/customer?id=C-1")
        now = await page.inner_text("#score")
        await page.focus("#days")
        async with page.expect_response("**/console/customer/score*") as told:
            await page.keyboard.press("PageDown")
        assert (await told.value).status == 200
        await page.wait_for_function("before => document.querySelector('#score').innerText !== before", arg=now)
        assert await page.evaluate("document.activeElement.id") == "days", "focus survives"
        assert "days ago" in await page.inner_text("#score")
        await page.goto("/console/lifecycle")
        await page.get_by_role("button", name="Customers").click()
        shares = [int(each) for each in await page.locator("section:last-of-type td.n").all_inner_texts()]
        assert shares == sorted(shares)
        assert len(shares) > 2
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/console/sign-in")
        assert wrong == []
