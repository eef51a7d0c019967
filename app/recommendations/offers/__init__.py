"""How deep an offer of an item to a customer goes: read, kept, told."""
