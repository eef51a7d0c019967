"""SQL of publishing: the table that is filled beside the one that is read, and the swap."""

from typing import Final

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

SWAP: Final = (
    f"ALTER TABLE {NEXT} ADD CONSTRAINT pk_{NEXT} PRIMARY KEY (customer_id)",
    f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}",
    "DROP TABLE scores",
    f"ALTER TABLE {NEXT} RENAME TO scores",
    f"ALTER TABLE scores RENAME CONSTRAINT pk_{NEXT} TO pk_scores",
)
ANALYZE: Final = "ANALYZE scores"
