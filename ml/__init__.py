"""Off-line work: training states, models, comparators, evaluation and the demo shop."""
