"""How good scores are: metrics, comparators, hold-outs."""
