"""Customers: their states, profiles and histories."""
