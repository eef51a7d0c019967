"""Which table holds what of a person: what is exported, and what is erased, is read off here.

Every table is in one of the two: a test fails for one that is in none.
"""

from typing import Final

from app.database.bases import BASES

HELD: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("events", "customer_states", "customer_cases", "customer_items"), ("customer_id",)),
    **dict.fromkeys(("customer_consents", "customer_interests", "state_horizons"), ("customer_id",)),
    **dict.fromkeys(("bases", "base_channels", *(table.name for table in BASES.values())), ("customer_id",)),
    **dict.fromkeys(("links", "base_links"), ("low_id", "high_id", "survivor_id")),
    "persons": ("customer_id", "person_id"),
    **dict.fromkeys(("stages", "stage_transitions", "scores", "predictions"), ("customer_id",)),
    **dict.fromkeys(("decisions", "offers", "contacts", "contact_turns"), ("customer_id",)),
    "arms": ("person_id",),
    **dict.fromkeys(("loyalty_accounts", "loyalty_lots", "loyalty_entries"), ("customer_id",)),
    **dict.fromkeys(("loyalty_pending", "loyalty_redemptions"), ("customer_id",)),
    **dict.fromkeys(("recommendations", "recommendation_shadows", "price_offers"), ("customer_id",)),
}
"""Table → its columns that hold ids of customers: a row is of whoever one of them names."""

NAMED_IN_TEXT: Final = "rejected_events"
"""The table that has no such column: what was refused is kept as it came."""

HELD_OF_NOBODY: Final[dict[str, str]] = {
    "acquisition_costs": "what was spent to acquire customers, and which key said so",
    "action_counters": "how often an action was given to all, and what that costs",
    **dict.fromkeys(("actions", "action_versions"), "what the retailer offers, and which key changed it"),
    "api_keys": "who may call",
    "audit_log": "who did what and when; ids of customers as hashes, by a key that is not in the database",
    "arm_reports": "how many persons each arm has",
    **dict.fromkeys(("console_codes", "console_sessions"), "which key is signed in to the console"),
    "contact_policies": "how often anybody may be told anything",
    "erased_ids": "hashes of who was erased, by a key that is not in the database",
    "erasures": "how many rows were erased of whom nobody can tell; until it is settled, the ids",
    "imports": "how far files were read, by a digest of their bytes",
    "items": "the catalogue",
    "left_kinds": "up to when events of a kind have left",
    "left_events": "hashes of keys of events that have left, by a key that is not in the database",
    "loyalty_programmes": "what earns points, and which key changed it",
    "merchant_rules": "what the merchant wants shown",
    "models": "sums over thousands of customers, as step tables",
    **dict.fromkeys(("model_changes", "model_approvals"), "who changed which model, and why"),
    "model_reports": "how models fare over samples",
    "retention_runs": "when what is too old left, and how many rows",
    "shop_shares": "how much of all is bought on discount",
    "split_tests": "what is compared, and how many persons are needed",
    "sweeps": "when all were judged, and how many changed",
}
"""Table → what it holds, which is of no person."""
