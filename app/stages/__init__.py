"""Stages through time: transitions, the sweep that finds those of silence, flows, early warnings."""
