"""Measurements: ratios against floors that are measured in the same run, on this machine alone."""
