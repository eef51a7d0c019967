"""SQL of offers: those in force, new ones, and what the shop sells on discount."""

from typing import Final

from sqlalchemy import ARRAY, BigInteger, Double, Text, bindparam, cast, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Statement, compile_statement, unnested
from app.database.item_tables import price_offers, shop_shares
from app.lifecycle.pricing.sensitivity import ASSUMED, ShopShare

_IN_FORCE: Final = """
WITH asked AS (
  SELECT DISTINCT customer_id, item_id
  FROM unnest(CAST(:customer_ids AS text[]), CAST(:item_ids AS text[])) AS given (customer_id, item_id)
), member AS (
  SELECT asked.customer_id, asked.customer_id AS member_id FROM asked
  UNION
  SELECT asked.customer_id, other.customer_id
  FROM asked JOIN persons AS own ON own.customer_id = asked.customer_id
  JOIN persons AS other ON other.person_id = own.person_id
)
SELECT asked.customer_id, asked.item_id, latest.valid_from_us, latest.valid_until_us, latest.receipt
FROM asked JOIN member ON member.customer_id = asked.customer_id
CROSS JOIN LATERAL (
  SELECT valid_from_us, valid_until_us, CAST(receipt AS text) AS receipt FROM price_offers
  WHERE price_offers.customer_id = member.member_id AND price_offers.item_id = asked.item_id
  ORDER BY valid_from_us DESC LIMIT 1
) AS latest
WHERE latest.valid_until_us > :now_us
ORDER BY asked.customer_id, asked.item_id, latest.valid_from_us, member.member_id
"""

_LOCK: Final = """
SELECT pg_advisory_xact_lock(person.key) FROM (
  SELECT DISTINCT hashtextextended(customer_id, 1869636979) AS key
  FROM unnest(CAST(:customer_ids AS text[])) AS asked (customer_id) ORDER BY key
) AS person
"""


def _read_in_force() -> Statement:
    arrays = (bindparam(name, type_=ARRAY(Text)) for name in ("customer_ids", "item_ids"))
    return compile_statement(text(_IN_FORCE).bindparams(*arrays, bindparam("now_us", type_=BigInteger)))


READ_IN_FORCE: Final = _read_in_force()
"""Rows, of all ids of the person: customer_id as asked for, item_id, valid_from_us, valid_until_us, receipt (JSON
text); of each id and item the latest, where it is valid after `now_us`. Parameters: arrays `customer_ids`,
`item_ids`."""

LOCK_OFFERS: Final = compile_statement(text(_LOCK).bindparams(bindparam("customer_ids", type_=ARRAY(Text))))
"""Until the transaction ends nobody else gives offers to these. A statement after it sees all that was given before."""


def _give() -> Statement:
    types = {each.name: Text() if isinstance(each.type, JSONB) else each.type for each in price_offers.c}
    given = unnested("given", **types)
    columns = [cast(given.c[name], JSONB) if name == "receipt" else given.c[name] for name in types]
    return compile_statement(pg_insert(price_offers).from_select(list(types), select(*columns)))


GIVE: Final = _give()
"""Parameters: an array a column of `price_offers`."""

_SHARE: Final = {
    "at_us": bindparam("at_us", type_=BigInteger),
    "share": bindparam("share", type_=Double),
    "weight": bindparam("weight", type_=Double),
    "customers": bindparam("customers", type_=BigInteger),
}
KEEP_SHARE: Final = compile_statement(pg_insert(shop_shares).values(_SHARE))
FORGET_SHARES: Final = compile_statement(
    shop_shares.delete().where(shop_shares.c.at_us < bindparam("before_us", type_=BigInteger))
)
_LATEST: Final = select(shop_shares).order_by(shop_shares.c.at_us.desc()).limit(literal_column("1"))
READ_SHARE: Final = compile_statement(_LATEST)


async def read_shop_share(connection: AsyncConnection) -> ShopShare:
    """The one that was learned last, else the one that is assumed."""
    row = (await connection.execute(_LATEST)).one_or_none()
    return ASSUMED if row is None else ShopShare(row.share, row.weight, row.customers)
