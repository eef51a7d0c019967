"""The core: events, measures, features, scores, stages and decisions.

Pure: no input or output, no clock, no web framework and no SQL. `as_of` is always passed in.
"""
