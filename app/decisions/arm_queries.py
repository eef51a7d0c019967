"""SQL of the arms of persons, as receipts tell them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.decision_tables import arm_reports, arms
from app.database.tables import decisions
from app.lifecycle.identifiers import BASKET

_ENTER: Final = """
INSERT INTO arms (person_id, arm, decided_us, control_share, usual_share)
SELECT DISTINCT ON (person_id) *
FROM (
  SELECT coalesce(receipt #>> '{customer,person_id}', customer_id) AS person_id,
         receipt #>> '{customer,arm}' AS arm, decided_us,
         CAST(receipt #>> '{policy,control_share}' AS float8) AS control_share,
         CAST(receipt #>> '{policy,usual_share}' AS float8) AS usual_share
  FROM decisions
  WHERE decided_us >= :from_us AND decided_us < :until_us AND NOT starts_with(customer_id, :basket)
) AS told
WHERE arm IS NOT NULL AND usual_share IS NOT NULL
ORDER BY person_id, decided_us
ON CONFLICT (person_id) DO NOTHING
"""


async def enter_persons(connection: AsyncConnection, from_us: int, until_us: int) -> int:
    """Notes the arms of those first decided of in `[from_us, until_us)`; how many these are. Receipts of before there
    were arms tell of none."""
    given = {"from_us": from_us, "until_us": until_us, "basket": BASKET}
    return (await connection.execute(text(_ENTER), given)).rowcount


async def find_last_entered(connection: AsyncConnection) -> int:
    """When the last of those who are noted was first decided of, µs; 0: nobody is."""
    return int((await connection.execute(select(func.coalesce(func.max(arms.c.decided_us), 0)))).scalar_one())


async def find_piece_end(connection: AsyncConnection, from_us: int, until_us: int, most: int) -> int:
    """The end of a piece of `[from_us, until_us)` that has so many decisions at most, but for those of one time."""
    decided_us = decisions.c.decided_us
    after = select(decided_us).where(decided_us >= from_us, decided_us < until_us).order_by(decided_us)
    found = (await connection.execute(after.offset(most).limit(1))).scalar_one_or_none()
    return until_us if found is None else max(int(found), from_us + 1)


async def count_arms(connection: AsyncConnection) -> Sequence[Any]:
    """Rows: arm, control_share, usual_share, persons."""
    by = (arms.c.arm, arms.c.control_share, arms.c.usual_share)
    rows: Sequence[Any] = (await connection.execute(select(*by, func.count().label("persons")).group_by(*by))).all()
    return rows


async def read_arm_report(connection: AsyncConnection) -> Any:
    """The row of the latest report; None: there is none."""
    return (await connection.execute(select(arm_reports).order_by(arm_reports.c.at_us.desc()).limit(1))).one_or_none()


async def write_arm_report(connection: AsyncConnection, at_us: int, report: Mapping[str, Any]) -> None:
    """Keeps a report for ever."""
    kept = insert(arm_reports).values(at_us=at_us, report=orjson.loads(orjson.dumps(report)))
    await connection.execute(kept.on_conflict_do_nothing())
