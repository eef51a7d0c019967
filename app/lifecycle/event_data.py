"""The vocabulary of events' data: what a text, an amount, a product, an identifier is, whatever the type."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""As pydantic reads it, and every validator of JSON Schema."""

Text = Annotated[str, Field(min_length=1, max_length=256, pattern=_NO_CONTROL)]
"""Any text without control characters."""
Prose = Annotated[str, Field(max_length=10_000)]

Money = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False, strict=True)]
"""Major units, at most 10^12 minor units either way; the minor unit decides in `read_facts`."""
Amount = Annotated[Money, Field(ge=0)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class CustomerIdentifier(BaseModel):
    """A phone, e-mail, device …: kept as a keyed hash alone."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_CONTROL)]
    value: Annotated[str, Field(min_length=1, max_length=256)]


Identifiers = Annotated[list[CustomerIdentifier], Field(max_length=32)]


class UnknownData(BaseModel):
    """Of a type that is not known here: only what says whose it is."""

    model_config = ConfigDict(extra="allow")

    identifiers: Identifiers | None = None


class Data(BaseModel):
    """Members that are not named here are kept as they are; those that facts are read from are checked."""

    model_config = ConfigDict(extra="allow", strict=False)

    channel: Text | None = None
    identifiers: Identifiers | None = None
    """Other ids of the customer; they and the subject become one person."""


LineDiscount = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]})]
"""Of the line. What is no number is not refused: an optional detail never costs a sale."""


class Product(Data):
    """A line of a basket."""

    product_id: Text
    category: Text | None = None
    name: Text | None = None
    price: Money | None = None
    discount: LineDiscount = None
    quantity: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False, strict=True)] = 1


Products = Annotated[list[Product], Field(max_length=1000)]
