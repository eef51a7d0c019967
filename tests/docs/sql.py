"""Runs the SQL of a page, from standard input, on the database of the settings: `python -m tests.docs.sql`."""

import sys

from sqlalchemy import create_engine, make_url, text

from app.foundation.settings import Settings


def run(statements: str, database_url: str) -> None:
    """Prints the rows of each statement, values parted by ` | `."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";")):
            found = connection.execute(text(statement))
            for row in found if found.returns_rows else ():
                print(" | ".join(map(str, row)))


if __name__ == "__main__":
    url = Settings.from_environment().database_url
    assert url is not None
    run(sys.stdin.read(), url)
