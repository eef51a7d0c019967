"""The catalogue: what the shop says of its items, and the view of it that every worker holds."""
