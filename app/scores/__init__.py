"""Scores: the model as the server reads it, and what it says of customers."""
