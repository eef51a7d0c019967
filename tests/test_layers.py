"""The arrows between the layers, read from the imports."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "app").rglob("*.py"))
RELATIVE = [path.relative_to(ROOT).as_posix() for path in FILES]
CORE = [path for path in RELATIVE if path.startswith("app/lifecycle/")]
ROUTERS = [path for path in RELATIVE if path.endswith("/router.py")]


def imports(path):
    """(module, whether at the top of the file), names resolved to the module they are taken from."""
    tree = ast.parse((ROOT / path).read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module, id(node) in top
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


def is_within(module, *packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_the_tree_was_found():
    assert len(CORE) > 5
    assert len(ROUTERS) >= 5


@pytest.mark.parametrize("path", CORE)
def test_the_core_is_pure(path):
    """Nothing else of ours, no framework, no SQL, no input or output, no clock."""
    impure = ("fastapi", "starlette", "sqlalchemy", "asyncpg", "uvicorn", "httpx", "asyncio")
    impure += ("time", "datetime", "os", "io", "pathlib", "socket", "logging", "secrets", "app.database.tables", "ml")
    for module, _ in imports(path):
        assert not is_within(module, *impure), module
        assert not is_within(module, "app") or is_within(module, "app.lifecycle"), module


@pytest.mark.parametrize("path", ROUTERS)
def test_routers_write_no_sql(path):
    for module, _ in imports(path):
        assert not is_within(module, "sqlalchemy", "asyncpg", "app.database.tables"), module


@pytest.mark.parametrize("path", RELATIVE)
def test_the_service_does_not_import_the_offline_part(path):
    """But for the command line, when a command needs it."""
    for module, is_at_top in imports(path):
        if is_within(module, "ml"):
            assert path.startswith("app/commands/"), module
            assert not is_at_top, module


@pytest.mark.parametrize("path", [path for path in RELATIVE if path.endswith("/schemas.py")])
def test_schemas_know_no_database(path):
    for module, _ in imports(path):
        assert not is_within(module, "sqlalchemy", "asyncpg", "app.database.tables", "app.database.engine"), module


@pytest.mark.parametrize("path", ["app/runtime/main.py", "app/commands/main.py"])
def test_the_service_loads_nothing_of_the_offline_part(path):
    module = path.removesuffix(".py").replace("/", ".")
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(run.stdout.splitlines()[-1])
    heavy = ("sklearn", "scipy", "pandas", "pyarrow", "duckdb", "ibis", "joblib", "ml", "pickle5")
    assert [name for name in loaded if is_within(name, *heavy)] == []


@pytest.mark.parametrize("path", RELATIVE)
def test_no_module_outgrows_its_reader(path):
    assert len((ROOT / path).read_text().splitlines()) <= 400
