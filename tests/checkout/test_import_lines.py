"""Files of CloudEvents, a line each."""

import orjson

from app.foundation.settings import Settings
from app.ingest.rules import Rules
from ml.data.importing import ImportOptions, import_file


async def test_of_a_line_that_is_no_json_place_and_size_are_kept_and_nothing_else(tmp_path, engine, sql, shop):
    """Whoever's phone number stands in it: it cannot be found, so it cannot be hashed."""
    broken = b'{"subject": "Kanarienvogel", "data": {"identifiers": [{"kind": "phone", "value": "+8613800138777"}'
    twice = b'{"subject": "+8613800138777", "subject": "Kanarienvogel"}'
    lines = [orjson.dumps(shop.order()), b"", broken, b"\xff\xfeKanarienvogel", twice, orjson.dumps(shop.order())]
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(lines) + b"\n")
    options = ImportOptions("/import/events", "UTC", False, {})
    count = await import_file(path, options, engine, Settings(), Rules("CNY", 2, b"key"), lambda *_: None)
    assert (count.accepted, count.rejected) == (2, 3)
    rows = await sql.rows("SELECT event, problem FROM rejected_events ORDER BY rejected_id")
    assert [orjson.loads(row["event"]) for row in rows] == [
        {"line": number, "bytes": len(lines[number - 1]) + 1} for number in (3, 4, 5)
    ]
    for row in rows:
        assert row["problem"]["status"] == 400
        assert "Kanarienvogel" not in str(row)
        assert "138001" not in str(row)
