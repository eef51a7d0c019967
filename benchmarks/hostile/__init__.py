"""What hostile and slow clients can take from the tills: `python -m benchmarks.hostile`."""
