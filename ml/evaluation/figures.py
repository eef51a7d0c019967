"""An evaluation as tables for a terminal."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from app.lifecycle.targets import CHURN, target_of
from ml.evaluation.judging import name_of_mean

_WIDTH = 110


def render_figures(result: Mapping[str, Any]) -> str:
    """The figures of the latest cut-off, by model, and of all cut-offs where there are more."""
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(_models_table(result))
        console.print(f"{result['method']}: {result['note']}", markup=False)
        for name, reason in result["left_out"].items():
            console.print(f"{name} is left out. {reason}", markup=False)
        if "summary" in result:
            console.print(_cutoffs_table(result))
    return captured.get()


def render_baskets(result: Mapping[str, Any]) -> str:
    """How well next baskets were foretold, by model."""
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(_metrics_table(result, f"{result['n']:,} customers: {result['method']}"))
    return captured.get()


def render_replenishment(result: Mapping[str, Any]) -> str:
    """What was said of items that were called due, and what came, by decile of what was said."""
    due = result["due"]
    table = Table(
        "items", "said", "came", "came − said", "95 %", title=f"{result['n']:,} due items: {result['method']}"
    )
    for each in due["deciles"]:
        if each["n"]:
            interval = " to ".join(map(_figure, each["interval"]))
            table.add_row(f"{each['n']:,}", *(_figure(each[name]) for name in ("said", "came", "difference")), interval)
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
        console.print(_metrics_table(due, "items that are called due"))
        console.print(_metrics_table(result["all"], "all items that somebody bought before"))
    return captured.get()


def render_prospects(result: Mapping[str, Any]) -> str:
    """How well first orders were foretold, and who would prove one of the best customers."""
    console = Console(width=_WIDTH, highlight=False)
    days = result["horizon_days"]
    with console.capture() as captured:
        for target, came in (("first_order", f"a first order in {days} days"), ("likeness", "proved one of the best")):
            told = result[target]
            title = f"{result['n']:,} prospects, {told['base_rate']:.1%} {came}, {told['mean_predicted']:.1%} foretold"
            console.print(_metrics_table(told, title))
        if result.get("simulated"):
            console.print("The events are the demo shop's: simulated.", markup=False)
    return captured.get()


def render_sentiment(result: Mapping[str, Any]) -> str:
    """How often texts are called what their writers felt."""
    auc = "not defined" if result["auc"] is None else _figure(result["auc"])
    return f"{result['n']:,} texts that had no part in learning: accuracy {_figure(result['accuracy'])}, AUC {auc}."


def render_demand(result: Mapping[str, Any]) -> str:
    """How far off forecasts of units were, by model, and how much of what came their intervals held."""
    console = Console(width=_WIDTH, highlight=False)
    interval = result["interval"]
    with console.capture() as captured:
        console.print(_metrics_table(result, f"{result['n']:,} forecasts: {result['method']}"))
        held = f"{_figure(interval['held'])}, of items that had sold of late {_figure(interval['held_of_sold'])}"
        console.print(f"Intervals of {interval['coverage']:.0%} held {held}.", markup=False)
    return captured.get()


def render_discounts(result: Mapping[str, Any]) -> str:
    """Whether shares on discount are the same in the next half-year, and what is the best guess of them."""
    table = Table(title=f"{result['n']:,} {result['method']}; {result['share']:.1%} of all")
    for name in ("from", "then", "rank correlation", "own", "shop's", "shrunk", "weight"):
        table.add_column(name, justify="right", overflow="fold")
    for pair in result["pairs"]:
        stable = "\n".join(
            f"{_figure(each['rank_correlation'])} of {each['customers']:,}, {each['least_lines']} lines"
            for each in pair["stable"]
        )
        errors = (_figure(pair["squared_error"][name]) for name in ("own", "shop", "shrunk"))
        table.add_row(pair["from"], pair["then"], stable, *errors, f"{pair['weight']:.1f}")
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def render_uplift(result: Mapping[str, Any]) -> str:
    """How well scores rank those whom a treatment moves, and what the best arm for each brings."""
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(_metrics_table(result, "whom it moves"))
        for name, value in result["policy"].items():
            figures = " to ".join(_figure(value[end]) for end in ("low", "high"))
            console.print(f"{name.replace('_', ' ')}: {_figure(value['value'])} each ({figures})", markup=False)
    return captured.get()


def render_test(result: Mapping[str, Any]) -> str:
    """An A/B test in sentences."""
    sides = ", ".join(f"{count:,} of {name}" for name, count in result["n"].items())
    fixed, reading = result["fixed"], result["any_time"]
    lines = [
        f"{sides}; {result['least_sample_each']:,} of each are needed to see such an effect in four of five tests.",
        f"Read once, at the end: {_interval(fixed)}, p = {_figure(fixed['p'])}.",
        "Read at any time: too few were seen." if reading is None else f"Read at any time: {_interval(reading)}.",
    ]
    if result["sample_ratio"]["is_mismatch"]:
        lines.append("The sides are not as large as chance makes them: look why before you believe the difference.")
    return "\n".join(lines) + "\n"


def render_policies(result: Mapping[str, Any]) -> str:
    """What each policy would have brought a decision, three ways."""
    ways = ("inverse_propensity", "self_normalised", "doubly_robust")
    table = Table("policy", *ways, "effective", title=f"{result['decisions']:,} decisions by chance")
    for name, value in result["policies"].items():
        told = ("–" if value[way] is None else _around(value[way]) for way in ways)
        table.add_row(name, *told, f"{value['effective_sample_size']:,.0f}")
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
        console.print(f"As was decided: {_figure(result['as_decided'])} each.", markup=False)
        for name, lead in result["leads"].items():
            console.print(f"Learned over {name}: {_around(lead)} more a decision.", markup=False)
        for name, value in result["policies"].items():
            for warning in value["warnings"]:
                console.print(f"{name}: {_WARNINGS[warning]}", markup=False)
    return captured.get()


_WARNINGS: Final = {
    "few_effective": "too few decisions were as this policy would have them; the log can hardly answer.",
    "lacking_support": "it chooses what was never tried, or nothing; the log cannot answer.",
    "clipped": "some decisions were so unlikely that their weight was cut.",
}


def _around(estimate: Mapping[str, float]) -> str:
    return f"{_figure(estimate['value'])} ({_figure(estimate['low'])} to {_figure(estimate['high'])})"


def _interval(reading: Mapping[str, float]) -> str:
    return f"{_figure(reading['difference'])} ({_figure(reading['low'])} to {_figure(reading['high'])})"


def _title(result: Mapping[str, Any]) -> str:
    days = result["horizon_days"]
    if result["target"] == CHURN.name:
        return f"{result['n']:,} customers, {result['base_rate']:.1%} without a purchase in {days} days"
    target = result["target"]
    if target_of(target).is_probability:
        return f"{result['n']:,} customers, {result['base_rate']:.1%} with {target} in {days} days"
    return f"{result['n']:,} customers, {result[name_of_mean(target)]:,.2f} {target} each in {days} days"


def _models_table(result: Mapping[str, Any]) -> Table:
    return _metrics_table(result, _title(result))


def _metrics_table(result: Mapping[str, Any], title: str) -> Table:
    table = Table(title=title)
    table.add_column("model", no_wrap=True)
    names = list(next(iter(result["models"].values())))
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for model, metrics in result["models"].items():
        table.add_row(model, *(_figure(metrics[name]) for name in names))
    return table


def _cutoffs_table(result: Mapping[str, Any]) -> Table:
    """Ours at every cut-off."""
    names = list(next(iter(result["models"].values())))
    table = Table("cut-off", "forecast", "actual", *names, title="at every cut-off")
    actual = name_of_mean(result["target"])
    for each in result["cutoffs"]:
        levels = (_figure(each["mean_predicted"]), _figure(each[actual]))
        table.add_row(each["cutoff"], *levels, *(_figure(value) for value in each["models"]["perennial"].values()))
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4f}".replace("-", "−")
