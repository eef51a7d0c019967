"""Every page in a real browser, in both languages, light and dark, on a wide screen and on a phone.

Debian's Chromium is driven, where there is one (`apt install chromium`).
"""

import asyncio
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

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
from tests.console.conftest import Gone
from tests.processes import free_port

CHROMIUM = shutil.which("chromium")
LOOKS = [("en-GB", "light", 1280), ("zh-CN", "dark", 1280), ("en-GB", "dark", 360), ("zh-CN", "light", 360)]
SHOP = 12
FORMULA = '=HYPERLINK("http://evil.example","很好")'
"""Somebody's id that a spreadsheet would reckon with."""
WAYS = (
    "/console/today",
    *("/console/customers", "/console/customer?id=C-1", "/console/customer?id=C-3", "/console/customer?id=nobody"),
    *("/console/lifecycle", "/console/kpis", "/console/kpis?by=month&from=2026-01-01", "/console/kpis?by=stage"),
    *(
        "/console/models",
        "/console/actions",
        "/console/action?id=bundle-offer",
        "/console/data",
        "/console/operations",
        "/console/audit",
    ),
    *("/console/sign-in", "/console/nowhere"),
)
CAME = "() => !document.querySelector('[hx-trigger=load] > .quiet > a')"
"""What comes after the first paint is there."""
EMPTY = tuple(way for way in WAYS if "?" not in way)
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


@pytest.fixture(scope="module")
async def empty(anyio_backend, make_database, serve):
    """A service that nobody told anything yet; its address, and a key's id."""
    url = make_database()
    migrate(url)
    async with serve(url) as service, listening(service.app) as base:
        async with transaction(service.resources.engine) as connection:
            key_id, _ = await create_key(connection, "looks", ["admin"], 1)
        yield service, base, key_id


def history():
    """Orders of a few customers, the later the more; of the last nothing but a visit."""
    shop = Shop()
    for number in range(SHOP):
        for week in range(0, 30, number + 1):
            yield shop.order(f"C-{number}", total=20.5 + number, at=shop.ago(days=7 * week + 3 * number))
    for visitor in ("C-visitor", FORMULA):
        yield shop.event("store.visited", visitor, data={"channel": "store"})


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


async def look_at(browser, base, token, look, ways):
    """What each of the pages says: there is no error, no request elsewhere, nothing wider than the screen, and nothing
    that axe finds."""
    locale, scheme, width = look
    page, wrong = await open_page(
        browser, base, token, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    said = {}
    for way in ways:
        status = (await page.goto(way)).status
        await page.wait_for_function(CAME)
        about = f"{way} {locale} {scheme} {width}"
        if status >= 400:
            wrong[:] = [each for each in wrong if str(status) not in each]
        found = await Axe().run(page, options=AXE)
        assert found.response["violations"] == [], f"{about}\n{found.generate_report()}"
        assert wrong == [], about
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), about
        said[way] = status, await page.inner_text("main")
    await page.context.close()
    return said


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_every_page_is_well(filled, look):
    service, base, key_id = filled
    async with browsing() as browser:
        await look_at(browser, base, await new_token(service, key_id), look, WAYS)


async def test_every_page_of_an_empty_shop_is_well(empty):
    service, base, key_id = empty
    token = await new_token(service, key_id)
    async with browsing() as browser:
        said = await look_at(browser, base, token, LOOKS[3], EMPTY)
    assert {way: status for way, (status, _) in said.items() if status != 200} == {"/console/nowhere": 404}
    for way in ("/console/today", "/console/customers", "/console/lifecycle", "/console/data"):
        assert "perennial import" in said[way][1], f"{way} says what to do next"


async def test_pages_say_that_the_database_is_away_and_show_what_there_is_once_it_is_back(empty, monkeypatch):
    service, base, key_id = empty
    token, away = await new_token(service, key_id), ("/console/today", "/console/models")
    async with browsing() as browser:
        with monkeypatch.context() as patch:
            patch.setattr(service.resources, "engine", Gone())
            said = await look_at(browser, base, token, LOOKS[1], away)
            assert [(status, "数据库暂时无法访问" in text) for status, text in said.values()] == [(503, True)] * len(
                away
            )
            page, _ = await open_page(browser, base, token, locale="en-GB")
            await page.clock.install()
            await page.goto("/console/models")
            assert "The database is away" in await page.inner_text("main")
        await page.clock.fast_forward(5_000)
        await page.wait_for_selector("h1:has-text('Models')")


async def test_a_long_table_is_sorted_filtered_paged_and_downloaded(filled):
    service, base, key_id = filled
    async with browsing() as browser:
        page, wrong = await open_page(browser, base, await new_token(service, key_id), locale="en-GB")
        await page.goto("/console/kpis?by=day&from=2026-01-01&to=2026-03-31")
        await page.wait_for_function(CAME)
        rows, pager = page.locator("table tbody tr:visible"), page.locator(".pager")
        assert await rows.count() == 50
        assert "1 – 50 of 90" in await pager.inner_text()
        await page.get_by_role("button", name="Next page").press("Enter")
        assert await rows.count() == 40
        assert "31 Mar 2026" in await rows.last.inner_text()
        await page.locator("table button").first.click()
        await page.locator("table button").first.click()
        assert "31 Mar 2026" in await rows.first.inner_text(), "the latest first, on the first page"
        assert len((await read_download(page, page)).splitlines()) == 91, "all pages, and the heads"
        await page.get_by_role("searchbox").fill("feb 2026")
        assert await rows.count() == 28
        sheet = await read_download(page, page)
        assert [line.split(",")[0] for line in sheet.splitlines()[1:3]] == ['"2026-02-28"', '"2026-02-27"']
        await page.goto("/console/today")
        await page.wait_for_function(CAME)
        sheet = await read_download(page, page.locator("section", has_text="for the first time"))
        assert sheet.startswith('\ufeff"Customer"')
        assert '"\'=HYPERLINK(""http://evil.example"",""很好"")",0.' in sheet
        assert wrong == []


async def read_download(page, within):
    async with page.expect_download() as told:
        await within.get_by_role("button", name="Download as CSV").click()
    path = await (await told.value).path()
    return await asyncio.to_thread(Path(path).read_text, encoding="utf-8")


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
        head = page.get_by_role("button", name="Customers")
        await head.click()
        shares = [int(each) for each in await page.locator("table", has=head).locator("td.n").all_inner_texts()]
        assert shares == sorted(shares)
        assert len(shares) > 2
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/console/sign-in")
        assert wrong == []
