"""The pictures of the report: how well the numbers hold, and what the model makes of each fact."""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import Any, Final

import numpy as np

from app.lifecycle.effects import Z95
from app.lifecycle.features import Floats
from ml.evaluation.staging import StageShare
from ml.report.drawing import Axis, Bar, Dot, Line, Mark, Path, Picture, Text, frame, legend, tidy_ticks
from ml.report.words import Words

TENTHS: Final = 10
_WIDTH, _HEIGHT = 520, 380
PERCENT_TICKS: Final = [(share / 4, f"{25 * share} %") for share in range(5)]
_MODEL_LABELS: Final[Mapping[str, str]] = {
    "perennial": "Perennial",
    "recency": "Recency alone",
    "rfm_logit": "RFM regression",
    "bg_nbd": "BG/NBD",
    "pareto_nbd": "Pareto/NBD",
    "recent_rate": "Last year's rate",
    "bg_nbd_gamma_gamma": "BG/NBD × Gamma-Gamma",
    "pareto_nbd_gamma_gamma": "Pareto/NBD × Gamma-Gamma",
    "popular": "What sells most",
    "personal_frequency": "Own frequency",
    "personal_frequency_filled": "Own frequency, then what sells most",
    "decayed_and_popular": "Own of late, and what sells most",
    "tifu_knn": "TIFU-KNN",
    "up_cf": "UP-CF",
}


def label_model(name: str) -> str:
    return _MODEL_LABELS.get(name, name)


def _axes(high_across: float = 1.0, high_up: float = 1.0) -> tuple[Axis, Axis]:
    return Axis(0.0, high_across, 60, _WIDTH - 20), Axis(0.0, high_up, _HEIGHT - 60, 40)


def tenths(actual: Floats, predicted: Floats) -> Floats:
    """(10, 3): mean predicted, mean actual and customers, in tenths by ascending prediction."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), TENTHS)
    return np.array([(predicted[part].mean(), actual[part].mean(), len(part)) for part in parts if len(part)])


def draw_reliability(came: Floats, risks: Mapping[str, Floats], words: Words) -> Picture:
    """What was said against what happened, in tenths; the first of `risks` is ours, with its 95 % range."""
    across, up = _axes()
    parts = frame(across, up, PERCENT_TICKS, PERCENT_TICKS, f"{words.stated} that was stated", words.share_then)
    parts.append(Path([(across(0), up(0)), (across(1), up(1))], "reference"))
    names = list(risks)
    for name in reversed(names):
        kind = "ours" if name == names[0] else "theirs"
        found = tenths(came, risks[name])
        parts.append(Path([(across(said), up(was)) for said, was, _ in found], kind))
        for said, was, count in found if kind == "ours" else ():
            margin = Z95 * sqrt(was * (1 - was) / count)
            parts.append(Line((across(said), up(was - margin)), (across(said), up(was + margin)), "whisker"))
            parts.append(Dot(across(said), up(was), "dot"))
    entries = [("reference", "perfect"), *zip(("ours", "theirs"), map(label_model, names), strict=False)]
    parts += legend(80, 62, entries)
    ours = tenths(came, risks[names[0]])
    told = "; ".join(f"stated {said:.0%}, happened {was:.0%}" for said, was, _ in ours)
    return Picture(_WIDTH, _HEIGHT, f"Stated {words.stated} against what happened, by tenths of customers", told, parts)


def draw_tenths(actual: Floats, predicted: Floats, unit: str) -> Picture:
    """Expected and actual means by tenths of the expectation, lowest first."""
    found = tenths(actual, predicted)
    high = float(max(found[:, :2].max(), 1e-9))
    across, up = _axes(len(found), high)
    up_ticks = [(value, f"{value:,g}") for value in tidy_ticks(high)]
    places = [(number + 0.5, str(number + 1)) for number in range(len(found))]
    parts = frame(across, up, places, up_ticks, "tenth of customers, by what was expected of them", unit)
    width = (across(1) - across(0)) * 0.36
    for number, (expected, was, _) in enumerate(found):
        middle = across(number + 0.5)
        parts.append(Bar(middle - width, up(expected), width, up(0) - up(expected), "fill-ours"))
        parts.append(Bar(middle, up(max(was, 0)), width, up(0) - up(max(was, 0)), "fill-actual"))
    parts += _keys(80, 62, [("fill-ours", "expected"), ("fill-actual", "what came")])
    told = "; ".join(f"expected {expected:,.2f}, came {was:,.2f}" for expected, was, _ in found)
    return Picture(_WIDTH, _HEIGHT, "Expected against actual, by tenths of customers", told, parts)


def _keys(x: float, y: float, entries: Sequence[tuple[str, str]]) -> list[Mark]:
    parts: list[Mark] = []
    for number, (kind, name) in enumerate(entries):
        parts += [Bar(x, y - 10 + 20 * number, 14, 10, kind), Text(x + 20, y + 20 * number, name)]
    return parts


def gains(actual: Floats, score: Floats) -> list[tuple[float, float]]:
    """(share of customers, share of all that `actual` adds up to among them), highest score first."""
    order = np.argsort(-score, kind="stable")
    held = np.append(0.0, np.cumsum(actual[order]))
    return [
        (k / 50, float(held[round(k / 50 * len(actual))] / held[-1])) if held[-1] > 0 else (k / 50, k / 50)
        for k in range(51)
    ]


def draw_gains(actual: Floats, scores: Mapping[str, Floats], held: str) -> Picture:
    """How much of the total the customers at the top hold; the first of `scores` is ours."""
    across, up = _axes()
    names = list(scores)
    parts = frame(across, up, PERCENT_TICKS, PERCENT_TICKS, "customers, from the top of the list", held)
    parts.append(Path([(across(0), up(0)), (across(1), up(1))], "reference"))
    curves = {name: gains(actual, scores[name]) for name in names} | {"best": gains(actual, actual)}
    parts.append(Path([(across(x), up(y)) for x, y in curves["best"]], "bound"))
    for name in names:  # theirs last: where the two agree, ours shows between the dashes
        parts.append(Path([(across(x), up(y)) for x, y in curves[name]], "ours" if name == names[0] else "theirs"))
    entries = [*zip(("ours", "theirs"), map(label_model, names), strict=False), ("reference", "by chance")]
    parts += legend(_WIDTH - 220, _HEIGHT - 150, [*entries, ("bound", "the best there could be")])
    ours = dict(curves[names[0]])
    told = "; ".join(f"the first {share:.0%} hold {ours[share]:.0%}" for share in (0.1, 0.2, 0.5))
    return Picture(_WIDTH, _HEIGHT, "What the customers at the top of the list hold", told, parts)


def draw_lift(actual: Floats, score: Floats) -> Picture:
    """Each tenth's mean over everyone's, highest score first."""
    found = tenths(actual, score)[::-1]
    lifts = found[:, 1] / actual.mean() if actual.mean() > 0 else np.ones(len(found))
    across, up = _axes(len(found), float(max(lifts.max() * 1.1, 1.2)))
    up_ticks = [(value, f"× {value:g}") for value in tidy_ticks(up.high)]
    places = [(number + 0.5, str(number + 1)) for number in range(len(found))]
    parts = frame(across, up, places, up_ticks, "tenth of customers, from the top of the list", "against the average")
    width = (across(1) - across(0)) * 0.7
    for number, lift in enumerate(lifts.tolist()):
        middle, height = across(number + 0.5), up(max(lift, 0))
        parts.append(Bar(middle - width / 2, height, width, up(0) - height, "fill-ours"))
        parts.append(Text(middle, height - 5, f"{lift:.1f}", "middle", "quiet"))
    parts.append(Line((across.start, up(1)), (across.end, up(1)), "reference"))
    told = "; ".join(f"tenth {number}: × {lift:.2f}" for number, lift in enumerate(lifts.tolist(), 1))
    return Picture(_WIDTH, _HEIGHT, "Lift by tenths of customers", told, parts)


def draw_months(months: Sequence[Mapping[str, Any]], title: str, is_share: bool) -> Picture:
    """Mean predicted and mean actual at each cut-off, ascending."""
    width = 1080
    values = [month[key] for month in months for key in ("mean_predicted", "mean_actual")]
    high = 1.0 if is_share else max(*values, 1e-9) * 1.1
    across, up = Axis(-0.5, len(months) - 0.5, 60, width - 20), Axis(0.0, high, _HEIGHT - 60, 40)
    every = ceil(len(months) / 12)
    places = [(number, month["cutoff"][:7]) for number, month in enumerate(months) if number % every == 0]
    up_ticks = PERCENT_TICKS if is_share else [(value, f"{value:,g}") for value in tidy_ticks(high)]
    parts = frame(across, up, places, up_ticks, "cut-off", title)
    for key, kind in (("mean_actual", "actual"), ("mean_predicted", "ours")):
        points = [(across(number), up(month[key])) for number, month in enumerate(months)]
        parts.append(Path(points, kind))
        parts += [Dot(x, y, "dot" if kind == "ours" else "dot-actual") for x, y in points]
    parts += legend(80, _HEIGHT - 100, [("ours", "forecast"), ("actual", "what came")])
    form = "{:.1%}" if is_share else "{:,.2f}"
    told = "; ".join(
        f"{month['cutoff']}: forecast {form.format(month['mean_predicted'])}, came {form.format(month['mean_actual'])}"
        for month in months
    )
    return Picture(width, _HEIGHT, "Forecast against what came, by month", told, parts)


def draw_stages(shares: Sequence[StageShare], horizon_days: int) -> Picture:
    """The share of each stage that bought again, with the number of customers."""
    width, row = 1080, 44
    across = Axis(0.0, 1.0, 120, width - 260)
    parts: list[Mark] = []
    for number, share in enumerate(shares):
        top = 16 + row * number
        parts.append(Text(108, top + 19, share.stage, "end", "strong"))
        if share.repurchased is None:
            parts.append(Text(across(0) + 6, top + 19, "nobody", "start", "quiet"))
            continue
        parts.append(Bar(across(0), top, across(share.repurchased) - across(0), 28, "fill-ours"))
        told = f"{share.repurchased:.0%} of {share.customers:,} customers"
        parts.append(Text(across(share.repurchased) + 8, top + 19, told))
    height = 16 + row * len(shares) + 10
    parts.append(Line((across(0), 6), (across(0), height - 8), "axis"))
    told = "; ".join(f"{share.stage}: {share.customers} customers" for share in shares)
    return Picture(width, height, f"Share of each stage that bought within {horizon_days} days", told, parts)
