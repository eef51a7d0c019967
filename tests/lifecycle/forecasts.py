"""Forecasts of many rows, told one after the other."""

from app.lifecycle.scorer import Forecast


def forecast_each(card, rows, as_of_us):
    """Of (n, features): what `forecast_one` says of each, made of columns."""
    columns = zip(*(column.tolist() for column in card.forecast(rows, as_of_us)), strict=True)
    churn_terms, spend_terms = (link.tolist() for link in card.terms(rows))
    return [Forecast(*each, *terms) for each, *terms in zip(columns, churn_terms, spend_terms, strict=True)]
