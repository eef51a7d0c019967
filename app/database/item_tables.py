"""Tables of items, of what was recommended of them, and at which price."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from app.database.metadata import metadata

items = Table(
    "items",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("title_en", Text),
    Column("title_zh", Text),
    Column("category", JSONB, nullable=False),
    Column("brand", Text),
    Column("price_minor", BigInteger),
    Column("margin", Double),
    Column("in_stock", Boolean, nullable=False),
    Column("in_stock_by_store", JSONB, nullable=False),
    Column("valid_from_us", BigInteger),
    Column("valid_to_us", BigInteger),
    Column("tags", JSONB, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("substitute_of", Text),
    Column("pack_of", Text),
    Column("version", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Index("ix_items_version", "version"),
    postgresql_with={"fillfactor": 80},
)
"""The catalogue. `category` is a path (JSON array, the widest first), `in_stock_by_store` an object of booleans.

`version` grows with every change, under one lock: whoever holds the catalogue reads the rows after the version that it
has seen. A deleted item stays as an empty row, hidden, so that it is not recommended for having been bought.
"""

merchant_rules = Table(
    "merchant_rules",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

recommendations = Table(
    "recommendations",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("recommendation_id", Text, primary_key=True),
    Column("given_us", BigInteger, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("store", Text),
    Column("model_version", Text),
    Column("items", JSONB, nullable=False),
    Column("probabilities", JSONB),
    Column("offers", JSONB),
    Index("ix_recommendations_given_us", "given_us"),
)
"""What was recommended: `items` is an array of ids, the first at position 1; `probabilities`, where the items were
called due, of each that it is bought within seven days; `offers`, where they were asked for, of each the receipt of how
deep it went. `customer_id` '' is nobody."""

recommendation_shadows = Table(
    "recommendation_shadows",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("recommendation_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("given_us", BigInteger, nullable=False),
    Column("items", JSONB, nullable=False),
    Index("ix_recommendation_shadows_given_us", "given_us"),
)
"""What a challenger would have shown in the place of what was recommended, whose key it has; `items` as there."""

price_offers = Table(
    "price_offers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("valid_from_us", BigInteger, primary_key=True),
    Column("valid_until_us", BigInteger, nullable=False),
    Column("depth", Double, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("receipt", JSONB, nullable=False),
    Index("ix_price_offers_valid_until_us", "valid_until_us"),
)
"""How deep offers went, of the id that the person went by: in `[valid_from_us, valid_until_us)`, unless a later one of
the same item says otherwise, since the catalogue or the policy did. Depth 0 is kept too: none, for as long."""

shop_shares = Table(
    "shop_shares",
    metadata,
    Column("at_us", BigInteger, primary_key=True),
    Column("share", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("customers", BigInteger, nullable=False),
)
"""The share of lines on discount that customers' own are shrunk to, and by how much; the latest is in force."""
