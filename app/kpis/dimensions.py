"""What KPIs are told by, as SQL: the cell that an event, or a person, is of. An empty text is of none."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.kpis.definitions import By

_NO_ATTRIBUTE: Final = "attribute AS (SELECT 0 AS number, '' AS person_id, '' AS cell WHERE false)"
_STAGE: Final = """
attribute AS MATERIALIZED (
  SELECT DISTINCT ON (span.number, moved.customer_id) span.number, moved.customer_id AS person_id,
         coalesce(moved.to_stage, '') AS cell
  FROM span JOIN stage_transitions AS moved ON moved.at_us <= span.from_us
  ORDER BY span.number, moved.customer_id, moved.at_us DESC
)"""
_TIER: Final = """
attribute AS MATERIALIZED (
  SELECT DISTINCT ON (span.number, person_id) span.number,
         coalesce(person.person_id, event.customer_id) AS person_id, coalesce(event.value, '') AS cell
  FROM span JOIN (
    SELECT customer_id, occurred_us, source, id, value FROM events
    WHERE type = 'tier.changed' AND type <> 'order.completed'
    UNION ALL
    SELECT customer_id, CAST(split_part(latest_tier, chr(31), 1) AS bigint), split_part(latest_tier, chr(31), 2),
           split_part(latest_tier, chr(31), 3), split_part(latest_tier, chr(31), 4)
    FROM base_customer_states WHERE latest_tier IS NOT NULL
  ) AS event ON event.occurred_us < span.from_us
  LEFT JOIN persons AS person ON person.customer_id = event.customer_id
  ORDER BY span.number, person_id, event.occurred_us DESC, event.source COLLATE "C" DESC, event.id COLLATE "C" DESC
)"""
_OF_CATEGORIES: Final = """
LEFT JOIN LATERAL (
  SELECT coalesce(line.category, '') AS cell,
         sum(floor(line.quantity * coalesce(line.price_minor, 0) - coalesce(line.discount_minor, 0) + 0.5))
           AS amount_minor,
         sum(coalesce(line.discount_minor, 0)) AS discount_minor
  FROM unnest(coalesce(event.told_lines, event.lines)) AS line GROUP BY 1
) AS of_category ON true"""
_OF_PERSONS: Final = (
    "LEFT JOIN attribute ON attribute.number = span.number"
    " AND attribute.person_id = coalesce(person.person_id, event.customer_id)"
)


class Dimension(NamedTuple):
    """`attribute`: a table of what persons are at the beginning of each span. `joins`: beside a row `event` of a
    `person`; `cell`, `amount_minor` and `discount_minor` of the joined row."""

    cell: str
    attribute: str = _NO_ATTRIBUTE
    joins: str = ""
    amount_minor: str = "event.amount_minor"
    discount_minor: str = "event.discount_minor"

    @property
    def is_of_persons(self) -> bool:
        """Whether it is something that a person is, rather than where or what something was."""
        return self.attribute is not _NO_ATTRIBUTE


_TOTAL: Final = Dimension("''")
DIMENSIONS: Final[Mapping[By, Dimension]] = {
    **dict.fromkeys(("all", "day", "week", "month"), _TOTAL),
    "stage": Dimension("coalesce(attribute.cell, '')", _STAGE, _OF_PERSONS),
    "tier": Dimension("coalesce(attribute.cell, '')", _TIER, _OF_PERSONS),
    "channel": Dimension("coalesce(event.channel, '')"),
    "store": Dimension("coalesce(event.data ->> 'store', substring(event.source FROM '/pos/([^/]+)'), '')"),
    "category": Dimension(
        "coalesce(of_category.cell, '')",
        joins=_OF_CATEGORIES,
        amount_minor="coalesce(of_category.amount_minor, event.amount_minor)",
        discount_minor="coalesce(of_category.discount_minor, event.discount_minor)",
    ),
}
"""An order's store is what it says in `store`, else what its source names: `/pos/STORE/…`."""
