"""Feedback: what customers say, and how they feel by what they write."""
