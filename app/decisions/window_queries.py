"""SQL that statements on what came after a person's first decision have in common, of a table called `first`."""

from typing import Final

from app.ingest.order_identity import REFUND_AFTER_DAYS, REFUND_SLACK_US
from app.lifecycle.events import DAY_US, SALES

PERSON: Final = """CROSS JOIN LATERAL (
    SELECT array_agg(id) AS ids FROM (
      SELECT first.customer_id AS id
      UNION
      SELECT other.customer_id FROM persons AS own JOIN persons AS other ON other.person_id = own.person_id
      WHERE own.customer_id = first.customer_id
    ) AS members
  ) AS person"""
"""All ids of the person, as they are by now."""
GIVEN_BACK: Final = f"""coalesce((
        SELECT sum(refund.amount_minor) FROM events AS refund
        WHERE refund.type = 'order.refunded' AND refund.source = bought.source AND refund.reference = bought.reference
          AND refund.customer_id = bought.customer_id
          AND (bought.id = 'order-' || bought.reference
               OR refund.occurred_us >= bought.occurred_us - {REFUND_SLACK_US}
                  AND refund.occurred_us < bought.occurred_us + {REFUND_AFTER_DAYS * DAY_US}
                  AND NOT EXISTS (
                    SELECT FROM events AS later
                    WHERE later.customer_id = bought.customer_id AND later.source = bought.source
                      AND later.reference = bought.reference
                      AND later.type IN ({", ".join(f"'{type_}'" for type_ in SALES)})
                      AND (later.occurred_us, later.id COLLATE "C") > (bought.occurred_us, bought.id COLLATE "C")
                      AND later.occurred_us <= refund.occurred_us + {REFUND_SLACK_US}))), 0)"""  # noqa: S608 - ours alone
"""What was given back of an order `bought`. At a till whose numbers begin anew a refund is of the latest order of its
customer that has the number, as states have it (`app.checkout.till_refunds`)."""
AFTER: Final = f"""CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kept.minor > 0) AS orders, CAST(coalesce(sum(kept.minor), 0) AS float8) AS minor
    FROM (
      SELECT bought.amount_minor - {GIVEN_BACK} AS minor
      FROM events AS bought
      WHERE bought.customer_id = ANY(person.ids) AND bought.type = 'order.completed'
        AND bought.occurred_us - first.decided_us BETWEEN 1 AND CAST(:window_us AS bigint)
        AND bought.received_us > first.decided_us
    ) AS kept
  ) AS after"""  # noqa: S608 - ours alone
"""What the person bought in `(decided, decided + window]`, and was told of after the decision, net of refunds; behind
PERSON. Times are compared by what lies between them, which no index has: the server would look through all orders of
everybody's window, once for each person."""
