"""Lines of a file in our own names, and which of them do not count, and why: SQL for DuckDB."""

from typing import Final

from app.lifecycle.events import MAX_AMOUNT_MINOR, minor_digits
from ml.data import leavings
from ml.data.columns import Columns
from ml.data.currency_signs import coded_sql
from ml.data.meanings import foreign_sql, no_sale_sql, return_sql, says_sql
from ml.data.moments import is_no_date_sql, moment_sql
from ml.data.numbers import number_sql, without_pieces
from ml.data.reading import is_number, literal
from ml.data.words import Words


class Expressions:
    """What the columns of `raw` say, in SQL."""

    def __init__(
        self, types: dict[str, str], plain: set[str], decimal: str, date_order: str | None, words: Words
    ) -> None:
        """`plain`: the columns of texts whose every number is written as programs do."""
        self._types, self._plain, self._decimal, self._date_order = types, plain, decimal, date_order
        self._words = words
        self.units: dict[str, float] = {}
        """Meaning → what 1 is in major units, of columns of money whose names say another unit."""
        self.has_refunds = False
        self.currency: str | None = None
        """In SQL, where amounts name their currencies themselves."""
        self.statuses = list[str]()
        self.has_words = self.has_returns = True

    def text(self, meaning: str) -> str:
        return f"CAST({meaning} AS VARCHAR)" if meaning in self._types else "CAST(NULL AS VARCHAR)"

    def id(self, meaning: str) -> str:
        """An id as text; a whole number that was stored as 17850.0 is 17850, an empty one is none."""
        bare = f"trim({self.text(meaning)})"
        whole = f"regexp_replace({bare}, '^(\\d+)\\.0$', '\\1')"
        return f"CASE WHEN suffix({bare}, '.0') THEN {whole} ELSE nullif({bare}, '') END"

    def number(self, meaning: str) -> str:
        unit, number = self.units.get(meaning), self._bare_number(meaning)
        return number if unit is None else f"({number}) * {unit}"

    def _bare_number(self, meaning: str) -> str:
        kind = self._types.get(meaning)
        if kind is None:
            return "CAST(NULL AS DOUBLE)"
        if is_number(kind):
            return f"CAST({meaning} AS DOUBLE)"
        if meaning in self._plain:
            return f"try_cast({meaning} AS DOUBLE)"
        if meaning == "quantity":
            return number_sql(without_pieces(self.text(meaning)), self._decimal)
        return number_sql(self.text(meaning), self._decimal)

    def returned(self) -> str:
        """Whether the line is marked as one that came back."""
        if not self.has_returns:
            return "false"
        if self._types.get("is_return") == "BOOLEAN":
            return "coalesce(is_return, false)"
        return "false" if self.has_refunds else return_sql(self.text("is_return"), self._words)

    def refunded(self) -> str:
        return f"abs({self.number('is_return')})" if self.has_refunds else "CAST(NULL AS DOUBLE)"

    def status(self) -> str:
        """Of the order, or of its payment where that says that it is no sale."""
        said = [self.text(meaning) for meaning in self.statuses]
        over = [f"WHEN {no_sale_sql(text, self._words)} THEN {text}" for text in said]
        return f"CASE {' '.join(over)} ELSE {said[0]} END" if said else "CAST(NULL AS VARCHAR)"

    def cancelled(self, besides: str = "true") -> str:
        """Whether a time of the cancellation is said, or that there was one."""
        return f"({says_sql(self.text('cancelled_at'), self._words)} AND {besides})"

    def moment(self) -> str:
        return moment_sql("timestamp", self._types["timestamp"], self._date_order, worded=self.has_words)


def read_sql(columns: Columns, expressions: Expressions) -> str:
    """One row a line of `raw`, in our own names; NULL where a line says nothing that can be used."""
    number = expressions.number
    quantity = number("quantity") if columns.quantity else "1.0"
    amount = number("amount") if columns.amount else f"({quantity}) * ({number('unit_price')})"
    cancelled = expressions.cancelled(f"coalesce({amount}, 0) >= 0" if columns.tells_reversals else "true")
    return f"""
        SELECT rowid + 1 AS row, {expressions.id("customer_id")} AS customer_id, {expressions.moment()} AS moment,
               {expressions.id("order_id")} AS order_id, {expressions.id("item_id")} AS item_id,
               {expressions.text("category")} AS category, {expressions.text("channel")} AS channel,
               {quantity} AS quantity, {number("unit_price")} AS unit_price, {amount} AS amount,
               {number("discount")} AS discount,
               {expressions.returned()} AS is_return, {expressions.refunded()} AS refunded,
               {expressions.currency or coded_sql(expressions.text("currency"))} AS currency,
               {expressions.status()} AS status, {cancelled} AS is_cancelled
        FROM raw"""


def judged_sql(columns: Columns, read: str, currency: str, words: Words) -> str:
    """The same, and why a line is left out: NULL where it counts."""
    # A receipt of nothing (all of it paid by vouchers) is a purchase; a line of no price is a give-away.
    free = "false" if columns.amount else "amount = 0"
    digits = minor_digits(currency)
    return f"""
        SELECT *, CAST(NULL AS VARCHAR) AS store, false AS is_coupon,
                  CASE WHEN moment IS NULL OR NOT isfinite(moment)
                       THEN CASE WHEN coalesce(customer_id, order_id, item_id) IS NULL AND amount IS NULL
                                 THEN {literal(leavings.EMPTY)}
                                 ELSE {literal(leavings.NO_TIME)} END
                       WHEN {is_no_date_sql("moment")} THEN {literal(leavings.NO_DATE)}
                       WHEN is_cancelled THEN {literal(leavings.CANCELLED)}
                       WHEN {no_sale_sql("status", words)} AND (coalesce(refunded, 0) = 0 OR amount = 0)
                       THEN {literal(leavings.NO_SALE)}
                       WHEN {foreign_sql("currency", currency)} THEN {literal(leavings.FOREIGN)}
                       WHEN amount IS NULL OR isnan(amount) THEN {literal(leavings.NO_AMOUNT)}
                       WHEN {free} THEN {literal(leavings.GIVEN_AWAY)}
                       WHEN abs(amount) * 1e{digits} > {MAX_AMOUNT_MINOR} THEN {literal(leavings.TOO_MUCH)}
                       WHEN customer_id IS NULL THEN {literal(leavings.NO_CUSTOMER)}
                  END AS reason
        FROM ({read})"""


_NO_PIECES: Final = "quantity"
"""Stands for `NO_AMOUNT` where the number of pieces is at fault."""


def left_out_sql(columns: Columns) -> str:
    """Of lines that do not count: the reason, and the column that is at fault with what it says."""
    amount = columns.amount or columns.unit_price
    shown = "amount" if columns.amount else "unit_price"
    blamed = (
        (leavings.HEADER, columns.customer_id, "customer_id"),
        (leavings.NO_CUSTOMER, columns.customer_id, "customer_id"),
        (leavings.NO_TIME, columns.timestamp, "timestamp"),
        (leavings.NO_DATE, columns.timestamp, "timestamp"),
        (leavings.CANCELLED, columns.cancelled_at, "cancelled_at"),
        (leavings.FOREIGN, columns.currency or amount, "currency" if columns.currency else shown),
        (leavings.NO_AMOUNT, amount, shown),
        (leavings.TOO_MUCH, amount, shown),
    )
    name = "".join(f" WHEN {literal(reason)} THEN {literal(name or '')}" for reason, name, _ in blamed)
    name += f" WHEN {literal(_NO_PIECES)} THEN {literal(columns.quantity or '')}"
    name += f" WHEN {literal(leavings.NO_SALE)} THEN {_status_name(columns)}"
    value = "".join(
        f" WHEN {literal(reason)} THEN CAST(raw.{meaning} AS VARCHAR)" for reason, name, meaning in blamed if name
    )
    value += f" WHEN {literal(_NO_PIECES)} THEN {'CAST(raw.quantity AS VARCHAR)' if columns.quantity else 'NULL'}"
    value += f" WHEN {literal(leavings.NO_SALE)} THEN judged.status"
    is_made = columns.quantity is not None and columns.amount is None
    blame = "judged.quantity IS NULL AND trim(CAST(raw.quantity AS VARCHAR)) <> ''" if is_made else "false"
    at_fault = (
        f"CASE WHEN reason = {literal(leavings.NO_AMOUNT)} AND {blame} THEN {literal(_NO_PIECES)} ELSE reason END"
    )
    return f"""
        SELECT row, reason, CASE {at_fault}{name} END, CASE {at_fault}{value} END, {leavings.is_lost("reason")}, true
        FROM judged JOIN raw ON raw.rowid + 1 = row WHERE reason IS NOT NULL"""


def _status_name(columns: Columns) -> str:
    """The column whose word says that a line is no sale, in SQL."""
    order, payment = literal(columns.status or ""), literal(columns.payment or "")
    if columns.payment is None:
        return order
    return f"CASE WHEN judged.status = CAST(raw.status AS VARCHAR) THEN {order} ELSE {payment} END"


def changed_sql(columns: Columns, meaning: str) -> str:
    """Lines that count without a detail of theirs that is no number."""
    return f"""
        SELECT row, {literal(leavings.UNREAD)}, {literal(columns.found()[meaning])}, CAST(raw.{meaning} AS VARCHAR),
               false, false
        FROM judged JOIN raw ON raw.rowid + 1 = row
        WHERE reason IS NULL AND judged.{meaning} IS NULL AND trim(CAST(raw.{meaning} AS VARCHAR)) <> ''"""
