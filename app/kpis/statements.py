"""The statements of `app.kpis.queries`, with names in `<…>` for what a dimension says (`app.kpis.dimensions`).

Each looks events up by two indexes: of orders by time, and of all others by type and time. `type <> 'order.completed'`
lets the server see that the second has them.
"""

from collections.abc import Mapping
from typing import Final

from app.kpis.definitions import EVERY, IN_TIME, OF_CASES, OF_CUSTOMERS, OF_PLACES, SERIES, By
from app.kpis.series_statements import CUSTOMERS_IN_TIME, POINTS_IN_TIME
from app.lifecycle.events import POINTS_TYPES, TIER_CHANGED, VISIT_TYPES
from app.lifecycle.identifiers import BASKET


def _types(*types: str) -> str:
    return ", ".join(f"'{type_}'" for type_ in types)


NAMES: Final[Mapping[str, str]] = {
    "orders_told": """
<spans>, told AS (
  SELECT span.number, <cell> AS cell, <person_id> AS person_id, <is_anonymous> AS is_anonymous,
         event.type = 'order.completed' AS is_order, <amount_minor> AS amount_minor,
         <discount_minor> AS discount_minor,
         event.occurred_us = least(own.first_order_us, (
           SELECT min(state.first_order_us) FROM persons AS other
           JOIN customer_states AS state ON state.customer_id = other.customer_id
           WHERE other.person_id = person.person_id
         )) AS is_first
  FROM span CROSS JOIN LATERAL (
    SELECT * FROM events AS event WHERE event.type = 'order.completed' AND <within>
    UNION ALL
    SELECT * FROM events AS event
    WHERE event.type = 'order.completed (given back)' AND event.type <> 'order.completed' AND <within>
  ) AS event
  <person>
  LEFT JOIN customer_states AS own ON own.customer_id = event.customer_id
)""",
    "spans": """
span AS (
  SELECT number, from_us, until_us, least(until_us, :now_us) AS end_us
  FROM unnest(:numbers, :from_us, :until_us) AS span (number, from_us, until_us)
), <attribute>""",
    "person": "LEFT JOIN persons AS person ON person.customer_id = event.customer_id\n  <joins>",
    "person_id": "coalesce(person.person_id, event.customer_id)",
    "is_anonymous": f"starts_with(event.customer_id, '{BASKET}')",
    "within": "event.occurred_us >= span.from_us AND event.occurred_us < span.until_us",
    "visits": _types(*VISIT_TYPES),
    "points": _types(*POINTS_TYPES),
    "loyalty": _types(*POINTS_TYPES, TIER_CHANGED),
}
"""What statements have in common, whatever they are told by; what stands first may name what comes after it.

`orders_told`: a person's first order is where their states say that it was."""


ORDERS: Final = """
WITH <orders_told>, each AS (
  SELECT number, cell, person_id, is_anonymous, count(*) FILTER (WHERE is_order) AS orders,
         sum(amount_minor) FILTER (WHERE is_order) AS order_minor, sum(amount_minor) AS sales_minor,
         sum(discount_minor) AS discount_minor, coalesce(bool_or(is_first AND is_order), false) AS is_new
  FROM told GROUP BY number, cell, person_id, is_anonymous
)
SELECT number, cell, CAST(sum(orders) AS bigint) AS orders,
       coalesce(sum(orders) FILTER (WHERE NOT is_anonymous), 0) AS own_orders,
       coalesce(sum(order_minor), 0) AS order_minor, sum(sales_minor) AS sales_minor,
       sum(discount_minor) AS discount_minor,
       count(*) FILTER (WHERE orders > 0 AND NOT is_anonymous) AS customers,
       count(*) FILTER (WHERE orders > 1 AND NOT is_anonymous) AS repeaters,
       count(*) FILTER (WHERE is_new AND NOT is_anonymous) AS new_customers
FROM each GROUP BY number, cell
"""

REFUNDS: Final = """
WITH <spans>
SELECT span.number, <cell> AS cell, sum(<amount_minor>) AS refunded_minor
FROM span JOIN events AS event ON event.type = 'order.refunded' AND event.type <> 'order.completed' AND <within>
  <person>
GROUP BY 1, 2
"""

ANSWERS: Final = """
WITH <spans>, told AS (
  SELECT span.number, <cell> AS cell, event.kind, CAST(event.value AS float8) AS score
  FROM span JOIN events AS event
    ON event.type = 'feedback.submitted' AND event.type <> 'order.completed' AND <within>
   AND event.kind IN ('csat', 'nps')
  <person>
)
SELECT number, cell, count(*) FILTER (WHERE kind = 'csat') AS csat_answers,
       count(*) FILTER (WHERE kind = 'csat' AND score >= 4) AS csat_satisfied,
       count(*) FILTER (WHERE kind = 'nps') AS nps_answers,
       count(*) FILTER (WHERE kind = 'nps' AND score >= 9) AS nps_promoters,
       count(*) FILTER (WHERE kind = 'nps' AND score <= 6) AS nps_detractors
FROM told GROUP BY number, cell
"""

CONVERSIONS: Final = """
WITH <spans>, told AS (
  SELECT span.number, <cell> AS cell, <person_id> AS person_id,
         min(event.occurred_us) FILTER (WHERE event.type <> 'order.completed') AS visited_us,
         max(event.occurred_us) FILTER (WHERE event.type = 'order.completed') AS ordered_us
  FROM span CROSS JOIN LATERAL (
    SELECT * FROM events AS event WHERE event.type = 'order.completed' AND <within>
    UNION ALL
    SELECT * FROM events AS event
    WHERE event.type IN (<visits>) AND event.type <> 'order.completed' AND <within>
  ) AS event
  <person>
  WHERE NOT <is_anonymous>
  GROUP BY 1, 2, 3
)
SELECT number, cell, count(*) AS visitors, count(*) FILTER (WHERE ordered_us >= visited_us) AS converted
FROM told WHERE visited_us IS NOT NULL GROUP BY number, cell
"""

CUSTOMERS: Final = """
WITH <spans>, told AS (
  SELECT span.number, <cell> AS cell, <person_id> AS person_id,
         bool_or(event.occurred_us < span.from_us) AS is_at_start,
         bool_or(event.occurred_us >= span.end_us - :window_us) AS is_at_end
  FROM span JOIN events AS event ON event.type = 'order.completed'
    AND event.occurred_us >= span.from_us - :window_us AND event.occurred_us < span.end_us
    AND (event.occurred_us < span.from_us OR event.occurred_us >= span.end_us - :window_us)
  <person>
  WHERE NOT <is_anonymous>
  GROUP BY 1, 2, 3
)
SELECT number, cell, count(*) FILTER (WHERE is_at_start) AS customers_at_start,
       count(*) FILTER (WHERE is_at_end) AS customers_at_end,
       count(*) FILTER (WHERE is_at_start AND is_at_end) AS retained
FROM told GROUP BY number, cell
"""
"""Who ordered within the window before the beginning, and before the end."""

MEMBERS: Final = """
WITH <spans>, member AS MATERIALIZED (
  SELECT <person_id> AS person_id, min(event.occurred_us) AS since_us
  FROM (
    SELECT customer_id, occurred_us FROM events AS event
    WHERE event.type IN (<loyalty>) AND event.type <> 'order.completed'
    UNION ALL
    SELECT customer_id, first_event_us FROM base_customer_states WHERE points <> 0 OR latest_tier IS NOT NULL
  ) AS event LEFT JOIN persons AS person ON person.customer_id = event.customer_id
  GROUP BY 1
), told AS (
  SELECT DISTINCT span.number, span.end_us, <cell> AS cell, <person_id> AS person_id
  FROM span CROSS JOIN LATERAL (
    SELECT * FROM events AS event WHERE event.type = 'order.completed' AND <within>
    UNION ALL
    SELECT * FROM events AS event
    WHERE event.type IN ('points.earned', 'points.redeemed') AND event.type <> 'order.completed' AND <within>
  ) AS event
  <person>
)
SELECT told.number, told.cell, count(*) AS active_members
FROM told JOIN member ON member.person_id = told.person_id AND member.since_us < told.end_us
GROUP BY 1, 2
"""

POINTS: Final = """
WITH <spans>
SELECT span.number, <cell> AS cell, sum(event.points) AS points_balance
FROM span CROSS JOIN LATERAL (
  SELECT customer_id, points FROM events AS event
  WHERE event.type IN (<points>) AND event.type <> 'order.completed' AND event.occurred_us < span.until_us
  UNION ALL
  SELECT customer_id, points FROM base_customer_states WHERE points <> 0
) AS event
  <person>
GROUP BY 1, 2
"""
"""With what has left the log, of before every span that is told."""

CASES: Final = """
WITH <spans>, told AS MATERIALIZED (
  SELECT <person_id> AS person_id, event.case_id, min(event.opened_us) AS opened_us,
         max(event.complained_us) AS complained_us, max(event.resolved_us) AS resolved_us,
         least(min(event.answered_us), min(event.resolved_us)) AS answered_us,
         (array_agg(event.customer_id ORDER BY event.opened_us NULLS LAST))[1] AS customer_id
  FROM customer_cases AS event LEFT JOIN persons AS person ON person.customer_id = event.customer_id
  GROUP BY 1, 2
), placed AS (
  SELECT told.*, (
    SELECT opening.channel FROM events AS opening
    WHERE opening.customer_id = told.customer_id AND opening.type = 'case.opened'
      AND opening.reference = told.case_id
    ORDER BY opening.occurred_us, opening.source COLLATE "C", opening.id COLLATE "C" LIMIT 1
  ) AS channel FROM told
)
SELECT span.number, <cell> AS cell,
       count(*) FILTER (WHERE is_resolved) AS cases_resolved,
       coalesce(sum(event.resolved_us - event.opened_us) FILTER (WHERE is_resolved), 0) AS processing_us,
       count(*) FILTER (WHERE is_opened AND (event.answered_us IS NOT NULL
                                             OR event.opened_us + :target_us < :now_us)) AS cases_due,
       count(*) FILTER (WHERE is_opened AND event.answered_us <= event.opened_us + :target_us)
         AS cases_answered_in_time,
       count(*) FILTER (WHERE event.complained_us >= span.from_us AND event.complained_us < span.until_us)
         AS complaints
FROM span CROSS JOIN placed AS event CROSS JOIN LATERAL (
  SELECT event.opened_us >= span.from_us AND event.opened_us < span.until_us AS is_opened,
         event.resolved_us >= span.from_us AND event.resolved_us < span.until_us
           AND event.opened_us <= event.resolved_us AS is_resolved
) AS at
LEFT JOIN persons AS person ON person.customer_id = event.customer_id
<joins>
GROUP BY 1, 2
"""

SCORED: Final = """
WITH <spans>
SELECT span.number, <cell> AS cell, count(*) AS scored,
       sum(event.expected_spend_minor) * :margin AS expected_margin_minor
FROM span JOIN scores AS event ON event.as_of_us < span.until_us AND event.expected_spend_minor IS NOT NULL
  <person>
GROUP BY 1, 2
"""

STATEMENTS: Final[Mapping[str, frozenset[By]]] = {
    ORDERS: EVERY,
    CUSTOMERS_IN_TIME: frozenset(SERIES),
    CUSTOMERS: EVERY - frozenset(SERIES),
    REFUNDS: EVERY,
    ANSWERS: OF_PLACES,
    CONVERSIONS: OF_PLACES,
    MEMBERS: OF_PLACES,
    POINTS_IN_TIME: IN_TIME,
    POINTS: OF_CUSTOMERS - IN_TIME,
    CASES: OF_CASES,
    SCORED: OF_CUSTOMERS,
}
"""What is counted by what."""
