"""Bodies that come compressed (`Content-Encoding`): unpacked as they come in, and never beyond the limit."""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from app.foundation.errors import TooLarge, Unreadable, UnsupportedEncoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZLIB_METHOD: Final = 8
"""Low half of the first byte of a zlib stream (RFC 1950); a deflate stream without its head does not begin so."""
_ZSTD_WINDOW_LOG: Final = 23
"""8 MiB, which RFC 9659 has senders keep to: what a stream may ask us to remember of itself."""


class _Stream(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Unpacking:
    """One body that is unpacked piece by piece, `most_bytes` at most.

    Raises TooLarge as soon as there are more, whatever is left to come; Unreadable for what is no such stream.
    """

    def __init__(self, encoding: str, most_bytes: int) -> None:
        self._begin = _BEGIN[encoding]
        self._encoding = encoding
        self._most_bytes = most_bytes
        self._size = 0
        self._stream: _Stream | None = None

    def feed(self, packed: bytes) -> bytes:
        """What a piece of the body unpacks to."""
        try:
            return b"".join(self._unpack(packed)) if packed else b""
        except (zlib.error, zstd.ZstdError):
            raise Unreadable(f"The body is not {self._encoding}, as its Content-Encoding says.") from None

    def finish(self) -> None:
        """Raises Unreadable where the stream has not come to its end."""
        if self._stream is None or not self._stream.eof:
            raise Unreadable(f"The body ends before its {self._encoding} stream does.")

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        """Of one stream, or of several in a row, which are one body."""
        while packed:
            if self._stream is None or self._stream.eof:
                self._stream = self._begin(packed)
            part = self._stream.decompress(packed, self._most_bytes + 1 - self._size)
            self._size += len(part)
            if self._size > self._most_bytes:
                raise TooLarge(f"A body has at most {self._most_bytes} bytes, unpacked.")
            yield part
            packed = self._stream.unused_data if self._stream.eof else b""


def begin_unpacking(encodings: Iterable[bytes], most_bytes: int) -> Unpacking | None:
    """For the values of `Content-Encoding`; None: the body is as it is.

    Raises UnsupportedEncoding for another encoding, and for more than one: that a body was packed twice is a mistake of
    whoever sends it, and each layer would multiply what a small body can ask for.
    """
    names = [name.strip().lower() for value in encodings for name in value.decode("latin-1").split(",")]
    packed = [name.removeprefix("x-") for name in names if name not in ("", "identity")]
    if not packed:
        return None
    if len(packed) > 1 or packed[0] not in _BEGIN:
        raise UnsupportedEncoding(f"Send the body as it is, or packed once with one of {', '.join(_BEGIN)}.")
    return Unpacking(packed[0], most_bytes)


def _begin_gzip(_: bytes) -> _Stream:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _begin_deflate(packed: bytes) -> _Stream:
    """HTTP's deflate has zlib's head (RFC 9110); some senders leave it out."""
    has_head = packed[0] & 0x0F == _ZLIB_METHOD
    return zlib.decompressobj(zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS)


def _begin_zstd(_: bytes) -> _Stream:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


_BEGIN: Final[dict[str, Callable[[bytes], _Stream]]] = {
    "gzip": _begin_gzip,
    "deflate": _begin_deflate,
    "zstd": _begin_zstd,
}
