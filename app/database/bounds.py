"""Bounded states in Postgres: which are forgotten, and what counts afterwards."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.tables import base_name, metadata, state_horizons
from app.lifecycle.states import FIRST_EVENT, StateSpec

_NEVER: Final = literal_column("-9223372036854775808", BigInteger)


def is_counted(spec: StateSpec, rows: FromClause) -> ColumnElement[bool]:
    """Whether a row is not forgotten, where states are bounded.

    Of a customer whose states were forgotten up to a horizon, what comes from before it counts only towards a state
    that is kept, and began before: `FIRST_EVENT` tells since when.
    """
    kept = metadata.tables[spec.table].alias("kept")
    is_its = and_(*(kept.c[key] == rows.c[column_] for key, column_ in spec.keys.items()))
    is_theirs = and_(
        state_horizons.c.customer_id == rows.c.customer_id,
        state_horizons.c.state == literal_column(f"'{spec.name}'", Text),
    )
    horizon_us = select(state_horizons.c.horizon_us).where(is_theirs).correlate(rows).scalar_subquery()
    first_us = select(kept.c[FIRST_EVENT]).where(is_its).correlate(rows).scalar_subquery()
    return or_(rows.c.occurred_us > func.coalesce(horizon_us, _NEVER), rows.c.occurred_us >= first_us)


def forget(spec: StateSpec) -> Any:
    """Forgets of `customer_ids` all but the `most` states whose last event is the latest, and keeps up to when.

    Of one time those go first whose other key is the least, by bytes. The caller holds the customers' own rows.
    """
    key = list(spec.keys)[1]
    statement = f"""
WITH ranked AS (
  SELECT customer_id, {key}, row_number() OVER (
    PARTITION BY customer_id ORDER BY last_event_us DESC, {key} COLLATE "C" DESC) AS place
  FROM {spec.table} WHERE customer_id = ANY (:customer_ids)
), gone AS (
  DELETE FROM {spec.table} AS kept USING ranked
  WHERE kept.customer_id = ranked.customer_id AND kept.{key} = ranked.{key} AND ranked.place > :most
  RETURNING kept.customer_id, kept.{key}, kept.last_event_us
), gone_bases AS (
  DELETE FROM {base_name(spec)} AS base USING gone WHERE base.customer_id = gone.customer_id AND base.{key} = gone.{key}
)
INSERT INTO state_horizons (customer_id, state, horizon_us)
SELECT customer_id, '{spec.name}', max(last_event_us) FROM gone GROUP BY customer_id ORDER BY customer_id
ON CONFLICT (customer_id, state) DO UPDATE SET horizon_us = greatest(state_horizons.horizon_us, excluded.horizon_us)
"""  # noqa: S608 - our own names
    parameters = (bindparam("customer_ids", type_=ARRAY(Text)), bindparam("most", type_=BigInteger))
    return text(statement).bindparams(*parameters)
