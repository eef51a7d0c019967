"""Decisions: the catalogue of actions, choosing among them, and receipts."""
