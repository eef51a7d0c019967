"""Whether offers fall alike on groups of customers, by an attribute that is known from elsewhere and is not kept."""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Final, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.background import cut
from app.database.engine import transaction
from app.lifecycle.effects import Z95

_AT_ONCE: Final = 5_000

_GIVEN: Final = """
WITH asked AS (
  SELECT given.customer_id, coalesce(persons.person_id, given.customer_id) AS person_id
  FROM unnest(CAST(:customer_ids AS text[])) AS given (customer_id) LEFT JOIN persons USING (customer_id)
)
SELECT asked.customer_id, asked.person_id, coalesce(sum(told.offers), 0) AS offers,
       coalesce(sum(told.deep), 0) AS deep, coalesce(sum(told.depth), 0) AS depth
FROM asked CROSS JOIN LATERAL (
  SELECT asked.person_id AS member_id UNION SELECT customer_id FROM persons WHERE persons.person_id = asked.person_id
) AS member
LEFT JOIN LATERAL (
  SELECT count(*) AS offers, count(*) FILTER (WHERE price_offers.depth > 0) AS deep, sum(price_offers.depth) AS depth
  FROM price_offers
  WHERE price_offers.customer_id = member.member_id AND price_offers.valid_from_us >= :since_us
) AS told ON true
GROUP BY 1, 2
"""


class Person(NamedTuple):
    """Offers that a person was told: all of them, those with a depth, and the sum of depths."""

    person_id: str
    offers: int
    deep: int
    depth: float


class Group(NamedTuple):
    """Persons with one value of an attribute who were told offers. `share_deep`: of their offers those with a depth,
    and `depth`, the mean one, are means over persons; `depth_error` is half of its 95 % interval. `ratio`: of the depth
    to the deepest group's, None: nobody has any."""

    value: str
    persons: int
    offers: int
    share_deep: float
    depth: float
    depth_error: float
    ratio: float | None = None


async def read_told(engine: AsyncEngine, customer_ids: Sequence[str], since_us: int) -> dict[str, Person]:
    """Customer → what they were told since a time, by all ids of the person."""
    parameters = (bindparam("customer_ids", type_=ARRAY(Text)), bindparam("since_us", type_=BigInteger))
    statement, told = text(_GIVEN).bindparams(*parameters), dict[str, Person]()
    for chunk in cut(customer_ids, _AT_ONCE):
        async with transaction(engine) as connection:
            rows = await connection.execute(statement, {"customer_ids": list(chunk), "since_us": since_us})
            told |= {
                row.customer_id: Person(row.person_id, int(row.offers), int(row.deep), float(row.depth)) for row in rows
            }
    return told


def compare_groups(values: Iterable[tuple[str, str]], told: Mapping[str, Person]) -> list[Group]:
    """Of (customer, value), in the order of values; a person counts once in a group, and only if told offers."""
    groups: dict[str, dict[str, Person]] = {}
    for customer_id, value in values:
        person = told[customer_id]
        if person.offers:
            groups.setdefault(value, {})[person.person_id] = person
    found = [_measure(value, list(persons.values())) for value, persons in sorted(groups.items())]
    deepest = max((group.depth for group in found), default=0.0)
    return [group._replace(ratio=group.depth / deepest if deepest else None) for group in found]


def _measure(value: str, persons: Sequence[Person]) -> Group:
    count, depths = len(persons), [person.depth / person.offers for person in persons]
    mean = sum(depths) / count
    variance = sum((depth - mean) ** 2 for depth in depths) / max(count - 1, 1)
    return Group(
        value,
        count,
        sum(person.offers for person in persons),
        sum(person.deep / person.offers for person in persons) / count,
        mean,
        Z95 * sqrt(variance / count),
    )
