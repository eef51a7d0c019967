"""The card of a model of sentiment: what it was made of, how good it is, and what it cannot know."""

from collections.abc import Mapping
from typing import Any, Final

Members = Mapping[str, Any]

LIMITS: Final = (
    "It was judged on texts of the same source: of another kind of goods, or another way of writing, it is less sure.",
    "Who was erased, or refused profiling, when it was made had no part in it; of a file nobody knows.",
    "Irony is taken as it is written.",
    "Of a text longer than 2,000 characters the first and the last thousand are read.",
    "What a text is about it does not say.",
)


def render_sentiment_card(manifest: Members) -> str:
    """Markdown."""
    training, metrics = manifest["training"], manifest["metrics"]
    source = "the demo shop's feedback" if manifest["data"]["simulated"] else manifest["data"]["source"]
    texts = ", ".join(f"{count:,} {name}" for name, count in training["texts"].items())
    languages = ", ".join(f"{count:,} {name}" for name, count in training["languages"].items())
    auc = "not defined" if metrics["auc"] is None else f"{metrics['auc']:.3f}"
    added = f"Of languages that were lacking, {training['added']:,} short texts of words of feeling were added."
    judged = f"Of {metrics['n']:,} texts that had no part in learning,"
    return "\n".join(
        (
            f"# Model card: {manifest['version']}",
            "",
            f"Made on {manifest['created_at'][:10]} of {source}: how the writer of a text feels.",
            "",
            "## Data",
            "",
            f"Texts: {texts} (by language: {languages}). {added}",
            "",
            "## How good it is",
            "",
            f"{judged} {metrics['accuracy']:.1%} are called what they are. AUC of positive against negative: {auc}.",
            "",
            "## Limits",
            "",
            *(f"- {each}" for each in LIMITS),
            "",
        )
    )
