"""Three roles of the database: the owner migrates, the service runs as another, and analysts read as a third.

The service may read and write rows, and change no table. What its keys are worth it cannot change either: it reads
them, and notes their use. Analysts read what is no key and no secret.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import SQLAlchemyError

from app.database.engine import create_engine, transaction
from app.database.schema import UnusableDatabase
from app.database.scram import verifier_of
from app.database.tables import metadata
from app.foundation.errors import NotReady

SCHEMA: Final = "public"
VERSIONS: Final = "alembic_version"
ROWS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
LIMITED: Final = {
    VERSIONS: ("SELECT",),
    "api_keys": ("SELECT", "UPDATE (last_used_us)"),
    "model_approvals": ("SELECT", "INSERT"),
    "model_changes": ("SELECT", "INSERT"),
    "action_versions": ("SELECT", "INSERT"),
    "loyalty_programmes": ("SELECT", "INSERT", "UPDATE (marked_us)"),
    "loyalty_entries": ("SELECT", "INSERT", "UPDATE (customer_id)", "DELETE"),
    "audit_log": ("SELECT", "INSERT", "DELETE"),
    "console_sessions": ("SELECT", "INSERT", "DELETE"),
    "console_codes": ("SELECT", "DELETE"),
}
"""Tables of which the service does less than read and write: keys, what signs in, and who changed what."""
HIDDEN: Final = frozenset(("api_keys", "console_codes", "console_sessions", "erased_ids", "left_events", "audit_log"))
"""From analysts: hashes of keys, of what signs in, of ids of whom there is nothing any more, and of events that have
left; who looked at whom."""
TYPES: Final = ("order_line",)

APPLYING: Final = 0x726F6C65
"""Advisory lock: grants of two at once would trip over each other."""

Found = TypeVar("Found")
_quote = asyncpg_dialect().identifier_preparer.quote_identifier  # type: ignore[no-untyped-call]


class Roles(NamedTuple):
    """Names of roles of the server."""

    owner: str = "perennial_owner"
    app: str = "perennial_app"
    reader: str = "perennial_reader"


def apply_roles(url: str, roles: Roles, password: str | None = None) -> None:
    """Runs `write_roles`, in one transaction, and gives the service's role a password. Raises UnusableDatabase."""
    statements = [write_roles(roles)]
    if password is not None:
        statements.append(f"ALTER ROLE {_quote(roles.app)} PASSWORD {_literal(verifier_of(password))}")
    _run(_apply(url, statements))


def ensure_roles(url: str, roles: Roles) -> None:
    """`apply_roles`, where the service's role lacks anything."""
    if _run(_find_lacking(url, roles.app)):
        apply_roles(url, roles)


def check_access(url: str) -> None:
    """Raises UnusableDatabase, with what to do, where who connects lacks what the service needs."""
    lacking = _run(_find_lacking(url, None))
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UnusableDatabase(
            f"The role of PERENNIAL_DATABASE_URL may not {lacking[0]}{more}: run 'perennial roles --apply' with the "
            "owner's PERENNIAL_DATABASE_OWNER_URL."
        )


def _run(work: Coroutine[Any, Any, Found]) -> Found:
    """In a thread: there may be an event loop in this one."""
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, work).result()
    except (SQLAlchemyError, NotReady) as error:
        cause = error.__cause__ or error
        raise UnusableDatabase(f"The roles of the database: {str(cause).splitlines()[0]}") from error


async def _apply(url: str, statements: Iterable[str]) -> None:
    engine = create_engine(url)
    try:
        async with transaction(engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(APPLYING)))
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            for statement in statements:
                await driver.execute(statement)
    finally:
        await engine.dispose()


async def _find_lacking(url: str, role: str | None) -> list[str]:
    """What a role, or who connects, may not do and must: `SELECT on table events`."""
    pairs = [(name, privilege.split()[0]) for name, granted in needs().items() for privilege in granted]
    names, privileges = zip(*pairs, strict=True)
    engine = create_engine(url)
    try:
        async with transaction(engine) as connection:
            given = {"role": role, "names": list(names), "privileges": list(privileges)}
            return list((await connection.execute(_LACKING, given)).scalars())
    finally:
        await engine.dispose()


_LACKING: Final = text("""
WITH asked AS (SELECT coalesce(CAST(:role AS text), current_user) AS role),
     known AS (SELECT rolname AS role FROM asked JOIN pg_roles ON rolname = role)
SELECT 'log in as ' || role FROM asked WHERE NOT EXISTS (SELECT FROM known)
UNION ALL
SELECT 'make temporary tables' FROM known WHERE NOT has_database_privilege(role, current_database(), 'TEMPORARY')
UNION ALL
(SELECT privilege || ' on table ' || name
 FROM known CROSS JOIN unnest(CAST(:names AS text[]), CAST(:privileges AS text[])) AS needed (name, privilege)
 WHERE to_regclass(name) IS NOT NULL
   AND NOT CASE privilege WHEN 'DELETE' THEN has_table_privilege(role, to_regclass(name), privilege)
                          ELSE has_any_column_privilege(role, to_regclass(name), privilege) END
 ORDER BY 1)
""")


def needs() -> dict[str, tuple[str, ...]]:
    """Table → what the service must be granted on it."""
    return {name: LIMITED.get(name, ROWS) for name in (*metadata.tables, VERSIONS)}


def write_roles(roles: Roles) -> str:
    """SQL that makes the roles where there are none, and gives each what it may do; of a database that is migrated, for
    who owns its tables and may make roles. Repeated, it changes nothing.
    """
    owner, app, reader = (_quote(name) for name in roles)
    made = [_make(name) for name in roles]
    privileges = "; ".join(
        f"WHEN {_literal(name)} THEN {_literal(', '.join(granted))}" for name, granted in LIMITED.items()
    )
    return "\n".join(
        (
            *made,
            _on_database("REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC"),
            _on_database(f"GRANT CONNECT, TEMPORARY ON DATABASE %I TO {owner}, {app}"),
            _on_database(f"GRANT CONNECT ON DATABASE %I TO {reader}"),
            f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM PUBLIC;",
            f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {owner};",
            f"GRANT USAGE ON SCHEMA {SCHEMA} TO {app}, {reader};",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {SCHEMA} GRANT {', '.join(ROWS)} ON TABLES TO {app};",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {SCHEMA} GRANT USAGE ON SEQUENCES TO {app};",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {SCHEMA} GRANT SELECT ON TABLES TO {reader};",
            _TABLES.format(
                tables=_array(needs()),
                types=_array(TYPES),
                hidden=_array(HIDDEN),
                owner=owner,
                app=app,
                reader=reader,
                owner_name=_literal(roles.owner),
                schema=SCHEMA,
                cases=privileges.replace("; ", " "),
                rows=_literal(", ".join(ROWS)),
            ),
        )
    )


_TABLES: Final = """DO $$
DECLARE found record;
BEGIN
  FOR found IN SELECT oid::regtype AS name FROM pg_type WHERE typnamespace = '{schema}'::regnamespace
    AND typname = ANY ({types}) AND pg_get_userbyid(typowner) <> {owner_name}
  LOOP
    EXECUTE format('ALTER TYPE %s OWNER TO {owner}', found.name);
  END LOOP;
  FOR found IN SELECT oid::regclass AS name, relname, pg_get_userbyid(relowner) AS owner FROM pg_class
    WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'p') AND relname = ANY ({tables})
  LOOP
    IF found.owner <> {owner_name} THEN
      EXECUTE format('ALTER TABLE %s OWNER TO {owner}', found.name);
    END IF;
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, {app}, {reader}', found.name);
    EXECUTE format('GRANT %s ON %s TO {app}', CASE found.relname {cases} ELSE {rows} END, found.name);
    IF found.relname <> ALL ({hidden}) THEN
      EXECUTE format('GRANT SELECT ON %s TO {reader}', found.name);
    END IF;
  END LOOP;
END $$;"""


def _make(name: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_literal(name)}) THEN "
        f"CREATE ROLE {_quote(name)} LOGIN; END IF; END $$;"
    )


def _on_database(statement: str) -> str:
    return f"DO $$ BEGIN EXECUTE format({_literal(statement)}, current_database()); END $$;"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _array(names: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(_literal(name) for name in sorted(names))}]"
