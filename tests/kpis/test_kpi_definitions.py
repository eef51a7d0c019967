"""The catalogue of KPIs."""

import re
from typing import get_args

from app.kpis.catalogue import KPIS, REASONS
from app.kpis.definitions import Reason, evaluate
from app.kpis.statements import STATEMENTS

COUNTED = {name for statement in STATEMENTS for name in re.findall(r"AS (\w+)", statement)} | {"cost_minor"}


def test_every_kpi_has_its_words_and_every_reason_too():
    for kpi in KPIS:
        assert kpi.en.label
        assert kpi.en.definition.endswith(".")
        assert kpi.zh.definition.endswith("。")
        assert re.search(r"[\u4e00-\u9fff]", kpi.zh.label)
        assert (kpi.without is None) == (kpi.denominator is None)
    assert REASONS.keys() == set(get_args(Reason))
    assert len({kpi.name for kpi in KPIS}) == len(KPIS)


def test_formulas_are_of_what_is_counted_by_all_that_they_are_told_by():
    for kpi in KPIS:
        for measure in {**kpi.numerator, **(kpi.denominator or {})}:
            assert measure in COUNTED
            counted_by = {by for statement, bys in STATEMENTS.items() if f"AS {measure}" in statement for by in bys}
            assert measure == "cost_minor" or kpi.by <= counted_by, (kpi.name, measure)


def test_money_is_told_in_major_units_and_time_in_hours():
    (basket, atp) = (next(each for each in KPIS if each.name == name) for name in ("basket_value", "atp"))
    assert evaluate(basket, "all", {"order_minor": 1001, "orders": 2}, 2) == (5.005, 10.01, 2, None)
    assert evaluate(basket, "all", {"order_minor": 1001, "orders": 2}, 0) == (500.5, 1001, 2, None)
    assert evaluate(atp, "all", {"processing_us": 5_400_000_000, "cases_resolved": 1}, 2).value == 1.5
