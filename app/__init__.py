"""Perennial: customer events in; stage, churn risk, value and next best action out."""

__version__ = "0.1.0"
