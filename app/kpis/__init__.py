"""KPIs by their formulas, and what customers cost to acquire."""
