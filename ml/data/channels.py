"""Words of channels (门店, 小程序, POS, online …) → the channels that measures know."""

from collections.abc import Callable
from typing import Final

import duckdb

from ml.data.columns import compact
from ml.data.words import Words, option_value

_STORES: Final = frozenset(
    (
        *("store", "shop", "storename", "shopname", "branch", "outlet", "filiale"),
        *("门店", "门店名称", "店铺", "店铺名称", "分店", "店名"),
    )
)
"""Names of columns that say which store, not which channel."""
_SAMPLES: Final = 3
_MOST: Final = 10_000


def settle_channels(connection: duckdb.DuckDBPyConnection, name: str, words: Words, say: Callable[[str], None]) -> None:
    """Makes `channel` in `judged` one that is known, wherever its word is. What is not is kept as it is, and told.

    In a column that names stores, a word that is not known is a store's name: it stands in `store`, too.
    """
    counted = connection.execute(
        f"""SELECT channel, count(*) FROM judged WHERE reason IS NULL AND trim(channel) <> ''
        GROUP BY channel ORDER BY count(*) DESC, channel LIMIT {_MOST}"""
    ).fetchall()
    has_names = compact(name) in _STORES
    told = [(word, lines, words.channel(word)) for word, lines in counted]
    unknown = [(word, lines) for word, lines, channel in told if channel is None]
    changed = {word: channel for word, _, channel in told if channel is not None and channel != word}
    if has_names:
        changed |= {word: "store" for word, _ in unknown}
    if changed:
        _write(connection, changed, keep=has_names)
    if unknown:
        say(_tell(name, unknown, has_names=has_names))


def _write(connection: duckdb.DuckDBPyConnection, changed: dict[str, str], *, keep: bool) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE channel_words (word VARCHAR, meaning VARCHAR)")
    connection.executemany("INSERT INTO channel_words VALUES (?, ?)", list(changed.items()))
    kept = "store = trim(channel), " if keep else ""
    connection.execute(
        f"UPDATE judged SET {kept}channel = meaning FROM channel_words WHERE judged.channel = channel_words.word"
    )


def _tell(name: str, unknown: list[tuple[str, int]], *, has_names: bool) -> str:
    shown = ", ".join(f"{word!r} ({lines:,} line{'s' * (lines > 1)})" for word, lines in unknown[:_SAMPLES])
    more = ", …" if len(unknown) > _SAMPLES else ""
    if has_names:
        return f"Column {name!r} names stores, whose channel is 'store': {shown}{more}; --channel-word says otherwise."
    example = option_value(unknown[0][0], "store")
    return f"Channels of column {name!r} that are not known stay as written: {shown}{more}; --channel-word {example} …"
