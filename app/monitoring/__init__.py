"""Monitoring: what models said of a sample of customers, what came, and how far the customers have moved."""
