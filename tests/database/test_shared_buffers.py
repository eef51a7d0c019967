"""The embedded Postgres takes its share of the memory there is."""

from types import SimpleNamespace

import psutil
import pytest

from app.database import shared_buffers as buffers


@pytest.mark.parametrize(
    ("limit", "setting"),
    [("1073741824\n", "256MB"), ("100000000", "64MB"), ("999999999999999", "2048MB"), ("max\n", "2048MB")],
)
def test_a_quarter_of_what_memory_there_is(limit, setting, tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=64 << 30))
    monkeypatch.setattr(buffers, "LIMITS", (tmp_path / "memory.max", tmp_path / "none"))
    (tmp_path / "memory.max").write_text(limit)
    assert buffers.shared_buffers() == setting


def test_a_machine_without_containers(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=6 << 30))
    monkeypatch.setattr(buffers, "LIMITS", (tmp_path / "none",))
    assert buffers.shared_buffers() == "1536MB"
