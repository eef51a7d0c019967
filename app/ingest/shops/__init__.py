"""Webhooks as shops send them."""
