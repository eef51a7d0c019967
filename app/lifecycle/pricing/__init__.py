"""How deep an offer of an item to a customer goes: price sensitivity, the policy, and its guard rails."""
