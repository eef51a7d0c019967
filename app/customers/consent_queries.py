"""SQL of consent: the words on purposes that the customer's own state does not have."""

from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, FromClause, Select, Text, bindparam, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import array

from app.database.bases import recomputed
from app.database.engine import Statement, compile_statement
from app.database.tables import customer_consents
from app.lifecycle.consents import MARKETING, PERSONALIZATION
from app.lifecycle.states import CONSENT

WORDS: Final = "consent_words"


def _words(said: FromClause) -> Select[Any]:
    """The words of a set, as `CustomerState` has them; NULL: there is none."""
    word = array([said.c.purpose, said.c.channel, said.c.word])
    kept = [literal_column(f"'{purpose}'", Text) for purpose in (MARKETING, PERSONALIZATION)]
    told = func.array_agg(word, type_=ARRAY(Text, dimensions=2)).label(WORDS)
    return select(told).where(said.c.purpose.not_in(kept), said.c.word.is_not(None))


def consent_words(customer_id: ColumnElement[str]) -> ColumnElement[Any]:
    """Of one customer id, by a look-up in the primary key."""
    found = _words(customer_consents).where(customer_consents.c.customer_id == customer_id)
    return found.scalar_subquery().label(WORDS)


def _read_consents() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, consent_words, one each."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return compile_statement(select(asked.c.customer_id, consent_words(asked.c.customer_id)))


READ_CONSENTS = _read_consents()


def consents_of_members(those: FromClause) -> FromClause:
    """Rows `customer_id`, `consent_words`: of persons, whose ids are the `member_id`s of `those`; of a purpose and a
    channel as many words as ids said one."""
    words = _words(customer_consents).add_columns(those.c.customer_id)
    joined = words.join_from(customer_consents, those, customer_consents.c.customer_id == those.c.member_id)
    return joined.group_by(those.c.customer_id).subquery("consents")


def consents_in_events(events: FromClause, bases: FromClause | None = None) -> FromClause:
    """The same, of the customers of a set of events, and of words that have left the log."""
    said = recomputed(CONSENT, events, bases).subquery("said")
    return _words(said).add_columns(said.c.customer_id).group_by(said.c.customer_id).subquery("consents")
