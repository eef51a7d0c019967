"""SQL of the ids that are of one person with those that are asked for."""

from typing import Final

WITH_MEMBERS: Final = """
WITH member AS (
  SELECT asked.customer_id, asked.customer_id AS member_id
  FROM unnest(CAST(:customer_ids AS text[])) AS asked (customer_id)
  UNION
  SELECT asked.customer_id, other.customer_id
  FROM unnest(CAST(:customer_ids AS text[])) AS asked (customer_id)
  JOIN persons AS own ON own.customer_id = asked.customer_id
  JOIN persons AS other ON other.person_id = own.person_id
)
"""
"""The beginning of a statement: rows of `member` are customer_id, one of the parameter `customer_ids`, and member_id,
each id of its person."""
