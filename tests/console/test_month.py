"""The report of a month: the API's own figures, what follows from them, on a page that asks nobody for anything."""

import re
import shutil
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from app.commands import browsers
from app.console.figures import figure_of
from app.console.formats import Formats
from app.console.month import MonthRead, advise, read_month, render_month
from app.foundation.errors import Refusal
from app.foundation.times import received_now_us
from app.kpis.catalogue import KPIS
from app.kpis.periods import Period
from app.stages.service import stage_context
from app.stages.sweep import sweep
from tests.kpis.history import History

MARCH = Period(date(2025, 3, 1), date(2025, 4, 1))
EVIL = "<script>alert(1)</script>"
FORMATS = Formats("en", ZoneInfo("Asia/Shanghai"), "CNY")
NONE = {"value": None, "numerator": None, "denominator": None, "reason": None}


@pytest.fixture
async def march(service, shop, engine):
    history = History(shop)
    events = [*history.everything(), history.order(EVIL, "2025-03-01", 5)]
    assert (await service.client.post("/v1/events", json=events)).json()["rejected"] == 0
    settings = service.resources.settings
    await sweep(engine, stage_context(settings, None), received_now_us())
    return await read_month(engine, MARCH, settings, received_now_us())


async def test_the_report_has_the_figures_of_the_api(march, service, words):
    asked = {"from": "2025-03-01", "to": "2025-04-01"}
    told = (await service.client.get("/v1/kpis", params=asked)).json()
    assert march.kpis["kpis"] == told["rows"][0]["kpis"]
    page = await render_month(march, FORMATS)
    said = words(type("Answer", (), {"text": page}))
    assert "The month of March 2025" in said
    for name in ("sales", "crr"):
        kpi = next(each for each in KPIS if each.name == name)
        assert FORMATS.unit(told["rows"][0]["kpis"][name]["value"], kpi.unit) in said
    assert "Put what was spent to acquire customers" in said


async def test_the_page_is_whole_by_itself_and_escapes_what_it_tells(march, engine):
    warned = {"customer_id": EVIL, "stage": "lost", "stage_rule": "silent_for_a_year", "churn_risk": 0.9}
    read = march._replace(warnings=[{**warned, "expected_loss": 12.5}])
    for language, title in (("en", "The month of March 2025"), ("zh", "2025年3月客户经营月报")):
        page = await render_month(read, FORMATS._replace(language=language))
        assert title in page
        assert EVIL not in page
        assert "&lt;script&gt;" in page
        assert not re.search(r"<script|<link|<img|https?://|@import|url\(|\bsrc=", page)


def value_of(value, before):
    return {**NONE, "value": value, "previous": {**NONE, "value": before}, "year_before": NONE}


def effect(action_id, low, high):
    worth = {"estimate": (low + high) / 2, "low": low, "high": high}
    return {"action_id": action_id, "stage": "new", "channel": "store", "value_uplift": worth}


def advice_of(*, actions=(), warnings=(), crr=(0.5, 0.5), flows=(), mismatch=()):
    values = {kpi.name: value_of(1.0, 1.0) for kpi in KPIS} | {"crr": value_of(*crr)}
    figures = {kpi.name: (kpi, figure_of(kpi.unit, kpi.better, values[kpi.name])) for kpi in KPIS}
    effects = {"actions": list(actions), "warnings": list(mismatch)}
    read = MonthRead(MARCH, {}, {"flows": list(flows)}, list(warnings), None, effects, {})
    return [(each.name, dict(each.values)) for each in advise(read, figures, {"a": "Coupon"}, FORMATS)]


def test_what_is_certain_is_gone_on_with_or_stopped_and_the_rest_counted():
    told = advice_of(actions=[effect("a", 1.0, 3.0), effect("b", -3.0, -1.0), effect("c", -1.0, 2.0)])
    assert [name for name, _ in told] == ["keep", "stop", "unsure"]
    assert told[0][1] == {
        "action": "Coupon",
        "stage": "New",
        "channel": "Store",
        "estimate": "CN¥2.00",
        "low": "CN¥1.00",
        "high": "CN¥3.00",
    }
    assert told[2][1] == {"n": "1"}
    assert advice_of(actions=[effect("a", 1.0, 3.0)], mismatch=["sample_ratio_mismatch"]) == [("mismatch", {})]
    assert advice_of() == [("decide", {})]


def test_who_slid_and_what_fell_is_told_first():
    flows = [
        {"from": "mature", "to": "declining", "customers": 3},
        {"from": "growing", "to": "lost", "customers": 4},
        {"from": "declining", "to": "lost", "customers": 50},
        {"from": "new", "to": "growing", "customers": 9},
    ]
    told = advice_of(crr=(0.4, 0.5), flows=flows, warnings=[{"expected_loss": 2.0}, {"expected_loss": 1.5}])
    assert told[:3] == [
        ("look_after", {"n": "2", "loss": "CN¥3.50"}),
        ("retention", {"change": "−10.0%"}),
        ("slid", {"n": "7", "stage": "Growing"}),
    ]


def refusal(perennial, *words):
    """In words, without colours."""
    try:
        told = perennial("report", "month", *words)
    except Refusal as refused:
        told = str(refused)
    return re.sub(r"\x1b\[[0-9;]*m", "", told)


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(browsers, "NAMES", ("no-such-browser",))


def test_the_command_writes_it_and_refuses_what_it_cannot(perennial, tmp_path, no_browser):
    page = tmp_path / "month.html"
    assert "The report is in" in perennial("report", "month", "--html", page, "--month", "2025-03", "--language", "zh")
    assert "2025年3月客户经营月报" in page.read_text()
    assert '"perennial report month"' in perennial("audit", "list")
    for words, said in (
        ((), "--html"),
        (("--html", page, "--month", "2999-01"), "has begun"),
        (("--html", page, "--month", "soon"), "Invalid value"),
        (("--html", tmp_path / "none" / "x.html"), "no directory"),
        (("--png", tmp_path / "x.png"), "needs Chromium"),
    ):
        assert said in refusal(perennial, *words), words


@pytest.mark.skipif(not any(map(shutil.which, browsers.NAMES)), reason="there is no chromium")
def test_a_picture_is_as_high_as_the_page(tmp_path):
    page = "<!doctype html><html lang='en'><body><div style='height:2345px'></div></body></html>"
    browsers.take_picture(browsers.find_browser(), page, tmp_path / "x.png")
    head = (tmp_path / "x.png").read_bytes()[:24]
    width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    assert width == browsers.WIDTH
    assert 2345 <= height <= 2400
