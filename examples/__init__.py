"""Clients of the service, to begin from."""
