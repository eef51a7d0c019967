"""SQL of the merchant's rules."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.item_tables import merchant_rules
from app.recommendations.merchant_rules import MerchantRule


async def read_rules(connection: AsyncConnection) -> list[MerchantRule]:
    """All of them, in the order of ids."""
    rows = await connection.execute(select(merchant_rules.c.definition).order_by(merchant_rules.c.rule_id))
    return [MerchantRule.model_validate(definition, strict=False) for (definition,) in rows]


async def put_rule(connection: AsyncConnection, rule: MerchantRule, now_us: int) -> None:
    """Adds or replaces a rule."""
    row = {"rule_id": rule.rule_id, "definition": rule.model_dump(mode="json"), "updated_us": now_us}
    insert = pg_insert(merchant_rules).values(row)
    await connection.execute(insert.on_conflict_do_update(index_elements=["rule_id"], set_=row))


async def delete_rule(connection: AsyncConnection, rule_id: str) -> bool:
    """False: there is no such rule."""
    deleted = await connection.execute(delete(merchant_rules).where(merchant_rules.c.rule_id == rule_id))
    return deleted.rowcount > 0
