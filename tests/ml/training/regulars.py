"""A file of orders of customers who come back for the same few items."""

import numpy as np

from ml.data.sales import read_sales

WEEKS = 30


def make_file(path, *, later=()):
    """Of thirty items each of 150 customers has five, which come back after two to six weeks."""
    draw = np.random.default_rng(5)
    days = np.datetime64("2026-01-01") + 7 * np.arange(WEEKS)
    lines = ["customer_id,timestamp,order_id,item_id,quantity,unit_price"]
    for customer in range(150):
        for item in draw.choice(30, size=5, replace=False):
            every = 2 + item % 5
            lines += [
                f"C{customer},{days[week]} 10:00,{customer}-{week},item-{item},1,2.50"
                for week in range(draw.integers(every), WEEKS, every)
            ]
    path.write_text("\n".join([*lines, *later]))
    return read_sales(path, lambda _: None)
