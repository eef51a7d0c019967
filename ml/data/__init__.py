"""Events and files as tables, and the states of customers at cut-offs."""
