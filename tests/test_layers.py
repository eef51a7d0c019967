"""The order of the packages, read from the imports."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    "commands",
    "runtime",
    "checkout",
    "decisions",
    "stages",
    "monitoring",
    "scores",
    "models",
    "customers",
    "ingest",
    "http",
    "database",
    "foundation",
    "lifecycle",
)
"""Each package may import those after it, and itself. The picture of it is in docs/architecture.md."""
FILES = sorted((ROOT / "app").rglob("*.py"))
RELATIVE = [path.relative_to(ROOT).as_posix() for path in FILES]
CORE = [path for path in RELATIVE if path.startswith("app/lifecycle/")]
ROUTERS = [path for path in RELATIVE if path.endswith("router.py")]
DEFERRED = {
    "app/commands/evaluation.py": ("ml",),
    "app/commands/importing.py": ("ml",),
    "app/commands/models.py": ("ml", "rich"),
    "app/commands/progress.py": ("rich",),
    "app/commands/serving.py": ("ml",),
    "app/database/opening.py": ("app.database.embedded",),
    "app/database/schema.py": ("alembic",),
    "app/foundation/tracing.py": ("opentelemetry",),
}
"""What may be imported inside a function: what a server is to do without, or may lack."""


def imports(tree):
    """(module, whether at the top of the file), names resolved to the module they are taken from."""
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module, id(node) in top
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


def imports_of(path):
    return imports(ast.parse((ROOT / path).read_text()))


def is_within(module, *packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def package_of(path):
    """The package that a file of `app/` lies in; None: it lies in `app/` itself."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else None


def breaches(path, tree):
    """Why the imports of a file break the order, if they do."""
    own = package_of(path)
    lower = ORDER if own is None else ORDER[ORDER.index(own) :]
    for module, is_at_top in imports(tree):
        target = (*module.split("."), "")[1] if is_within(module, "app") else ""
        if target in ORDER and target not in lower:
            yield f"{path}: {module} stands above {own}"
        if not is_at_top and not is_within(module, *DEFERRED.get(path, ())) and module != "typing":
            yield f"{path}: {module} is imported inside a block"


def test_the_tree_was_found():
    assert len(CORE) > 5
    assert len(ROUTERS) >= 5


def test_every_package_has_its_place():
    assert {package_of(path) for path in RELATIVE} - {None} == set(ORDER)
    assert sorted(path for path in RELATIVE if package_of(path) is None) == ["app/__init__.py", "app/__main__.py"]


@pytest.mark.parametrize("path", RELATIVE)
def test_a_package_imports_only_those_below_it(path):
    assert list(breaches(path, ast.parse((ROOT / path).read_text()))) == []


@pytest.mark.parametrize(
    ("own", "other"), [(own, other) for own in ORDER for other in ORDER if ORDER.index(other) < ORDER.index(own)]
)
def test_every_wrong_import_would_be_found(own, other):
    path = f"app/{own}/any.py"
    for wrong in (f"from app.{other} import x", f"from app.{other}.any import x", f"import app.{other}"):
        assert list(breaches(path, ast.parse(wrong)))


@pytest.mark.parametrize("own", ORDER)
def test_an_import_inside_a_function_would_be_found(own):
    assert list(breaches(f"app/{own}/any.py", ast.parse("def f():\n    from app.lifecycle import events")))


def test_within_a_package_no_modules_import_each_other():
    graph = {}
    for path in RELATIVE:
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        graph[module] = {found for found, _ in imports_of(path)}
    graph = {
        module: {other for other in found if other in graph and other != module} for module, found in graph.items()
    }
    while leaves := [module for module, found in graph.items() if not found]:
        for leaf in leaves:
            del graph[leaf]
        for found in graph.values():
            found.difference_update(leaves)
    assert graph == {}, "these import each other"


@pytest.mark.parametrize("path", CORE)
def test_the_core_is_pure(path):
    """Nothing else of ours, no framework, no SQL, no input or output, no clock."""
    impure = ("fastapi", "starlette", "sqlalchemy", "asyncpg", "uvicorn", "httpx", "asyncio")
    impure += ("time", "datetime", "os", "io", "pathlib", "socket", "logging", "secrets", "ml")
    for module, _ in imports_of(path):
        assert not is_within(module, *impure), module
        assert not is_within(module, "app") or is_within(module, "app.lifecycle"), module


@pytest.mark.parametrize("path", ROUTERS)
def test_routers_write_no_sql(path):
    for module, _ in imports_of(path):
        assert not is_within(module, "sqlalchemy", "asyncpg", "app.database.tables"), module


@pytest.mark.parametrize("path", RELATIVE)
def test_the_service_does_not_import_the_offline_part(path):
    """But for the command line, when a command needs it."""
    for module, is_at_top in imports_of(path):
        if is_within(module, "ml"):
            assert path.startswith("app/commands/"), module
            assert not is_at_top, module


@pytest.mark.parametrize("path", [path for path in RELATIVE if path.endswith("schemas.py")])
def test_schemas_know_no_database(path):
    for module, _ in imports_of(path):
        assert not is_within(module, "sqlalchemy", "asyncpg", "app.database"), module


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
