"""SQL of publishing: the table that is filled beside the one that is read, and the swap."""

from typing import Final

from app.customers.tombstone_queries import ERASING
from app.database.tables import scores

COLUMNS: Final = tuple(scores.c.keys())
NEXT: Final = "scores_next"
LOCK_WAIT_MS: Final = 10_000
"""How long the swap waits for those who read the table at that moment."""

BEGIN_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""Everybody as of one moment: who is joined with another meanwhile is read once."""

CREATE_NEXT: Final = f"CREATE TABLE {NEXT} (LIKE scores INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMMENTS)"

GRANTS: Final = """
SELECT format('GRANT %s ON scores_next TO %s', privilege_type,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS statement
FROM pg_class CROSS JOIN aclexplode(relacl) WHERE pg_class.oid = 'scores'::regclass AND grantee <> relowner
"""
"""A statement each that lets whoever may read the old table read the new one."""

HOLD_ERASURES: Final = f"SELECT pg_advisory_xact_lock_shared({ERASING})"
REMOVE_ERASED: Final = f"""
DELETE FROM {NEXT} AS scored WHERE EXISTS (SELECT FROM erased_ids WHERE erased_us > $1)
  AND NOT EXISTS (SELECT FROM customer_states AS known WHERE known.customer_id = scored.customer_id)
  AND NOT EXISTS (SELECT FROM persons AS known WHERE known.customer_id = scored.customer_id)
"""  # noqa: S608 - constants of our own
"""Takes out of the table that is filled who was erased meanwhile. Nobody is erased from then to the swap."""

SWAP: Final = (
    f"ALTER TABLE {NEXT} ADD CONSTRAINT pk_{NEXT} PRIMARY KEY (customer_id)",
    f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}",
    "DROP TABLE scores",
    f"ALTER TABLE {NEXT} RENAME TO scores",
    f"ALTER TABLE scores RENAME CONSTRAINT pk_{NEXT} TO pk_scores",
)
ANALYZE: Final = "ANALYZE scores"
