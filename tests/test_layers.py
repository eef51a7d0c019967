"""The order of the packages, read from the imports."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDERS = {
    "app": (
        "commands",
        "runtime",
        "console",
        "privacy",
        "audit",
        "checkout",
        "kpis",
        "recommendations",
        "items",
        "loyalty",
        "decisions",
        "stages",
        "feedback",
        "monitoring",
        "scores",
        "models",
        "customers",
        "ingest",
        "http",
        "database",
        "foundation",
        "lifecycle",
    ),
    "ml": ("demo", "training", "report", "evaluation", "learning", "data"),
}
"""Each package may import those after it, and itself. The picture of the first is in docs/architecture.md."""
ALL = [path.relative_to(ROOT).as_posix() for root in ORDERS for path in sorted((ROOT / root).rglob("*.py"))]
RELATIVE = [path for path in ALL if path.startswith("app/")]
CORE = [path for path in RELATIVE if path.startswith("app/lifecycle/")]
ROUTERS = [path for path in RELATIVE if path.endswith("router.py")]
DEFERRED = {
    "app/commands/evaluation.py": ("ml",),
    "app/commands/file_options.py": ("ml",),
    "app/commands/history.py": ("ml",),
    "app/commands/importing.py": ("ml",),
    "app/commands/items.py": ("ml",),
    "app/commands/models.py": ("ml", "rich"),
    "app/commands/policies.py": ("ml",),
    "app/commands/progress.py": ("rich",),
    "app/commands/sentiment.py": ("ml",),
    "app/commands/serving.py": ("ml",),
    "app/database/opening.py": ("app.database.embedded",),
    "app/database/schema.py": ("alembic",),
    "app/foundation/tracing.py": ("opentelemetry",),
    "app/http/encodings.py": ("backports", "compression"),
    "ml/data/engines.py": ("pyspark",),
    "ml/data/workbooks.py": ("python_calamine",),
}
"""What may be imported inside a function: what a server is to do without, or may lack; or by the version of Python."""


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
    """The package of `app/` or `ml/` that a file lies in; None: it lies beside the packages."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else None


def breaches(path, tree):
    """Why the imports of a file break the order, if they do."""
    root, own = path.split("/")[0], package_of(path)
    order = ORDERS[root]
    lower = order if own is None else order[order.index(own) :]
    for module, is_at_top in imports(tree):
        target = (*module.split("."), "")[1] if is_within(module, root) else ""
        if target in order and target not in lower:
            yield f"{path}: {module} stands above {own}"
        if not is_at_top and not is_within(module, *DEFERRED.get(path, ())) and module != "typing":
            yield f"{path}: {module} is imported inside a block"


def test_the_tree_was_found():
    assert len(CORE) > 5
    assert len(ROUTERS) >= 5
    assert len(ALL) - len(RELATIVE) > 30


@pytest.mark.parametrize("root", ORDERS)
def test_every_package_has_its_place(root):
    assert {package_of(path) for path in ALL if path.startswith(f"{root}/")} - {None} == set(ORDERS[root])


def test_little_lies_beside_the_packages():
    found = [path for path in ALL if package_of(path) is None]
    assert found == ["app/__init__.py", "app/__main__.py", "ml/__init__.py"]


@pytest.mark.parametrize("path", ALL)
def test_a_package_imports_only_those_below_it(path):
    assert list(breaches(path, ast.parse((ROOT / path).read_text()))) == []


@pytest.mark.parametrize(
    ("root", "own", "other"),
    [(root, own, other) for root, order in ORDERS.items() for at, own in enumerate(order) for other in order[:at]],
)
def test_every_wrong_import_would_be_found(root, own, other):
    path = f"{root}/{own}/any.py"
    for wrong in (f"from {root}.{other} import x", f"from {root}.{other}.any import x", f"import {root}.{other}"):
        assert list(breaches(path, ast.parse(wrong)))


@pytest.mark.parametrize(("root", "own"), [(root, own) for root, order in ORDERS.items() for own in order])
def test_an_import_inside_a_block_would_be_found(root, own):
    for head in ("def f():", "if TYPE_CHECKING:"):
        assert list(breaches(f"{root}/{own}/any.py", ast.parse(f"{head}\n    from app.lifecycle import events")))


def test_what_an_engine_lacks_may_be_imported_late_and_nothing_else():
    late = "def f():\n    import {}"
    assert not list(breaches("ml/data/engines.py", ast.parse(late.format("pyspark.sql"))))
    assert list(breaches("ml/data/engines.py", ast.parse(late.format("duckdb"))))
    assert list(breaches("ml/data/states.py", ast.parse(late.format("pyspark.sql"))))


def test_within_a_package_no_modules_import_each_other():
    graph = {}
    for path in ALL:
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
    impure = ["fastapi", "starlette", "sqlalchemy", "asyncpg", "uvicorn", "httpx", "asyncio"]
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


@pytest.mark.parametrize("path", ALL)
def test_no_module_outgrows_its_reader(path):
    assert len((ROOT / path).read_text().splitlines()) <= 350


def test_most_modules_fit_on_two_screens():
    """Of those that hold more than the sentence that names a package."""
    sizes = [len((ROOT / path).read_text().splitlines()) for path in ALL if not path.endswith("__init__.py")]
    assert median(sizes) <= 110


def test_most_functions_are_seen_at_a_glance():
    """Lines from `def` to the last, those of the docstring too."""
    nodes = [node for path in ALL for node in ast.walk(ast.parse((ROOT / path).read_text()))]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert median((node.end_lineno or node.lineno) - node.lineno + 1 for node in functions) <= 8
