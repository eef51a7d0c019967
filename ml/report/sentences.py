"""What an evaluation means, in sentences for someone who runs a loyalty programme."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.lifecycle.events import minor_digits
from app.lifecycle.features import FEATURE_NAMES, FEATURES
from app.lifecycle.own_money import GROSS_ORDER, OwnMoney
from app.lifecycle.targets import CHURN, SPEND, Target, Unit, target_of
from ml.evaluation.evaluating import AtCutoff
from ml.evaluation.judging import OURS, Judged
from ml.evaluation.staging import describe_order
from ml.report.pictures import gains, label_model
from ml.report.shapes import Shape
from ml.report.words import words_of

METRIC_LABELS: Final[Mapping[str, str]] = {
    "auc": "order (AUC) ↑",
    "brier": "squared error (Brier) ↓",
    "log_loss": "surprise (log-loss) ↓",
    "ece": "calibration error (ECE) ↓",
    "lift_at_10": "lift of the first tenth ↑",
    "mae": "mean error (MAE) ↓",
    "rmse": "squared-error mean (RMSE) ↓",
    "pearson": "correlation ↑",
    "spearman": "rank correlation ↑",
    "normalised_gini": "order (Gini) ↑",
    "bias": "total against actual → 0",
    "recall_at_10": "of what they buy, among 10 ↑",
    "ndcg_at_10": "order of the 10 (nDCG) ↑",
    "phr_at_10": "customers with a hit ↑",
    "recall_at_20": "among 20 ↑",
    "repeat_recall_at_10": "bought before, among 10 ↑",
    "explore_recall_at_10": "new to them, among 10 ↑",
    "discover_recall_at_10": "new, of 10 new ones ↑",
}
_MAIN: Final[Mapping[Unit, tuple[str, ...]]] = {
    "probability": ("auc", "brier"),
    "orders": ("pearson", "rmse"),
    "pieces": ("pearson", "rmse"),
    "minor": ("spearman", "normalised_gini"),
}
_MEANINGS: Final[Mapping[str, str]] = {
    "auc": "Of one customer {held} and one {others}, Perennial gave the higher {stated} to the one {held} in "
    "{hundredths:.1f} of 100 cases (AUC)",
    "brier": "The squared error of its probabilities (Brier) is {value:.3f}, 0 being perfect",
    "pearson": "Its expected {held} and those that came correlate by {value:.3f}",
    "rmse": "They are off by {value:.2f} {held} (root mean square)",
    "spearman": "The ranking of customers by expected {held} and that by actual {held} agree by {value:.3f} (rank "
    "correlation, 1 being perfect)",
    "normalised_gini": "Weighed by money, that ranking is {hundredths:.0f} % of the way from chance to perfect",
}
_GOOD_ECE, _FAIR_ECE = 0.03, 0.06
_UNSEEN: Final = 5e-4
_FAIR_BIAS: Final = 0.2


def show(value: float | None, metric: str) -> str:
    """A number as it is printed, with a real minus."""
    if value is None:
        return "–"
    value = 0.0 if abs(value) < _UNSEEN else value
    digits = "+.1%" if metric == "bias" else ",.1f" if abs(value) >= 100 else ".2f" if metric == "lift_at_10" else ".3f"
    return format(value, digits).replace("-", "−")


def conclude(result: Mapping[str, Any], currency: str) -> list[str]:
    """What there was to predict, how good the prediction was, and whether it beats the classics."""
    days, n, declared = result["horizon_days"], result["n"], target_of(result["target"])
    if declared is CHURN:
        what = (
            f"Of {n:,} customers who had bought before {result['cutoff']}, {result['base_rate']:.1%} did not buy in "
            f"the {days} days from then on; {result['mean_predicted']:.1%} was expected."
        )
    elif declared.is_probability:
        what = (
            f"Of {n:,} customers who had bought before {result['cutoff']}, {result['base_rate']:.1%} were "
            f"{words_of(declared.name).held} in the {days} days from then on; {result['mean_predicted']:.1%} was "
            "expected."
        )
    else:
        unit = _unit_of(declared, currency)
        what = (
            f"{n:,} customers who had bought before {result['cutoff']} came to {result['mean_actual']:,.2f} {unit} "
            f"each in the {days} days from then on; {result['mean_predicted']:,.2f} was expected."
        )
    leads = result["intervals"]["against_best"]
    names = _MAIN[declared.unit]
    known = [(name, lead) for name in names if (lead := leads[name]) is not None]
    return [what, *(_compare(name, result["target"], result["models"][OURS][name], lead) for name, lead in known)]


def _unit_of(target: Target, currency: str) -> str:
    if target is SPEND:
        return f"{currency}, refunds taken off,"
    return f"{currency} of {target.name}" if target.unit == "minor" else target.name


def _compare(name: str, target: str, value: float, lead: Mapping[str, Any]) -> str:
    best = label_model(lead["comparator"])
    side = "better" if lead["lead"] >= 0 else "worse"
    told = _MEANINGS[name].format(**words_of(target)._asdict(), value=value, hundredths=100 * value)
    return f"{told}; that is {show(abs(lead['lead']), name)} {side} than {best}, {_sureness(lead['interval'])}."


def _sureness(interval: Sequence[float] | None) -> str:
    low, high = interval or (0.0, 0.0)
    return "which chance may explain" if low <= 0 <= high else "more than chance explains"


def about_levels(result: Mapping[str, Any]) -> list[str]:
    """Whether the level of the prediction can be taken at its word."""
    ours, words = result["models"][OURS], words_of(result["target"])
    if target_of(result["target"]).is_probability:
        error = ours["ece"]
        verdict = "can be taken at its word" if error <= _GOOD_ECE else "is close" if error <= _FAIR_ECE else "is off"
        return [
            (
                f"Customers are put in ten groups by the {words.stated} that was stated. On the diagonal it happened "
                f"exactly as often as stated; above it {words.above}, below it fewer. The bars show what chance alone "
                "may do."
            ),
            (
                f"On average the stated {words.stated} is {100 * error:.1f} points in a hundred off what happened: it "
                f"{verdict}."
            ),
        ]
    if ours["bias"] is None:
        return ["Nothing came in the horizon on balance, so the level cannot be judged."]
    side = "more" if ours["bias"] > 0 else "less"
    verdict = "good enough to plan with" if abs(ours["bias"]) <= _FAIR_BIAS else "too far off to plan with"
    return [
        "Customers are put in ten groups by what was expected of them; each pair of bars is that, and what came.",
        f"In all, {abs(ours['bias']):.1%} {side} was expected than came: {verdict}.",
    ]


def about_lift(result: Mapping[str, Any], judged: Judged) -> list[str]:
    """What working through the list from the top brings."""
    actual = judged.actual.clip(0)
    words = words_of(result["target"])
    what = f"{'those' if target_of(result['target']).is_probability else 'the'} {words.held}"
    if not actual.any():
        return [f"The customers hold nothing of {what}: there was none in the horizon."]
    held = dict(gains(actual, judged.predictions[OURS]))
    return [
        (
            f"The tenth of the customers with the highest {words.stated} holds {held[0.1]:.0%} of {what}, the first "
            f"fifth {held[0.2]:.0%}, the first half {held[0.5]:.0%}. Picked by chance they would hold 10, 20 and 50 %."
        )
    ]


def about_months(months: Sequence[Mapping[str, Any]], target: str) -> list[str]:
    """How far the forecast level was off over the cut-offs."""
    if len(months) < 2:
        return ["One cut-off alone does not tell: there is no earlier month with enough history to learn from."]
    gaps = {month["cutoff"]: month["mean_predicted"] - month["mean_actual"] for month in months}
    worst = max(gaps, key=lambda cutoff: abs(gaps[cutoff]))
    mean = sum(map(abs, gaps.values())) / len(gaps)

    def form(gap: float) -> str:
        return f"{100 * gap:.1f} points" if target_of(target).is_probability else f"{gap:,.2f}"

    missed = f"{form(mean)} on average, {form(abs(gaps[worst]))} at worst ({worst})"
    return [
        (
            f"The model was learnt anew at {len(months)} cut-offs, each time from nothing but what was known then. "
            f"The mean forecast missed by {missed}."
        ),
        (
            "A season is known only to who has seen it before: in the first year of a history, expect the largest "
            "misses where the year turns."
        ),
    ]


def about_stages(at: AtCutoff) -> list[str]:
    """Whether the stages sort customers by what they did next."""
    order = describe_order(at.stages)
    verdict = (
        "The share that bought again falls from stage to stage, as it should."
        if order == "falls"
        else f"The share that bought again does not fall from stage to stage: {order}."
    )
    return [
        (
            f"Where every customer stood on the day, and the share of them that bought within {at.horizon_days} days. "
            "Prospects have not bought yet and are not counted here."
        ),
        verdict,
    ]


def about_shapes(target: str) -> list[str]:
    """How to read the curves."""
    return [
        (
            f"Each fact about a customer multiplies {words_of(target).odds} by what its curve shows; 1 is the average "
            "customer. A score is nothing but the product of these, so the curves, and the little that is named below "
            "them, are the whole model. The strongest come first, each on a scale of its own. Below each curve is how "
            "many customers there are with that value; the few that lie far beyond the others stand at its end."
        ),
    ]


def about_own_money(own: OwnMoney | None, currency: str) -> list[str]:
    """What no curve can show, since it hangs on the number of orders, too."""
    if own is None:
        return []
    centre = f"{own.centre_minor / 10 ** minor_digits(currency):,.2f} {currency}"
    few, many = own.weights[0], own.weights[-1]
    back = own.least_kept ** own.keeping[-1]
    return [
        (
            f"The customer's own average order before refunds has no curve and counts as it is: it multiplies the "
            f"spend by itself over {centre}, to the power of {few:.2f} after one order and of {many:.2f} after "
            f"{len(own.weights)} and more. What was given back takes of that, down to × {back:.2f} for whoever gave "
            "everything back."
        ),
    ]


def about_undrawn(found: Sequence[Shape], own: OwnMoney | None) -> list[str]:
    """The facts without a curve, and where the news of the recency is if not in its own."""
    told_apart = [] if own is None else [FEATURE_NAMES[GROSS_ORDER]]
    drawn = {FEATURE_NAMES[shape.feature] for shape in found if shape.is_visible}
    faint = [FEATURE_NAMES[shape.feature] for shape in found if not shape.is_visible]
    silent = [name for name in FEATURE_NAMES if name not in (*drawn, *faint, *told_apart)]
    sentences = []
    if faint:
        sentences.append(f"Too little to draw, less than 5 % between nine customers in ten: {_list_labels(faint)}.")
    if silent:
        sentences.append(f"Without a say here: {_list_labels(silent)}.")
    if "lapse_chance" in drawn and "recency_days" not in drawn:
        recency, lapse = _list_labels(["recency_days"]), _list_labels(["lapse_chance"])
        sentences.append(
            f"That “{recency}” has no curve does not mean that silence goes unheard: “{lapse}” has taken it over. It "
            "is reckoned from those days and the customer's own pace, and tells more than the days alone."
        )
    return sentences


def _list_labels(names: Sequence[str]) -> str:
    return ", ".join(FEATURES[FEATURE_NAMES.index(name)].label for name in names)


def about_limits(result: Mapping[str, Any]) -> list[str]:
    """What must not be read into the figures."""
    return [
        (
            "These are one shop's customers in one stretch of time. The intervals say what other customers of the same "
            "shop would have changed; they do not say what another year would."
        ),
        (
            "A high risk says who will stay away, not whom a message would bring back. That is answered by the control "
            "group, which every decision has."
        ),
        (
            "Customers who have not bought yet are not judged here, and of what is not in the file (visits, "
            "complaints, stock, the weather, competitors) the model knows nothing."
        ),
        (
            f"Method at this cut-off: {result['method']}. Orders of one moment count once, while the classics count "
            "days with a purchase."
        ),
    ]
