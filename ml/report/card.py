"""The card of a model: what it is, what it was made from, how good it was, and what it cannot know.

After M. Mitchell et al., Model Cards for Model Reporting (2019). It is written from the manifest alone, so that
it says nothing of a model that its manifest does not; what the manifest leaves out, the card says is missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from app.lifecycle.targets import CHURN, ORDERS, OTHERS, SPEND, TARGETS

Members = Mapping[str, Any]

YEAR_DAYS: Final = 365
LITTLE_HISTORY_DAYS: Final = 2 * YEAR_DAYS
FEW_CUSTOMERS: Final = 1000
POOR_CALIBRATION: Final = 0.05
NOT_GIVEN: Final = "not given"
ABSENT: Final = "–"
LEFT_OUT: Final = (
    "Who was erased, or refused profiling, when it was made is not in its data; who is erased or refuses since is left "
    "out of the next."
)
LEFT_OUT_BY_NOBODY: Final = (
    "Whether anybody in its data was erased or refuses profiling is not known: a file is taken as it is."
)

_METHODS: Final = {
    "additive_trees": "boosted trees of one feature each, compiled into one step table a feature",
    "carried_over": "the same trees, learned from shorter windows inside the history and carried over to the horizon",
    "pareto_nbd": "the Pareto/NBD model, its predictions written as one step table a feature",
    "bg_nbd": "the BG/NBD model, its predictions written as one step table a feature",
}
_TARGETS: Final = {target.name: target.summary for target in TARGETS}
_SUBJECTS: Final = {
    ORDERS.name: "orders were",
    SPEND.name: "spend was",
    **{target.name: f"{target.name} were" for target in OTHERS if not target.is_probability},
}
_CHANCES: Final = {
    CHURN.name: "Risks missed the share that left",
    **{target.name: f"Probabilities of {target.name} missed its share" for target in OTHERS if target.is_probability},
}
_METRICS: Final = {
    "auc": "AUC",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "ece": "ECE",
    "lift_at_10": "Lift of the first tenth",
    "mae": "MAE",
    "rmse": "RMSE",
    "pearson": "Pearson correlation",
    "spearman": "Spearman rank correlation",
    "normalised_gini": "Normalised Gini",
    "bias": "Bias",
}


def render_card(manifest: Members) -> str:
    """Markdown. `manifest` is that of the artefact (format 2), without the card's own digest."""
    sections = (
        (f"Model card: {manifest.get('version', NOT_GIVEN)}", _describe(manifest)),
        ("Intended use", _describe_use(manifest)),
        ("Data", _describe_data(manifest)),
        ("Method", _describe_method(manifest)),
        ("Measured", _describe_metrics(manifest)),
        ("Calibration", _describe_calibration(manifest)),
        ("Season and level", _describe_level(manifest)),
        ("Limits", _bullets(_find_limits(manifest))),
        ("Digests", _describe_digests(manifest)),
    )
    parts = (f"{'#' if at == 0 else '##'} {title}\n\n{body}" for at, (title, body) in enumerate(sections))
    return "\n\n".join(parts) + "\n"


def _describe(manifest: Members) -> str:
    days, unknown = manifest.get("horizon_days", NOT_GIVEN), manifest.get("unknown_targets", ())
    return "\n".join(
        (
            f"Made on {_day(manifest.get('created_at'))}, for a horizon of {days} days, it tells of each customer:",
            "",
            _bullets(f"`{name}`: {meaning}" for name, meaning in _TARGETS.items() if name not in unknown),
        )
    )


def _describe_use(manifest: Members) -> str:
    return _bullets(
        (
            "For ranking and addressing customers who have bought before: whom to win back, what a visit is worth.",
            "Not for decisions on credit, prices of a person, employment or anything with legal effect.",
            "Not for people who have not bought yet: rules answer for them.",
            f"Each prediction is of the {manifest.get('horizon_days', NOT_GIVEN)} days that follow.",
            "It says what is likely, not what an action would change.",
        )
    )


def _describe_data(manifest: Members) -> str:
    data, training, population = (_part(manifest, name) for name in ("data", "training", "population"))
    kind = "simulated: the demo shop's, not a retailer's" if data.get("simulated") else "real events"
    facts = {
        "Source": data.get("source"),
        "Kind": kind if "simulated" in data else None,
        "From": _day(training.get("data_from")),
        "Until": _day(training.get("data_until")),
        "Days": _span_days(manifest),
        "Customers": population.get("customers"),
        "Persons left out, who refuse profiling": data.get("refusing"),
        "Cut-offs": len(training["cutoffs"]) if "cutoffs" in training else None,
        "Rows (a customer at a cut-off)": training.get("rows"),
        "Share without an order in the horizon": training.get("base_rate"),
        "Usual days between orders": population.get("rhythm_days"),
    }
    return _table(("", ""), ((name, _write(value)) for name, value in facts.items()))


def _describe_method(manifest: Members) -> str:
    method = str(manifest.get("method", NOT_GIVEN))
    lines = [f"`{method}`: {_METHODS[method]}." if method in _METHODS else f"`{method}`."]
    inner, horizon = manifest.get("inner_horizon_days"), manifest.get("horizon_days")
    if inner is not None and inner != horizon:
        lines.append(f"Learned from windows of {inner} days, for a horizon of {horizon}.")
    if note := manifest.get("note"):
        lines.append(str(note))
    lines.append(f"{len(manifest.get('features', ()))} features; a score is a sum of one term each, its exact reasons.")
    return " ".join(lines)


def _describe_metrics(manifest: Members) -> str:
    """A table a target, the model beside its comparators, in their order."""
    measured = list(_measurements(manifest))
    if not measured:
        return "Not measured: the history has no earlier cut-off to learn from and a later one to be judged at."
    return "\n\n".join(_describe_measurement(target, found) for target, found in measured)


def _measurements(manifest: Members) -> Iterator[tuple[str, Members]]:
    """(target, {cutoff, n, models: {name: {metric: value}}}); what is common to all stands beside the targets."""
    metrics = _part(manifest, "metrics")
    common = {name: value for name, value in metrics.items() if name not in _TARGETS and name != "models"}
    for target in _TARGETS:
        if found := _part(metrics, target):
            yield target, {**common, **(found if "models" in found else {"models": found})}


def _describe_measurement(target: str, measured: Members) -> str:
    models: Members = measured["models"]
    names = list(dict.fromkeys(metric for values in models.values() for metric in values))
    rows = ([model, *(_write(values.get(name), ABSENT) for name in names)] for model, values in models.items())
    table = _table(("", *(_METRICS.get(name, name.replace("_", " ")) for name in names)), rows)
    circumstances = f"At {_day(measured.get('cutoff'))}, {_write(measured.get('n'))} customers not learned from."
    title = f"### {_TARGETS[target]}"
    left_out = _bullets(f"`{name}` is left out: {reason}" for name, reason in _part(measured, "left_out").items())
    return "\n\n".join(part for part in (title, circumstances, table, left_out) if part)


def _describe_calibration(manifest: Members) -> str:
    own = {target: _own_metrics(measured) for target, measured in _measurements(manifest)}
    errors = {what: own.get(target, {}).get("ece") for target, what in _CHANCES.items()}
    biases = {subject: own.get(target, {}).get("bias") for target, subject in _SUBJECTS.items()}
    missed = [
        f"{what} by {_write(error)} on average over ten groups of equal size."
        for what, error in errors.items()
        if error is not None
    ]
    sentences = [
        f"Expected {subject} {abs(bias):.1%} {'above' if bias > 0 else 'below'} what came."
        for subject, bias in biases.items()
        if bias is not None
    ]
    return " ".join(missed + sentences) or "Not measured."


def _own_metrics(measured: Members) -> Members:
    """Of the model itself: the first one of a table."""
    found: Members = next(iter(measured["models"].values()), {})
    return found


def _describe_level(manifest: Members) -> str:
    level = _part(manifest, "level")
    lines = ["The level of each target follows the calendar: learned from past cut-offs, it is added by date."]
    expected = {"expected_share": "not to order", "expected_orders": "orders each", "expected_spend": "spend each"}
    expected |= {
        target.answer: f"with {target.name}" if target.is_probability else f"{target.name} each" for target in OTHERS
    }
    told = [f"{_write(level[name])} {meaning}" for name, meaning in expected.items() if level.get(name) is not None]
    if told:
        lines.append(f"Of the customers known at the end of the data, it then expected on average: {', '.join(told)}.")
    if level.get("deviation") is not None:
        lines.append(
            f"The level of churn is known to ±{_write(level['deviation'])} in log-odds (a standard deviation) at the "
            f"end of the data, and least, to ±{_write(level['worst_deviation'])}, at {_day(level['worst_on'])}: "
            "a season that no outcome was seen of is little known."
        )
    return " ".join(lines)


def _find_limits(manifest: Members) -> Iterator[str]:
    """A sentence each; what no such model can know is last."""
    data, population = _part(manifest, "data"), _part(manifest, "population")
    days, horizon = _span_days(manifest), manifest.get("horizon_days")
    if data.get("simulated"):
        yield "It was made from the demo shop's simulated events. Do not act on its scores of real customers."
    if days is None:
        yield "How long its history is was not recorded."
    elif days < YEAR_DAYS:
        yield f"Its history is {days} days, less than a year: it cannot know the seasons."
    elif days < LITTLE_HISTORY_DAYS:
        yield f"Its history of {days} days holds no second year: a season was seen once, or not as an outcome."
    if manifest.get("inner_horizon_days") not in (None, horizon):
        yield "No outcome of the whole horizon was seen in its history; what it says of it is carried over."
    customers = population.get("customers")
    if customers is not None and customers < FEW_CUSTOMERS:
        yield f"It knows {customers} customers: few, so that its tables are coarse and its metrics uncertain."
    if not list(_measurements(manifest)):
        yield "It has not been measured on customers it had not learned from; watch its matured scores."
    for target, measured in _measurements(manifest):
        error = _own_metrics(measured).get("ece") if target == "churn" else None
        if error is not None and error > POOR_CALIBRATION:
            yield f"Its calibration error was {_write(error)}: its risks rank better than they count."
    yield "It knows of prices, assortment, competitors and campaigns only what shows in the customers' own events."
    yield LEFT_OUT if data.get("refusing") is not None else LEFT_OUT_BY_NOBODY
    yield "What changes after its data end is not in it: the watch (drift, matured scores) tells when it has aged."


def _describe_digests(manifest: Members) -> str:
    digests = {"definition of the features": manifest.get("feature_digest"), **_part(manifest, "files")}
    table = _table(("SHA-256 of", ""), ((name, f"`{digest or NOT_GIVEN}`") for name, digest in digests.items()))
    libraries = ", ".join(f"{name} {version}" for name, version in _part(manifest, "libraries").items())
    return f"{table}\n\nMade with {libraries}." if libraries else table


def _part(members: Members, name: str) -> Members:
    found = members.get(name)
    return found if isinstance(found, Mapping) else {}


def _span_days(manifest: Members) -> int | None:
    training = _part(manifest, "training")
    if "data_from" not in training or "data_until" not in training:
        return None
    return (datetime.fromisoformat(training["data_until"]) - datetime.fromisoformat(training["data_from"])).days


def _day(moment: str | None) -> str:
    return NOT_GIVEN if moment is None else f"{datetime.fromisoformat(moment):%Y-%m-%d}"


def _write(value: float | str | None, absent: str = NOT_GIVEN) -> str:
    """Whole numbers with their thousands, others to four places."""
    if isinstance(value, float):
        return f"{value:,.4f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else value or absent


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
