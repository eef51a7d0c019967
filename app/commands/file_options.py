"""The options by which a file of orders is read, declared once for every command that reads one."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.foundation.errors import Refusal

if TYPE_CHECKING:
    from ml.data.file_reading import FileReading


def read_options(
    timezone: Annotated[str, typer.Option(help="Zone of the file's times that carry none")] = "UTC",
    customer_id: Annotated[str | None, typer.Option(help="Column of the customer")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column of the time")] = None,
    order_id: Annotated[str | None, typer.Option(help="Column of the order")] = None,
    amount: Annotated[str | None, typer.Option(help="Column of the amount of a line or order")] = None,
    quantity: Annotated[str | None, typer.Option(help="Column of the quantity")] = None,
    unit_price: Annotated[str | None, typer.Option(help="Column of the unit price")] = None,
    item_id: Annotated[str | None, typer.Option(help="Column of the product")] = None,
    category: Annotated[str | None, typer.Option(help="Column of the category")] = None,
    discount: Annotated[str | None, typer.Option(help="Column of the discount")] = None,
    channel: Annotated[str | None, typer.Option(help="Column of the channel")] = None,
    is_return: Annotated[str | None, typer.Option(help="Column that marks returns, or has their amounts")] = None,
    status: Annotated[str | None, typer.Option(help="Column of the order's status")] = None,
    currency: Annotated[str | None, typer.Option(help="Column of the currency")] = None,
    channel_word: Annotated[list[str], typer.Option(help="WORD=CHANNEL, as 'Kiosk=store'; repeat it")] = [],  # noqa: B006
    status_word: Annotated[list[str], typer.Option(help="WORD=sale, none or waiting; repeat it")] = [],  # noqa: B006
    return_word: Annotated[list[str], typer.Option(help="WORD=return or sale; repeat it")] = [],  # noqa: B006
    words: Annotated[Path | None, typer.Option(help="CSV of kind,word,meaning: many of these")] = None,
    rate: Annotated[list[str], typer.Option(help="CODE=RATE, as EUR=7.85: a unit in PERENNIAL_CURRENCY")] = [],  # noqa: B006
    rates: Annotated[Path | None, typer.Option(help="CSV of date,currency,rate")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a text, where it is told wrongly: GB18030, UTF-16 …")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook, where another is read")] = None,
    decimal_sign: Annotated[str | None, typer.Option(help="'.' or ','")] = None,
    date_order: Annotated[str | None, typer.Option(help="Of dates like 9/3/2026: dmy, mdy or ymd")] = None,
    order_numbers: Annotated[
        str | None, typer.Option(help="once: a number is one order; daily: they begin anew each day")
    ] = None,
    amount_is: Annotated[
        str | None, typer.Option(help="order: it stands on each line of its order; line: its own")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Do nothing where lines would be lost")] = False,
) -> "FileReading":
    """What the options say of a file."""
    from ml.data.file_reading import FileReading
    from ml.data.rates import Rates
    from ml.data.transactions import Reading
    from ml.data.words import OwnWords

    columns = {
        "customer_id": customer_id,
        "timestamp": timestamp,
        "order_id": order_id,
        "amount": amount,
        "quantity": quantity,
        "unit_price": unit_price,
        "item_id": item_id,
        "category": category,
        "discount": discount,
        "channel": channel,
        "is_return": is_return,
        "status": status,
        "currency_column": currency,
    }
    own = OwnWords(tuple(channel_word), tuple(status_word), tuple(return_word), str(words) if words else None)
    given = Rates(tuple(rate), str(rates) if rates else None)
    reading = Reading(
        encoding, decimal_sign, date_order, order_numbers, amount_is=amount_is, sheet=sheet, words=own, rates=given
    )
    return FileReading(timezone, columns, reading, strict)


_DECLARED: Final = inspect.signature(read_options).parameters
GIVEN: Final = "reading"
"""The parameter that a command gets them by."""


def reads_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that has these options beside its own, and gets what they say as `reading`."""
    own = inspect.signature(command)

    @wraps(command)
    def run(**given: Any) -> Any:
        said = {name: given.pop(name) for name in _DECLARED}
        return command(**given, **{GIVEN: read_options(**said)})

    parameters = [each for each in own.parameters.values() if each.name != GIVEN]
    run.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*parameters, *_DECLARED.values())]
    )
    run.__annotations__ = {each.name: each.annotation for each in (*parameters, *_DECLARED.values())}
    return run


def refuse_without_file(data: Path | None, reading: "FileReading") -> None:
    """Raises Refusal where it is said how a file is read, and there is none."""
    if data is None and reading != read_options(timezone=reading.timezone):
        raise Refusal("The options that say how a file is read need --data FILE.")
