"""Events: reading, validating and counting them exactly once."""
