"""The conditions of actions in words."""

from app.lifecycle.actions import ActionCatalogue


def tell_conditions(catalogue: ActionCatalogue) -> dict[str, dict[str, str]]:
    """Action → its condition, English and Chinese; of those that have one."""
    return {
        action.action_id: {"en": action.eligibility.say("en"), "zh": action.eligibility.say("zh")}
        for action in catalogue.actions
        if action.eligibility is not None
    }
