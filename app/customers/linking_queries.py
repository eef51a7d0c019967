"""Who is who in Postgres: what was said of pairs of ids, the persons that follow, and their states."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    delete,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.case_queries import STANDING, complaints_of_members
from app.customers.consent_queries import WORDS, consents_of_members
from app.database.engine import Statement, compile_statement, unnested
from app.database.states import latest_vector, numeric_vector, united
from app.database.tables import (
    customer_states,
    links,
    offers,
    persons,
)
from app.lifecycle.measures import MEASURES
from app.lifecycle.persons import MOST_HOLDERS
from app.lifecycle.states import CUSTOMER

_PERSONS_LOCK = 0x70657273  # "pers": one transaction at a time writes persons
_PSEUDONYM = "'^~[^:]+:[0-9a-f]{64}$'"
_PAIR = ("low_id", "high_id")


def _incoming(table: Table, names: Sequence[str]) -> Any:
    return unnested("incoming", **{name: table.c[name].type for name in names})


class LinkStatements(NamedTuple):
    """Writing a table of the columns of `links`. Parameters: an array a column, or of the pair alone.

    `claim` inserts the pairs that are new and locks the others, in order, so that concurrent ones
    cannot deadlock; rows: the new ones. `read` gives the rows of pairs; `rewrite` replaces all but the pair.
    """

    claim: Statement
    read: Statement
    rewrite: Statement


def write_links(table: Table) -> LinkStatements:
    """The statements for `links`, or for a table like it."""
    names = [item.name for item in table.c]
    incoming, pairs = _incoming(table, names), _incoming(table, _PAIR)
    in_order = select(*incoming.c).order_by(incoming.c.low_id, incoming.c.high_id)
    insert = pg_insert(table).from_select(names, in_order)
    claim = insert.on_conflict_do_update(
        index_elements=_PAIR, set_={"low_id": insert.excluded.low_id}, where=false()
    ).returning(table.c.low_id, table.c.high_id)
    values = {name: incoming.c[name] for name in names if name not in _PAIR}
    return LinkStatements(
        compile_statement(claim),
        compile_statement(select(table).join_from(pairs, table, is_same_pair(table, pairs))),
        compile_statement(update(table).values(values).where(is_same_pair(table, incoming))),
    )


def is_same_pair(table: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(*(table.c[name] == other.c[name] for name in _PAIR))


LINKS = write_links(links)

LOCK_PERSONS = compile_statement(select(func.pg_advisory_xact_lock(literal_column(str(_PERSONS_LOCK)))))
"""Until the transaction ends. Afterwards a statement sees all that earlier holders wrote."""

_NODES = bindparam("nodes", type_=ARRAY(Text))

READ_NEIGHBOURS = compile_statement(
    select(links).where(or_(links.c.low_id == func.any(_NODES), links.c.high_id == func.any(_NODES)))
)
"""All that was said of these ids."""


def _crowded() -> Statement:
    """Of these ids, the identifiers that more than MOST_HOLDERS customers are joined to."""
    node = func.unnest(_NODES).table_valued(column("node", Text), name="wanted").render_derived()

    def holders(of: ColumnElement[str], holder: ColumnElement[str]) -> Select[Any]:
        is_customer = holder.op("!~")(literal_column(_PSEUDONYM))
        return select(literal_column("1")).where(of == node.c.node, links.c.is_joined, is_customer).correlate(node)

    either = union_all(holders(links.c.low_id, links.c.high_id), holders(links.c.high_id, links.c.low_id))
    some = either.limit(literal_column(str(MOST_HOLDERS + 1), Integer)).subquery("some")
    count = select(func.count()).select_from(some).scalar_subquery()
    is_pseudonym = node.c.node.op("~")(literal_column(_PSEUDONYM))
    return compile_statement(select(node.c.node).where(is_pseudonym, count > literal_column(str(MOST_HOLDERS))))


FIND_CROWDED = _crowded()


def crowds(after: str, most: int, most_holders: int) -> Select[Any]:
    """Rows: an identifier that joins none since too many hold it, how many, and the first of them by time.

    In the order of bytes after one. All links are read.
    """

    def held(node: ColumnElement[str], holder: ColumnElement[str]) -> Select[Any]:
        pseudonym: ColumnElement[str] = literal_column(_PSEUDONYM)
        is_held = and_(links.c.is_joined, node.op("~")(pseudonym), holder.op("!~")(pseudonym))
        return select(node.label("node"), holder.label("holder"), links.c.first_us).where(is_held)

    either = union_all(held(links.c.low_id, links.c.high_id), held(links.c.high_id, links.c.low_id)).subquery("held")
    count, node = func.count(), either.c.node.collate("C")
    first = func.array_agg(aggregate_order_by(either.c.holder, either.c.first_us, either.c.holder), type_=ARRAY(Text))
    return (
        select(either.c.node, count.label("holders"), first[1:most_holders].label("customer_ids"))
        .where(node > after)
        .group_by(either.c.node)
        .having(count > MOST_HOLDERS)
        .order_by(node)
        .limit(most)
    )


def _read_persons() -> Statement:
    """The persons of these ids, whole. Rows: customer_id, person_id."""
    theirs = select(persons.c.person_id).where(persons.c.customer_id == func.any(_NODES))
    return compile_statement(select(persons).where(persons.c.person_id.in_(theirs)))


READ_PERSONS = _read_persons()
REMOVE_PERSONS = compile_statement(delete(persons).where(persons.c.customer_id == func.any(_NODES)))


def _write_persons() -> Statement:
    insert = pg_insert(persons).from_select(
        ["customer_id", "person_id"], select(*_incoming(persons, ["customer_id", "person_id"]).c)
    )
    replaced = {"person_id": insert.excluded.person_id}
    return compile_statement(insert.on_conflict_do_update(index_elements=["customer_id"], set_=replaced))


WRITE_PERSONS = _write_persons()


def members(asked: FromClause) -> Select[Any]:
    """Rows: each `customer_id` that is asked for, with every `member_id` of its person, itself among them."""
    own, peer = persons.alias("own"), persons.alias("peer")
    themselves = select(asked.c.customer_id, asked.c.customer_id.label("member_id"))
    others = (
        select(asked.c.customer_id, peer.c.customer_id)
        .join_from(asked, own, own.c.customer_id == asked.c.customer_id)
        .join(peer, peer.c.person_id == own.c.person_id)
    )
    return union(themselves, others).subquery("members").select()


def member_ids(customer_id: str) -> ColumnElement[Any]:
    """Every id of a customer's person, as an array that is made once: for `column == func.any(…)`."""
    own, peer = persons.alias("own"), persons.alias("peer")
    others = select(peer.c.customer_id).join_from(own, peer, peer.c.person_id == own.c.person_id)
    themselves = select(literal(customer_id, Text))
    either = union(themselves, others.where(own.c.customer_id == customer_id)).subquery("members")
    return func.array(select(either).scalar_subquery(), type_=ARRAY(Text))


def in_person(customer_id: ColumnElement[str], arriving: FromClause | None = None) -> ColumnElement[bool]:
    """Whether anything is known of a customer under another id too, so that the own row is not all.

    For one who is in no person a probe of a primary key. A statement sees no rows that it
    writes itself: `arriving` has the `customer_id` of those.
    """
    own, peer = persons.alias("own"), persons.alias("peer")
    known = [customer_states.alias("known_states"), offers.alias("known_offers")]
    known += [] if arriving is None else [arriving.alias("arriving")]  # type: ignore[list-item]
    something = [
        exists(select(literal_column("1")).where(table.c.customer_id == peer.c.customer_id).correlate(peer))
        for table in known
    ]
    others: Select[Any] = (
        select(literal_column("1"))
        .select_from(own.join(peer, peer.c.person_id == own.c.person_id))
        .where(own.c.customer_id == customer_id, peer.c.customer_id != own.c.customer_id, or_(*something))
    )
    return exists(others).label("in_person")


def _offered_to(those: FromClause) -> FromClause:
    """The last offers of each action to persons, as `app.customers.queries.offered`."""
    last_us = func.max(offers.c.offered_us).label("offered_us")
    lasts = (
        select(those.c.customer_id, offers.c.action_id, last_us)
        .join_from(those, offers, offers.c.customer_id == those.c.member_id)
        .group_by(those.c.customer_id, offers.c.action_id)
        .subquery("lasts")
    )
    as_json = cast(func.json_object_agg(lasts.c.action_id, lasts.c.offered_us), Text).label("offered")
    return select(lasts.c.customer_id, as_json).group_by(lasts.c.customer_id).subquery("offered")


def person_states(asked: FromClause) -> Select[Any]:
    """Rows: those of `CustomerState`, under the customer_id asked for: the merge of all ids of the person."""
    those = members(asked).cte("those")
    rows = select(those.c.customer_id, *(customer_states.c[measure.name] for measure in MEASURES)).join_from(
        those, customer_states, customer_states.c.customer_id == those.c.member_id
    )
    states, offered = united(CUSTOMER, rows.subquery("rows")).subquery("states"), _offered_to(those)
    complaints, consents = complaints_of_members(those), consents_of_members(those)
    goes_by = select(persons.c.person_id).where(persons.c.customer_id == states.c.customer_id).scalar_subquery()
    return (
        select(
            states.c.customer_id,
            numeric_vector(states),
            latest_vector(states),
            offered.c.offered,
            complaints.c[STANDING],
            consents.c[WORDS],
            goes_by.label("person_id"),
        )
        .join_from(states, offered, offered.c.customer_id == states.c.customer_id, isouter=True)
        .outerjoin(complaints, complaints.c.customer_id == states.c.customer_id)
        .outerjoin(consents, consents.c.customer_id == states.c.customer_id)
    )


def _person_states() -> Statement:
    """Parameter `customer_ids`; those of whose persons there is no state at all are left out."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return compile_statement(person_states(asked))


PERSON_STATES = _person_states()
