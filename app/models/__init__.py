"""The registry: every model there was, which one serves, and how it came to."""
