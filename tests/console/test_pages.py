"""What the pages show, in process: the API's figures, escaped, in the reader's language."""

import gzip
import hashlib
import json
import re

import pytest
from sqlalchemy import update

from app.console.assets import DIRECTORY, HTMX_SHA256, load_assets
from app.console.models_router import list_drift, list_measures
from app.console.sessions import begin_session
from app.console.sheets import write_sheet
from app.database.engine import transaction
from app.database.tables import stages
from app.foundation.times import received_now_us
from app.http.auth import create_key
from app.http.documents import Document
from app.models.held import Models
from app.stages.service import stage_context
from app.stages.sweep import sweep
from tests.console.conftest import SAME, Gone

PLACES = (
    "/console/today",
    "/console/models",
    "/console/actions",
    "/console/data",
    "/console/customers",
    "/console/lifecycle",
    "/console/operations",
    "/console/kpis",
)


async def test_an_empty_shop_says_what_to_do_next(browse, words):
    client = await browse("read")
    said = words(await client.get("/console/customers"))
    assert "Nobody crossed the threshold" in said
    assert "perennial import" in said
    assert "Nobody crossed the threshold" in words(await client.get("/console/today"))
    assert "nobody who has not ordered" in words(await client.get("/console/today/prospects"))
    assert "Nobody is in any stage yet." in words(await client.get("/console/lifecycle"))


async def test_today_says_who_to_look_after_and_why(engine, browse, service, shop, words, make_model, monkeypatch):
    monkeypatch.setattr(service.resources.of(Models), "champion", make_model("v1"))
    events = [shop.order("C-still", at=shop.ago(days=1)), shop.event("store.visited", "C-visitor")]
    events += [shop.order("C-gone", at=shop.ago(days=days)) for days in (100, 120)]
    events.append(shop.event("case.opened", "C-gone", data={"case_id": "1", "kind": "complaint"}))
    await service.client.post("/v1/events", json=events)
    async with transaction(engine) as connection:  # as if the silence had been noticed just now
        now_us = received_now_us()
        await connection.execute(update(stages).where(stages.c.churn_risk > 0.5).values(crossed_us=now_us))
    client = await browse("read")
    said = words(await client.get("/console/today"))
    assert "C-still" not in said
    assert said.count("C-gone") == 2, "about to leave, and with an open complaint"
    assert "100 days since the last order" in said
    assert "C-visitor" in words(await client.get("/console/today/prospects"))
    assert "Prospect" in words(await client.get("/console/today/week"))


async def test_a_customer_is_shown_with_the_figures_of_the_api(browse, service, shop, words):
    for days in (5, 30, 60):
        event = shop.order("C/1 <b>", total=1234.5, at=shop.ago(days=days))
        await service.client.post("/v1/events", json=event)
    client = await browse("read")
    answer = await client.get("/console/customer", params={"id": "C/1 <b>"})
    said = words(answer)
    assert answer.status_code == 200
    assert "CN¥3,703.50" in said
    score = (await service.client.get("/v1/customers/C%2F1%20%3Cb%3E/score")).json()
    assert score["stage"].capitalize() in said
    assert "GET /v1/customers/C%2F1%20%3Cb%3E/score" in said
    assert said.count("Order CN¥1,234.50") == 3


async def test_a_name_that_is_a_script_is_a_name(browse, service, shop):
    evil = "<script>alert(1)</script>"
    told = shop.order(evil, channel="web", order_id=evil)
    assert (await service.client.post("/v1/events", json=told)).status_code == 200
    client = await browse("read")
    for path in ("/console/customer", "/console/customer/score", "/console/customer/timeline"):
        answer = await client.get(path, params={"id": evil})
        assert answer.status_code == 200
        assert evil not in answer.text
        assert "<script>a" not in answer.text
    unknown = await client.get("/console/customer", params={"id": '"><img src=x onerror=alert(1)>'})
    assert unknown.status_code == 404
    assert "<img src=x" not in unknown.text


async def test_a_phone_finds_who_is_kept_by_its_hash(browse, service, shop, words):
    identified = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}
    event = shop.event("customer.identified", "C-1", data=identified)
    assert (await service.client.post("/v1/events", json=event)).status_code == 200
    client = await browse("read")
    answer = await client.get("/console/customer", params={"id": "phone:+8613800138000"})
    asked = await service.client.get("/v1/customers/phone:+8613800138000")
    assert answer.status_code == asked.status_code


async def test_the_score_of_another_day_is_that_of_the_api(browse, service, shop, words):
    await service.client.post("/v1/events", json=shop.order("C-1", at=shop.ago(days=50)))
    client = await browse("read", **{"hx-request": "true"})
    then = await client.get("/console/customer/score", params={"id": "C-1", "days": "-45"})
    assert "New" in words(then)
    assert "45 days ago" in words(then)
    before = await client.get("/console/customer/score", params={"id": "C-1", "days": "-60"})
    assert before.status_code == 404
    assert "Nothing was known" in words(before)
    assert "<html" not in before.text
    for days in ("x", "1", "-99999"):
        assert (await client.get("/console/customer/score", params={"id": "C-1", "days": days})).status_code == 422


async def test_the_timeline_goes_on_where_it_ended(browse, service, shop):
    events = [shop.order("C-1", at=shop.ago(days=days), order_id=f"O-{days}") for days in range(1, 31)]
    await service.client.post("/v1/events", json=events)
    client = await browse("read")
    page = (await client.get("/console/customer", params={"id": "C-1"})).text
    more = re.search(r'hx-get="([^"]+timeline[^"]+)"', page)
    assert more is not None
    rest = (await client.get(more[1].replace("&amp;", "&"))).text
    assert page.count("<time") + rest.count("<time") - page.count('class="turn"') - rest.count('class="turn"') == 30
    assert "hx-get" not in rest


async def test_a_decision_has_its_receipt(browse, service, shop, words):
    await service.client.post("/v1/events", json=shop.order("C-1"))
    made = (await service.client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store"})).json()
    client = await browse("read")
    assert f"/console/decision?id={made['decision_id']}" in (await client.get("/console/customer?id=C-1")).text
    said = words(await client.get("/console/decision", params={"id": made["decision_id"]}))
    for action in made["actions"]:
        assert action["title"] in said
    assert "selection_probabilities" in said
    assert (await client.get("/console/decision", params={"id": "../stages"})).status_code == 404


async def test_lifecycle_has_the_counts_of_the_api_and_downloads_them(browse, service, shop, words):
    await service.client.post("/v1/events", json=[shop.order(f"C-{n}", at=shop.ago(days=3)) for n in range(7)])
    await sweep(service.resources.engine, stage_context(service.resources.settings, None), received_now_us())
    client = await browse("read")
    said = words(await client.get("/console/lifecycle"))
    assert "0 → 7" in said
    sheet = await client.get("/console/lifecycle/flows.csv")
    assert sheet.headers["content-type"].startswith("text/csv")
    assert '"none","new",7' in sheet.text
    assert '"new",0,7' in (await client.get("/console/lifecycle/stages.csv")).text
    assert (await client.get("/console/lifecycle?from=yesterday")).status_code == 422


def test_a_cell_that_a_spreadsheet_would_reckon_with_is_text():
    rows = [("=1+1", -3), ("＝1+1", 0), ("S;=1+1", 0)]
    lines = bytes(write_sheet("x", ("a", "b"), rows).body).decode().split("\r\n")
    assert lines[1:4] == ['"\'=1+1",-3', '"\'＝1+1",0', '"S;=1+1",0']


async def test_keys_are_shown_to_an_admin_alone_and_without_secrets(browse, service, words):
    reader, admin = await browse("read"), await browse("admin")
    assert "perennial keys create" not in words(await reader.get("/console/operations"))
    page = await admin.get("/console/operations")
    assert "perennial keys create" in words(page)
    assert service.key not in page.text


async def test_a_key_without_the_scope_is_told_so(browse, words):
    client = await browse("ingest")
    answer = await client.get("/console/customers")
    assert answer.status_code == 403
    assert "This key may not see this" in words(answer)


async def test_who_looked_at_whom_is_in_the_audit(engine, serve, sql, shop, wait_until):
    async with serve(audit_days=1) as service:
        async with transaction(engine) as connection:
            key_id, _ = await create_key(connection, "looks", ["read"], 1)
            token = await begin_session(connection, key_id, received_now_us())
        await service.client.post("/v1/events", json=shop.order("C-1"))
        async with service.connect(cookies={"perennial-session": token}) as client:
            answer = await client.get("/console/customer?id=C-1")
        await service.resources.audit.write_noted()
        asked = "SELECT operation, request_ids FROM audit_log WHERE made_by = :who"

        async def is_written():  # what was noted may be on its way
            return await sql.rows(asked, who=f"key {key_id}")

        await wait_until(is_written)
        rows = await is_written()
    assert {row["operation"] for row in rows} >= {
        "GET /v1/customers/{customer_id:path}",
        "GET /v1/customers/{customer_id:path}/score",
    }
    assert all(row["request_ids"] == [answer.headers["x-request-id"]] for row in rows)


async def test_the_language_is_the_browsers_until_one_is_chosen(browse):
    client = await browse("admin", **{"accept-language": "zh-CN,zh;q=0.9"})
    for path in PLACES:
        answer = await client.get(path)
        assert '<html lang="zh-Hans">' in answer.text
    assert "即将流失" in (await client.get("/console/customers")).text
    form = {"language": "en", "next": "/console/customers"}
    chosen = await client.post("/console/language", data=form, headers=SAME)
    assert chosen.headers["location"] == "/console/customers"
    assert "About to leave" in (await client.get("/console/customers")).text


async def test_a_database_that_is_away_gives_a_page_that_says_so(service, browse, words, monkeypatch):
    client = await browse("read")
    assert (await client.get("/console/customers")).status_code == 200
    monkeypatch.setattr(service.resources, "engine", Gone())
    answer = await client.get("/console/customers")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The database is away" in words(answer)
    assert 'data-again="/console/customers"' in answer.text


async def test_files_are_kept_for_ever_at_an_address_of_their_bytes(service):
    async with service.connect() as client:
        for name, (url, document) in load_assets().items():
            answer = await client.get(url)
            assert answer.content == (DIRECTORY / name).read_bytes()
            assert "immutable" in answer.headers["cache-control"]
            again = await client.get(url, headers={"if-none-match": answer.headers["etag"]})
            assert again.status_code == 304
            assert isinstance(document, Document)
        assert (await client.get("/console/static/console.000000000000.css")).status_code == 404
        assert (await client.get("/console/static/..%2Fpart.py")).status_code == 404


def test_what_is_sent_is_small_and_what_is_of_others_unchanged():
    assert hashlib.sha256((DIRECTORY / "htmx.min.js").read_bytes()).hexdigest() == HTMX_SHA256
    assert (DIRECTORY / "htmx.LICENSE").read_text().startswith("Zero-Clause BSD")
    packed = {path.suffix: 0 for path in DIRECTORY.iterdir()}
    for path in DIRECTORY.iterdir():
        packed[path.suffix] += len(gzip.compress(path.read_bytes(), 9))
    assert packed[".js"] <= 60_000
    assert packed[".css"] <= 20_000


async def test_operations_puts_a_model_in_force_and_takes_it_back(browse, service, words, monkeypatch):
    """Through the API: what it is told, and what a refusal looks like."""
    client = await browse("admin")
    assert "There is no model yet" in words(await client.get("/console/models"))
    assert (await client.get("/console/model?version=none")).status_code == 404
    form = {"version": "none", "reason": "better"}
    assert (await client.post("/console/model/promote", data=form, headers=SAME)).status_code == 404
    assert (await client.post("/console/model/promote", data=form)).status_code == 403
    back = await client.post("/console/models/rollback", data={"kind": "score", "reason": "worse"}, headers=SAME)
    assert back.status_code == 409
    assert "The model cannot be put in force" in words(back)
    reader = await browse("read")
    assert (await reader.get("/console/models")).status_code == 403
    assert "/console/models" not in (await reader.get("/console/customers")).text


def test_measures_are_listed_beside_each_other_ours_first():
    models = {"rfm": {"auc": 0.7}, "perennial": {"auc": 0.8, "brier": 0.1}}
    told = list_measures({"n": 5, "churn": {"models": models}, "spend": {"left_out": {}}})
    assert told == [("churn", ["auc", "brier"], [("perennial", [0.8, 0.1]), ("rfm", [0.7, None])])]


async def test_what_was_refused_is_mended_and_counted(browse, service, shop, words):
    broken = shop.order("C-1", total="many", order_id="O-1")
    await service.client.post("/v1/events", json=[broken, shop.order("C-2", total="more")])
    reader, admin = await browse("read"), await browse("admin")
    assert "Count it as mended" not in words(await reader.get("/console/data"))
    page = await admin.get("/console/data")
    assert "Input should be a valid number" in words(page)
    rejected_id = re.findall(r'name="rejected_id" value="(\d+)"', page.text)[-1]
    form = {"rejected_id": rejected_id, "event": json.dumps(broken)}
    again = await admin.post("/console/data/replay", data={**form, "as": "kept"}, headers=SAME)
    assert (again.status_code, "It was refused again" in words(again)) == (422, True)
    broken["data"]["total"] = 5
    form = {"rejected_id": rejected_id, "event": json.dumps(broken), "as": "mended"}
    assert (await reader.post("/console/data/replay", data=form, headers=SAME)).status_code == 403
    mended = await admin.post("/console/data/replay", data=form, headers=SAME)
    assert "Counted: 1" in words(mended)
    counted = {(await service.client.get(f"/v1/customers/{name}")).status_code for name in ("C-1", "C-2")}
    assert counted == {200, 404}
    assert "Refused again: 1" in words(await admin.post("/console/data/replay-all", headers=SAME))


async def test_effects_and_the_catalogue_are_shown(browse, service, shop, words):
    client = await browse("read")
    assert "Nothing was decided in this time." in words(await client.get("/console/actions"))
    for number in range(3):
        await service.client.post("/v1/events", json=shop.order(f"C-{number}"))
        await service.client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "store"})
    page = await client.get("/console/actions")
    said = words(page)
    assert "Nothing was decided" not in said
    for action in (await service.client.get("/v1/actions")).json()["actions"]:
        assert action["title"]["en"] in page.text.replace("&#39;", "'")
    assert (await client.get("/console/actions?from=x")).status_code == 422


async def test_kpis_are_the_api_s_beside_those_before(browse, service, shop, words):
    for days, total in ((1, 300.0), (2, 100.0), (31, 200.0)):
        await service.client.post("/v1/events", json=shop.order("C-1", total=total, at=shop.ago(days=days)))
    client = await browse("read")
    frame = await client.get("/console/kpis")
    assert 'hx-get="/console/kpis/table?from=' in frame.text
    said = words(await client.get("/console/kpis/table"))
    assert re.search(r"Sales What was paid .*? CN¥400.00 CN¥200.00 \+100.0% ", said)
    assert "Not all days have acquisition costs" in said, "why it is not defined"
    told = words(await client.get("/console/kpis/table?by=channel&kpi=basket_value"))
    assert "Store CN¥200.00 400 / 2 CN¥200.00" in told
    chinese = words(await client.get("/console/kpis/table", headers={"accept-language": "zh"}))
    assert "销售额" in chinese


async def test_stages_over_time_and_cohorts_are_those_of_the_api(browse, service, shop, words):
    events = [shop.order(f"C-{n}", at=shop.ago(days=1 + days)) for n in range(4) for days in (0, 70)[: 1 + n % 2]]
    await service.client.post("/v1/events", json=events)
    await sweep(service.resources.engine, stage_context(service.resources.settings, None), received_now_us())
    client = await browse("read")
    page = (await client.get("/console/lifecycle?months=6")).text
    assert "/console/lifecycle/months?months=6" in page
    assert 'aria-current="true">6 months' in page
    told = words(await client.get("/console/lifecycle/months?months=6"))
    assert "GET /v1/kpis/stages?from=" in told
    sheet = (await client.get("/console/lifecycle/months.csv?months=6")).text.splitlines()
    assert len(sheet) == 7
    assert sum(map(int, sheet[-1].split(",")[2:])) == 4
    cohorts = words(await client.get("/console/lifecycle/cohorts"))
    assert "100%" in cohorts
    assert len((await client.get("/console/lifecycle/cohorts.csv?months=6")).text.splitlines()) == 1 + 6 * 7 // 2
    chinese = await client.get("/console/lifecycle/cohorts?months=junk", headers={"accept-language": "zh"})
    assert "按首单月份的留存" in chinese.text


async def test_the_revenue_tree_is_the_api_s_in_both_languages(browse, service, shop, words):
    events = [shop.order("C-1", total=40, at=shop.ago(days=days)) for days in (2, 3, 40)]
    events.append(shop.order("C-2", total=7, at=shop.ago(days=45)))
    await service.client.post("/v1/events", json=events)
    client = await browse("read")
    (previous, year_before) = re.findall(r'hx-get="([^"]+/tree[^"]+)"', (await client.get("/console/kpis")).text)
    said = words(await client.get(previous.replace("&amp;", "&")))
    assert "From CN¥47.00 to CN¥80.00: +CN¥33.00." in said
    assert "Customers who stayed: how many +CN¥80.00" in said
    assert "before the first event" in words(await client.get(year_before.replace("&amp;", "&")))
    sheet = await client.get(previous.replace("&amp;", "&").replace("tree?", "tree.csv?"))
    assert '"retained","","' not in sheet.text
    assert '"retained",' in sheet.text
    chinese = await client.get(previous.replace("&amp;", "&"), headers={"accept-language": "zh"})
    assert "销售额环比变动拆解" in chinese.text
    assert (await client.get("/console/kpis/tree?from=x&compared_with=previous")).status_code == 422


async def test_kpis_by_what_there_is_not_are_the_usual_ones(browse):
    client = await browse("read")
    assert (await client.get("/console/kpis/table?by=nonsense&kpi=nonsense")).status_code == 200
    assert (await client.get("/console/kpis/table?by=month&kpi=nonsense")).status_code == 200
    for wrong in ("from=soon", "from=2026-02-30", "from=2099-01-01"):
        assert (await client.get(f"/console/kpis/table?{wrong}")).status_code == 422, wrong


async def test_kpis_as_a_sheet(browse, service, shop):
    await service.client.post("/v1/events", json=shop.order("C-1", total=12.5, at=shop.ago(days=1)))
    client = await browse("read")
    sheet = (await client.get("/console/kpis.csv?by=store")).text.splitlines()
    assert (
        sheet[0]
        .lstrip("\ufeff")
        .startswith('"key","from","to","kpi","value","numerator","denominator","reason","previous_value"')
    )
    assert any(',"sales",12.5,' in line for line in sheet)


async def test_whatever_an_event_says_its_customer_is_shown(browse, service, shop, words):
    told = [
        shop.event("store.visited", "C-odd", data={"tier": True}),
        shop.order("C-odd", points=1e308),
        shop.event("case.opened", "C-odd", data={"case_id": "1", "kind": False, "score": 1e27}),
    ]
    await service.client.post("/v1/events", json=told)
    answer = await (await browse("read")).get("/console/customer", params={"id": "C-odd"})
    assert (answer.status_code, "1e+308" in words(answer)) == (200, True)


async def test_an_id_with_spaces_is_not_the_one_without(browse, service, shop, words):
    await service.client.post("/v1/events", json=[shop.order("C-1", total=22), shop.order(" C-1 ", total=777)])
    client = await browse("read")
    assert "777.00" in words(await client.get("/console/customer", params={"id": " C-1 "}))
    typed = await client.get("/console/customer", params={"id": " C-1"})
    assert (typed.status_code, typed.headers["location"]) == (303, "/console/customer?id=C-1")


async def test_a_large_refused_event_is_left_to_the_api_and_can_be_counted(browse, service, shop, words):
    large = shop.order("C-1", total="many", note="x" * 20_000)
    chinese = shop.order("C-2", total="many", note="很" * 1_500)
    await service.client.post("/v1/events", json=[large, chinese])
    client = await browse("admin")
    page = await client.get("/console/data")
    assert "It is too large to be shown here" in words(page)
    assert page.text.count("<textarea") == 1
    (rejected_id,) = re.findall(r'<textarea id="event-(\d+)"', page.text)
    chinese["data"]["total"] = 5
    form = {"rejected_id": rejected_id, "event": json.dumps(chinese, ensure_ascii=False), "as": "mended"}
    mended = await client.post("/console/data/replay", data=form, headers=SAME)
    assert "Counted: 1" in words(mended)
    assert 'name="next" value="/console/data"' in mended.text, "the page that it is, not the form's own address"


@pytest.mark.parametrize(
    ("rejected_id", "event"), [("9" * 5000, "{}"), ("²", "{}"), ("٣", "{}"), ("", "{}"), ("1", " ")]
)
async def test_what_no_event_can_be_mended_with_is_refused(browse, rejected_id, event):
    form = {"rejected_id": rejected_id, "event": event, "as": "mended"}
    client = await browse("admin")
    assert (await client.post("/console/data/replay", data=form, headers=SAME)).status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/kpis/table?to=9999-12-31", 422),
        ("/console/kpis.csv?from=0001-01-01", 422),
        ("/console/lifecycle?from=9999-12-31", 422),
        *((f"/console/{way}", 404) for way in ("model", "model?version=/", "decision", "decision?id=")),
    ],
)
async def test_what_is_not_there_is_said_so(browse, path, status):
    assert (await (await browse("admin")).get(path)).status_code == status


async def test_a_key_that_ends_with_the_calendar_is_listed(engine, browse, words):
    async with transaction(engine) as connection:
        await create_key(connection, "for ever", ["read"], 1, expires_us=253402300799000000)
    assert "for ever" in words(await (await browse("admin")).get("/console/operations"))


async def test_an_origin_that_is_none_is_not_ours(browse):
    client = await browse("read")
    for origin in ("http://[", "null", "", "http://test@evil"):
        answer = await client.post("/console/language", data={"language": "zh"}, headers={"origin": origin})
        assert answer.status_code == 403, origin
    assert (await client.post("/console/language", headers={"origin": "http://test"})).status_code == 303
    assert (await client.get("/console/")).status_code == 303


async def test_the_audit_is_filtered_and_downloaded(serve, engine, shop, words):
    async with serve(audit_days=1) as service:
        async with transaction(engine) as connection:
            key_id, _ = await create_key(connection, "looks", ["admin"], 1)
            token = await begin_session(connection, key_id, received_now_us())
        await service.client.post("/v1/events", json=[shop.order("C-1"), shop.order("C-2")])
        await service.client.get("/v1/customers/C-2")
        while await service.resources.audit.write_noted():
            pass
        async with service.connect(cookies={"perennial-session": token}) as client:
            page = words(await client.get("/console/audit"))
            of_one = words(await client.get("/console/audit?customer_id=C-2&act=read"))
            of_nobody = words(await client.get("/console/audit?customer_id=C-nobody"))
            sheet = (await client.get("/console/audit.csv?act=read")).text
            wrong = await client.get("/console/audit?act=think")
            operations = words(await client.get("/console/operations"))
    assert "POST /v1/events" in page
    assert "Verified from row 1" in page
    assert "GET /v1/customers/{customer_id:path}" in of_one
    assert "POST /v1/events" not in of_one
    assert "Nothing of this kind was recorded" in of_nobody
    assert "GET /v1/customers/{customer_id:path}" in sheet
    assert "POST /v1/events" not in sheet
    assert wrong.status_code == 422
    assert "Erasures Waits for its time" in operations
    assert "GET /v1/keys" in operations


@pytest.fixture
async def action(service):
    """The first of the catalogue, which is as it was afterwards: the tests have one for all."""
    (action, *_) = (await service.client.get("/v1/actions")).json()["actions"]
    yield action
    back = await service.client.put(f"/v1/actions/{action['action_id']}", json=action)
    assert back.status_code == 200, back.text


async def test_a_change_of_an_action_is_tried_and_put_in_force(browse, service, shop, words, action):
    await service.client.post("/v1/events", json=[shop.order(f"C-{n}") for n in range(3)])
    path, title = f"/console/action?id={action['action_id']}", {"en": "</textarea><b>", "zh": "改"}
    draft = {**action, "stages": ["lost"], "title": title}
    reader, admin = await browse("read"), await browse("admin")
    assert "/console/action/save" not in (await reader.get(path)).text
    for form, status in (
        ({"action": json.dumps(draft)}, 200),
        ({"action": "{"}, 400),
        ({"action": " "}, 422),
        ({}, 422),
    ):
        answer = await reader.post("/console/action/simulate", data=form, headers=SAME)
        assert answer.status_code == status, form
        assert "<b>" not in answer.text
    tried = words(await reader.post("/console/action/simulate", data={"action": json.dumps(draft)}, headers=SAME))
    assert "Of 3 customers; 3 of them were looked at." in tried
    assert "Stage is lost 0 0.0% 0 0.0%" in tried
    refused = await reader.post("/console/action/save", data={"action": json.dumps(draft)}, headers=SAME)
    assert refused.status_code == 403
    assert (await service.client.get("/v1/actions")).json()["actions"][0] == action, "nothing was changed"
    saved = await admin.post("/console/action/save", data={"action": json.dumps(draft)}, headers=SAME)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{path}&saved")
    assert "It is in force" in words(await admin.get(saved.headers["location"]))
    assert (await service.client.get("/v1/actions")).json()["actions"][0]["stages"] == ["lost"]
    wrong = await admin.post("/console/action/save", data={"action": '{"action_id": "a/../b"}'}, headers=SAME)
    assert (wrong.status_code, "It cannot be so:" in words(wrong)) in ((422, True), (404, True))
    assert (await admin.get("/console/action?id=none-such")).status_code == 404


def test_features_that_moved_farthest_come_first():
    report = {"psi": {"orders": 0.01, "visits": 0.3}, "weights": {"orders": 0.4}}
    assert list_drift(report) == [("visits", 0.3, None), ("orders", 0.01, 0.4)]
    assert list_drift({}) == []
