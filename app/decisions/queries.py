"""SQL of decisions: receipts with their answers, and when actions were last offered."""

from sqlalchemy import BigInteger, Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.database.engine import Statement, compile_statement, unnested
from app.database.tables import decisions, offers


def _write_decisions() -> Statement:
    """Writes receipts, and notes when their actions were last offered. Rows: decision_id of those written.

    Parameters: arrays `customer_id`, `decision_id`, `decided_us`, `receipt` and `answer` (JSON), `reserved_until_us`,
    where a decision that is there stays as it is; and arrays `offered_to`, `offered_action`, `offered_us`, no pair
    twice, and `offered_by`, the decision: of one that was there already no offer is noted; of
    none, NULL, it is.
    """
    given = unnested(
        "given",
        customer_id=Text(),
        decision_id=Text(),
        decided_us=BigInteger(),
        receipt=Text(),
        answer=Text(),
        reserved_until_us=BigInteger(),
    )
    rows = [cast(item, JSON) if item.name in ("receipt", "answer") else item for item in given.c]
    receipts = pg_insert(decisions).from_select([item.name for item in given.c], select(*rows))
    written = receipts.on_conflict_do_nothing().returning(decisions.c.decision_id).cte("written")
    made = unnested("made", offered_to=Text(), offered_action=Text(), offered_us=BigInteger(), offered_by=Text())
    offered = [made.c[name] for name in ("offered_to", "offered_action", "offered_us")]
    is_made = or_(made.c.offered_by.is_(None), made.c.offered_by.in_(select(written.c.decision_id)))
    in_order = select(*offered).where(is_made).order_by(made.c.offered_to, made.c.offered_action)
    upsert = pg_insert(offers).from_select([item.name for item in offers.c], in_order)
    latest = func.greatest(offers.c.offered_us, upsert.excluded.offered_us)
    noted = upsert.on_conflict_do_update(index_elements=["customer_id", "action_id"], set_={"offered_us": latest})
    return compile_statement(select(written.c.decision_id).add_cte(noted.cte("noted")))


def _read_answers() -> Statement:
    """Parameters: arrays `customer_id`, `decision_id`. Rows: decision_id, answer (JSON text)."""
    given = unnested("given", customer_id=Text(), decision_id=Text())
    matches = (decisions.c.customer_id == given.c.customer_id) & (decisions.c.decision_id == given.c.decision_id)
    return compile_statement(
        select(decisions.c.decision_id, cast(decisions.c.answer, Text).label("answer")).join_from(
            given, decisions, matches
        )
    )


WRITE_DECISIONS = _write_decisions()
READ_ANSWERS = _read_answers()
