"""Making, judging, writing and registering a model."""
