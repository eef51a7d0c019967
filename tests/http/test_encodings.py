"""Compressed bodies: what they unpack to, and how little a hostile one costs."""

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from app.foundation.errors import Problem, TooLarge, Unreadable
from app.http.encodings import begin_unpacking
from app.http.routes import MAX_BODY_BYTES
from tests.ingest.bodies import BODIES, ORDER, assert_refused
from tests.processes import make_key, starting

LIMIT = 100_000
BOMB_MIB = 128


def raw_deflate(body):
    return zlib.compress(body)[2:-4]


PACKED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "deflate, ": raw_deflate,
    "zstd": zstd.compress,
    "identity, gzip": gzip.compress,
}
EACH_ENCODING = pytest.mark.parametrize(("encoding", "pack"), PACKED.items(), ids=PACKED)
SEGMENT = {"type": "track", "event": "X", "messageId": "m-1", "userId": "C-1", "originalTimestamp": ORDER["time"]}
ROUTES: dict[str, Any] = BODIES | {"/v1/segment": SEGMENT, "/v1/segment/v1/batch": {"batch": [SEGMENT]}}


def unpack(encoding, packed, piece=7, most=LIMIT):
    unpacking = begin_unpacking([encoding.encode()], most)
    assert unpacking is not None
    parts = [unpacking.feed(packed[at : at + piece]) for at in range(0, len(packed), piece)]
    unpacking.finish()
    return b"".join(parts)


@EACH_ENCODING
@pytest.mark.parametrize("piece", [1, 1000, LIMIT])
def test_what_was_packed_is_unpacked_however_it_comes_in(encoding, pack, piece):
    body = os.urandom(1000) * 40
    assert unpack(encoding, pack(body), piece) == body
    assert unpack(encoding, pack(b"")) == b""


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_several_streams_in_a_row_are_one_body(encoding):
    pack = PACKED[encoding]
    assert unpack(encoding, pack(b"one") + pack(b"") + pack(b"two")) == b"onetwo"


@EACH_ENCODING
def test_the_limit_is_of_what_is_unpacked(encoding, pack):
    assert len(unpack(encoding, pack(bytes(LIMIT)))) == LIMIT
    with pytest.raises(TooLarge):
        unpack(encoding, pack(bytes(LIMIT + 1)))
    with pytest.raises(TooLarge):
        unpack(encoding, pack(bytes(LIMIT)) + pack(b"1"))


@EACH_ENCODING
def test_a_stream_that_is_cut_off_or_spoilt_is_refused(encoding, pack):
    packed = pack(os.urandom(500))
    for cut in (0, 1, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Unreadable):
            unpack(encoding, packed[:cut])
    for spoilt in (b"\x00" * 40, b"{}", b"\xff" + packed[1:], packed[:40] + bytes(30)):
        with pytest.raises(Unreadable):
            unpack(encoding, spoilt)


def test_a_zstd_stream_may_not_ask_for_a_large_window():
    """A dozen bytes could claim 2 GiB of memory; RFC 9659 has senders keep to 8 MiB."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    with pytest.raises(Unreadable):
        unpack("zstd", compressor.compress(b"x") + compressor.flush())


@pytest.mark.parametrize("encodings", [["br"], ["gzip, gzip"], ["gzip", "gzip"], ["gzip, br"], ["compress"], ["é"]])
def test_other_encodings_and_several_are_none_of_ours(encodings):
    with pytest.raises(Problem) as refused:
        begin_unpacking([encoding.encode() for encoding in encodings], LIMIT)
    assert refused.value.status == 415


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity , ,"])
def test_no_encoding_leaves_the_body_as_it_is(encoding):
    assert begin_unpacking([encoding], LIMIT) is None


async def send(client, route, content, encoding, **options):
    headers = {"content-type": "application/json", "content-encoding": encoding}
    return await client.post(route, content=content, headers=headers, **options)


@EACH_ENCODING
@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_takes_a_compressed_body(client, sql, route, encoding, pack):
    plain = await client.post(route, json=ROUTES[route])
    packed = await send(client, route, pack(json.dumps(ROUTES[route]).encode()), encoding)
    assert (packed.status_code, plain.status_code) == (200, 200)
    if "duplicate" in plain.json():
        assert (plain.json()["accepted"], packed.json()["duplicate"]) == (1, 1)


@pytest.mark.parametrize("route", ROUTES)
async def test_what_cannot_be_unpacked_is_refused_and_says_why(client, route):
    body = json.dumps(ROUTES[route]).encode()
    assert_refused(await send(client, route, body, "gzip"), 400, "unreadable")
    assert_refused(await send(client, route, gzip.compress(body)[:-5], "gzip"), 400, "unreadable")
    assert_refused(await send(client, route, b"", "gzip"), 400, "unreadable")
    assert_refused(await send(client, route, gzip.compress(bytes(MAX_BODY_BYTES + 1)), "gzip"), 413, "too-large")
    assert_refused(await send(client, route, os.urandom(2 * MAX_BODY_BYTES), "gzip"), 413, "too-large")
    twice = gzip.compress(gzip.compress(body))
    for encoding, content in (("br", body), ("gzip, gzip", twice)):
        refused = await send(client, route, content, encoding)
        assert_refused(refused, 415, "unsupported-encoding")
        assert refused.headers["accept-encoding"] == "gzip, deflate, zstd, identity"


async def test_a_body_of_just_the_limit_is_taken_however_little_it_was_compressed(client, sql):
    event = json.dumps(ORDER)
    body = event.encode() + b" " * (MAX_BODY_BYTES - len(event))
    for level in (0, 9):
        assert (await send(client, "/v1/events", gzip.compress(body, level), "gzip")).status_code == 200
        refused = await send(client, "/v1/events", gzip.compress(body + b" ", level), "gzip")
        assert_refused(refused, 413, "too-large")


def bomb(encoding):
    """A hundred times the limit and more, of spaces: some kilobytes."""
    packing = zlib.compressobj(9, wbits=31) if encoding == "gzip" else zstd.ZstdCompressor()
    return b"".join([*(packing.compress(b" " * 2**20) for _ in range(BOMB_MIB)), packing.flush()])


def peak_bytes(pid):
    """The most memory that a process has had since `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_bomb_costs_no_more_memory_than_the_limit(engine, database_url, sql, tmp_path, wait_until, encoding):
    async with starting(database_url, tmp_path, wait_until) as start:
        process = await start()
        async with process.client(await make_key(engine)) as client:
            plain = b" " * (MAX_BODY_BYTES + 1)
            assert (await send(client, "/v1/events", gzip.compress(plain), "gzip")).status_code == 413
            packed, pid = bomb(encoding), process.process.pid
            forget_peak(pid)
            before = peak_bytes(pid)
            for _ in range(3):
                assert_refused(await send(client, "/v1/events", packed, encoding), 413, "too-large")
            assert peak_bytes(pid) - before < 8 * MAX_BODY_BYTES
