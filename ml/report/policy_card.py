"""The card of a policy: what it was learned of, what it would have brought, and what it cannot know.

Written from the manifest alone, as that of scores is (`ml.report.card`); what the manifest leaves out is left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ml.report.card import LEFT_OUT

Members = Mapping[str, Any]

_NAMES: Final = {"rules": "the rules, without chance", "learned": "this policy", "champion": "the champion of then"}
_WARNINGS: Final = {
    "few_effective": "too few decisions were as it would have them: the log can hardly answer",
    "lacking_support": "it chooses what was never tried, or nothing: the log cannot answer",
    "clipped": "some decisions were so unlikely that their weight was cut",
}
_ESTIMATES: Final = {
    "uplift": "what each action adds to what comes anyway, in margin net of its cost",
    "response": "who responds to each action, since nobody was held out",
}
LIMITS: Final = (
    "How sure effects are is reckoned as of independent decisions: of the same persons again and again, less sure.",
    "An action that conditions of other facts let through, birthdays say, is credited with what these buy anyway.",
    "The estimates are without weights, levers and exploration, and of the customers of then.",
    LEFT_OUT,
    "Whom it would choose for beside the others is not here: it is compared when it is to be put in force.",
)


def render_policy_card(manifest: Members) -> str:
    """Markdown."""
    sections = (
        (f"Model card: {manifest['version']}", _describe(manifest)),
        ("Data", _describe_data(manifest["training"])),
        ("What it would have brought", _describe_figures(manifest.get("metrics", {}))),
        ("Actions", _table(("action", "group", "shown"), _actions(manifest.get("actions", {})))),
        ("Limits", "\n".join(f"- {each}" for each in LIMITS)),
    )
    parts = (f"{'#' if at == 0 else '##'} {title}\n\n{body}" for at, (title, body) in enumerate(sections))
    return "\n\n".join(parts) + "\n"


def _describe(manifest: Members) -> str:
    source = " of the demo shop" if manifest["data"]["simulated"] else ""
    what = _ESTIMATES[manifest["training"].get("estimate", "uplift")]
    made = f"Made on {manifest['created_at'][:10]} of decisions{source}"
    return f"{made}: {what}, of what comes within {manifest['horizon_days']} days."


def _describe_data(training: Members) -> str:
    return (
        f"Decisions of {training['data_from'][:10]} to {training['data_until'][:10]}: {training.get('shown', 0):,}"
        f" showed an action, {training.get('withheld', 0):,} of the control group withheld one."
    )


def _describe_figures(metrics: Members) -> str:
    """Doubly robust, and how much more than the others."""
    if "policies" not in metrics:
        return "It was not judged."
    rows = [(_NAMES[name], _around(told["doubly_robust"])) for name, told in metrics["policies"].items()]
    leads = [f"- over {_NAMES[name]}: {_around(lead)}" for name, lead in metrics.get("leads", {}).items()]
    warnings = [f"- {_WARNINGS[each]}" for each in metrics["policies"]["learned"]["warnings"]]
    return "\n".join(
        (
            f"On {metrics['decisions']:,} decisions by chance, doubly robust, cross-fitted, a decision:\n",
            _table(("policy", "value (95 %)"), rows),
            *(["\nHow much more it brings:\n", *leads] if leads else ()),
            *(["\nThe log warns:\n", *warnings] if warnings else ()),
        )
    )


def _actions(actions: Members) -> Iterable[tuple[str, ...]]:
    ordered = sorted(actions.items(), key=lambda each: -each[1]["shown"])
    return ((name, told["group"], f"{told['shown']:,}") for name, told in ordered)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _around(estimate: Mapping[str, float] | None) -> str:
    return "–" if estimate is None else f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"
