"""SQL of tombstones as events meet them."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ARRAY, BigInteger, LargeBinary, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import compile_statement
from app.database.privacy_tables import erased_ids

ERASING: Final = 0x65726173  # "eras": shared by all that count events, held alone while somebody is erased
NONE_FOUND: Final = "SELECT 0"
"""What the server says of `begin_unerased` where no id was erased."""


def begin_unerased(begin: str, hashes: Collection[bytes]) -> str:
    """Begins a transaction that no erasure runs beside, and looks for tombstones, in the round trip that it takes.

    The look comes after the lock: it sees those of every erasure that has ended.
    """
    if not hashes:
        return begin
    listed = ",".join(f"'\\x{each.hex()}'" for each in hashes)
    lock = f"SELECT pg_advisory_xact_lock_shared({ERASING})"
    return f"{begin}; {lock}; SELECT FROM erased_ids WHERE id_hash IN ({listed})"


_HASHES: Final = bindparam("hashes", type_=ARRAY(LargeBinary))
_FOUND: Final = select(erased_ids.c.id_hash, erased_ids.c.erased_us, erased_ids.c.lifted_us)

FIND_ERASED: Final = compile_statement(_FOUND.where(erased_ids.c.id_hash == func.any(_HASHES)))
LIFT: Final = compile_statement(
    update(erased_ids)
    .values(lifted_us=func.least(erased_ids.c.lifted_us, bindparam("lifted_us", type_=BigInteger)))
    .where(erased_ids.c.id_hash == func.any(_HASHES))
)
"""The earlier time stays."""


SPREAD: Final = compile_statement(
    text("""
INSERT INTO erased_ids (id_hash, erased_us, lifted_us, erasure_id)
SELECT given.other, own.erased_us, own.lifted_us, own.erasure_id
FROM unnest(CAST(:own AS bytea[]), CAST(:other AS bytea[])) AS given (own, other)
JOIN erased_ids AS own ON own.id_hash = given.own
ON CONFLICT DO NOTHING
""").bindparams(bindparam("own", type_=ARRAY(LargeBinary)), bindparam("other", type_=ARRAY(LargeBinary)))
)
"""Leaves tombstones of ids that are theirs who have one already."""


async def find_barred(connection: AsyncConnection, hashes: Collection[bytes]) -> set[bytes]:
    """Those of these ids that are erased, and were not given consent anew."""
    is_barred = erased_ids.c.id_hash.in_(hashes) & erased_ids.c.lifted_us.is_(None)
    return set((await connection.execute(select(erased_ids.c.id_hash).where(is_barred))).scalars())
