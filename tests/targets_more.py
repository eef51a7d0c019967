"""A copy of the program in which three targets more are declared, as `docs/architecture.md` says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = "TARGETS: Final[tuple[Target, ...]] = (CHURN, ORDERS, SPEND"
DECLARED = f"""PIECES: Final = Target(
    "pieces", Link.LOG, "pieces", "items", "Expected pieces in the horizon", "expected_pieces"
)
RETURNS: Final = Target(
    "returns", Link.LOG_ODDS, "probability", "refunds", "The probability of a refund in the horizon", "refund_chance"
)
CONTACTS: Final = Target(
    "contacts", Link.LOG, "pieces", "events", "Expected events of any type in the horizon", "expected_contacts"
)

{TARGETS}, PIECES, RETURNS, CONTACTS"""
RECIPE = "        ORDERS.name: Recipe("
RECIPES = f"""        "pieces": Recipe(Link.LOG, -SILENCE, _at("pace_orders", "items_per_order"), rounds=60),
        "returns": Recipe(Link.LOG_ODDS, 0 * SILENCE, _at("lapse_chance"), rounds=60),
        "contacts": Recipe(Link.LOG, -SILENCE, _at("pace_orders"), rounds=60),
{RECIPE}"""
EXPECTATION = "EXPECTATIONS: Final[Mapping[str, Expect]] = MappingProxyType("
EXPECTATIONS = f"""{EXPECTATION}
    {{
        "pieces": lambda rows, orders: orders * rows.measure("items") / rows.measure("orders"),
        "returns": lambda rows, orders: -np.expm1(-orders * (0.1 + rows.measure("refunds")) / rows.measure("orders")),
        "contacts": lambda rows, orders: orders * rows.measure("events") / rows.measure("orders"),
    }} | """
MEMBER = "    expected_spend: float | None\n"
MEMBERS = MEMBER + "".join(
    f"    {name}: float | None\n" for name in ("expected_pieces", "refund_chance", "expected_contacts")
)


def declare_more(directory):
    """The copy's own directory."""
    version = directory / "version"
    for name in ("app", "ml", "tests"):
        shutil.copytree(ROOT / name, version / name, ignore=shutil.ignore_patterns("__pycache__"))
    _change(version / "app" / "lifecycle" / "targets.py", {TARGETS: DECLARED})
    _change(version / "ml" / "learning" / "targets.py", {RECIPE: RECIPES, EXPECTATION: EXPECTATIONS})
    _change(version / "app" / "scores" / "schemas.py", {MEMBER: MEMBERS})
    return version


def _change(path, replacements):
    text = path.read_text()
    for old, new in replacements.items():
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    path.write_text(text)


def ask(version, program, *arguments):
    """What a program that runs in the copy prints, as JSON."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    told = subprocess.run(command, cwd=version, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])
