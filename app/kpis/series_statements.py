"""Statements of whole shops over many spans: what is cumulative is read once, not once for each span.

Times at which it is asked are numbered in their order; an order makes its person a customer at those of the numbers
from its own up to the last within the window. Numbers without a gap are a stay.
"""

from typing import Final

CUSTOMERS_IN_TIME: Final = """
WITH <spans>, bounds AS MATERIALIZED (
  SELECT array_agg(DISTINCT us ORDER BY us) AS us, min(us) AS first_us, max(us) AS last_us
  FROM (SELECT from_us AS us FROM span UNION ALL SELECT end_us FROM span) AS times
), told AS (
  SELECT <person_id> AS person_id, width_bucket(event.occurred_us, bounds.us) + 1 AS low,
         width_bucket(event.occurred_us + :window_us, bounds.us) AS high
  FROM bounds JOIN events AS event ON event.type = 'order.completed'
    AND event.occurred_us >= bounds.first_us - :window_us AND event.occurred_us < bounds.last_us
  <person>
  WHERE NOT <is_anonymous>
), reached AS (
  SELECT person_id, low, high, max(high) OVER (
           PARTITION BY person_id ORDER BY low, high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
         ) AS before
  FROM told WHERE low <= high
), numbered AS (
  SELECT person_id, low, high,
         count(*) FILTER (WHERE before IS NULL OR before < low - 1) OVER (PARTITION BY person_id ORDER BY low, high)
           AS stay
  FROM reached
), stays AS MATERIALIZED (
  SELECT person_id, stay, min(low) AS low, max(high) AS high FROM numbered GROUP BY person_id, stay
), pairs AS MATERIALIZED (
  SELECT low, high, later_low, later_high, count(*) AS persons FROM (
    SELECT low, high, low AS later_low, high AS later_high FROM stays
    UNION ALL
    SELECT one.low, one.high, later.low, later.high
    FROM stays AS one JOIN stays AS later ON later.person_id = one.person_id AND later.stay > one.stay
  ) AS pair GROUP BY 1, 2, 3, 4
), placed AS (
  SELECT span.number, width_bucket(span.from_us, bounds.us) AS first, width_bucket(span.end_us, bounds.us) AS last
  FROM span CROSS JOIN bounds
)
SELECT placed.number, '' AS cell,
       coalesce(sum(persons) FILTER (WHERE is_one AND first BETWEEN low AND high), 0) AS customers_at_start,
       coalesce(sum(persons) FILTER (WHERE is_one AND last BETWEEN low AND high), 0) AS customers_at_end,
       coalesce(sum(persons) FILTER (WHERE first BETWEEN low AND high AND last BETWEEN later_low AND later_high), 0)
         AS retained
FROM placed CROSS JOIN (SELECT *, low = later_low AS is_one FROM pairs) AS pairs
GROUP BY placed.number
"""
"""Persons of several stays are there once for each pair of them, so that who leaves and comes back within a span is
retained, as when it is counted by itself."""

POINTS_IN_TIME: Final = """
WITH <spans>, bounds AS MATERIALIZED (
  SELECT array_agg(DISTINCT until_us ORDER BY until_us) AS us, max(until_us) AS last_us FROM span
), moved AS MATERIALIZED (
  SELECT width_bucket(event.occurred_us, bounds.us) AS place, sum(event.points) AS points
  FROM bounds CROSS JOIN LATERAL (
    SELECT occurred_us, points FROM events AS event
    WHERE event.type IN (<points>) AND event.type <> 'order.completed' AND event.occurred_us < bounds.last_us
    UNION ALL
    SELECT first_event_us, points FROM base_customer_states WHERE points <> 0
  ) AS event
  GROUP BY 1
)
SELECT span.number, '' AS cell, sum(moved.points) AS points_balance
FROM span CROSS JOIN bounds JOIN moved ON moved.place < width_bucket(span.until_us, bounds.us)
GROUP BY span.number
"""
