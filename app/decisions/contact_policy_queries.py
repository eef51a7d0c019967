"""SQL of the contact policy: each version that there was."""

from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.contact_tables import contact_policies
from app.lifecycle.contact_policy import ContactPolicy


class PolicyVersion(NamedTuple):
    """A policy, who put it there and when."""

    version: int
    policy: ContactPolicy
    changed_us: int
    changed_by: str


def _of(row: Any) -> PolicyVersion:
    return PolicyVersion(row.version, ContactPolicy.model_validate(row.policy), row.changed_us, row.changed_by)


async def read_latest(connection: AsyncConnection) -> PolicyVersion | None:
    """The one in force; None: that of the beginning."""
    latest = select(contact_policies).order_by(contact_policies.c.version.desc()).limit(1)
    row = (await connection.execute(latest)).one_or_none()
    return None if row is None else _of(row)


async def read_version(connection: AsyncConnection, version: int) -> PolicyVersion | None:
    """One that was or is in force; None: there is none."""
    row = (
        await connection.execute(select(contact_policies).where(contact_policies.c.version == version))
    ).one_or_none()
    return None if row is None else _of(row)


async def add_version(
    connection: AsyncConnection, policy: ContactPolicy, changed_us: int, changed_by: str
) -> PolicyVersion:
    """Puts a policy in force."""
    row = {"policy": policy.model_dump(mode="json"), "changed_us": changed_us, "changed_by": changed_by}
    added = insert(contact_policies).values(row).returning(contact_policies.c.version)
    version: int = (await connection.execute(added)).scalar_one()
    return PolicyVersion(version, policy, changed_us, changed_by)
