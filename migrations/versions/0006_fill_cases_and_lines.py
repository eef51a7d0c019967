"""service cases and order lines of the events there are

In ranges of customers, each committed by itself, so that no till waits: those of the version before go on, and what
they add meanwhile is not touched. Begun again after it was cut short, it changes nothing that is filled already.

Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from app.foundation.settings import Settings

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CUSTOMERS = 5_000

NEXT = """
SELECT max(customer_id) FROM (
    SELECT DISTINCT customer_id COLLATE "C" AS customer_id FROM events WHERE customer_id COLLATE "C" > :after
    ORDER BY 1 LIMIT :most) AS page
"""

FILL_CASES = """
INSERT INTO customer_cases
SELECT customer_id, reference,
       min(occurred_us) FILTER (WHERE type = 'case.opened'),
       max(occurred_us) FILTER (WHERE type = 'case.opened' AND kind = 'complaint'),
       min(occurred_us) FILTER (WHERE type = 'case.answered'),
       max(occurred_us) FILTER (WHERE type = 'case.resolved')
FROM events
WHERE customer_id COLLATE "C" > :after AND customer_id COLLATE "C" <= :through AND reference IS NOT NULL
      AND type IN ('case.opened', 'case.answered', 'case.resolved') AND customer_id NOT LIKE '~basket:%'
GROUP BY customer_id, reference ORDER BY customer_id, reference
ON CONFLICT (customer_id, case_id) DO UPDATE SET
    opened_us = least(customer_cases.opened_us, excluded.opened_us),
    complained_us = greatest(customer_cases.complained_us, excluded.complained_us),
    answered_us = least(customer_cases.answered_us, excluded.answered_us),
    resolved_us = greatest(customer_cases.resolved_us, excluded.resolved_us)
"""

FILL_LINES = """
UPDATE events SET lines = ARRAY(
    SELECT ROW(product ->> 'product_id', product ->> 'category',
               coalesce(nullif((product ->> 'quantity')::float8, 0), 1),
               round((product ->> 'price')::numeric * {scale})::bigint,
               CASE WHEN json_typeof(product -> 'discount') = 'number'
                         AND abs((product ->> 'discount')::numeric) <= 1000000000000
                    THEN round((product ->> 'discount')::numeric * {scale})::bigint END)::order_line
    FROM json_array_elements(data -> 'products') AS product)
WHERE customer_id COLLATE "C" > :after AND customer_id COLLATE "C" <= :through AND lines IS NULL
      AND type IN ('order.completed', 'order.refunded')
      AND CASE WHEN json_typeof(data -> 'products') = 'array' THEN json_array_length(data -> 'products') > 0 END
"""


def upgrade() -> None:
    fill_lines = sa.text(FILL_LINES.format(scale=10 ** Settings.from_environment().digits))
    with op.get_context().autocommit_block():
        connection, after = op.get_bind(), ""
        while (through := connection.execute(sa.text(NEXT), {"after": after, "most": CUSTOMERS}).scalar()) is not None:
            span = {"after": after, "through": through}
            connection.execute(sa.text(FILL_CASES), span)
            connection.execute(fill_lines, span)
            after = through


def downgrade() -> None:
    """What was filled goes with the columns."""
