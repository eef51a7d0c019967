"""Hostile and slow clients beside the tills of one service, scenario by scenario.

    python -m benchmarks.hostile [--short] [--only SCENARIO …] [--seconds 4] [--rounds 3] [--json FILE]

Everything is sent on loopback, in bounded numbers. Figures of speed are ratios within a run. Ends with 1 where
something did not hold; `--short` is for CI: it shows that what is cut is cut, and judges no speed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Final

from benchmarks.databases import postgres
from benchmarks.hostile.arena import Arena
from benchmarks.hostile.callers import greedy_callers
from benchmarks.hostile.findings import Finding, finding_table
from benchmarks.hostile.heads import endless_heads
from benchmarks.hostile.silent import silent_connections
from benchmarks.hostile.slow import slow_clients
from benchmarks.hostile.strangers import anonymous_floods, wrong_keys
from benchmarks.options import add_models, make_parser, open_console, plan_of
from benchmarks.systems import Bench, start_service

Scenario = Callable[[Arena], list[Finding]]

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "heads": endless_heads,
    "slow": slow_clients,
    "silent": silent_connections,
    "floods": anonymous_floods,
    "keys": wrong_keys,
    "callers": greedy_callers,
}
SHORT_SECONDS: Final = 1.0


def parse() -> argparse.Namespace:
    parser = make_parser("hostile", __doc__ or "")
    add_models(parser)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--short", action="store_true", help="a round of a second each, judged by what is cut alone")
    parser.add_argument("--only", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    return parser.parse_args()


def run(arguments: argparse.Namespace, resources: ExitStack) -> list[Finding]:
    console = open_console()
    server = resources.enter_context(postgres(arguments.database_url))
    service = start_service(Bench(plan_of(arguments, ()), server, resources, console), "admin")
    seconds, rounds = (SHORT_SECONDS, 1) if arguments.short else (arguments.seconds, arguments.rounds)
    arena = Arena(service, seconds, rounds, arguments.short)
    found: list[Finding] = []
    for name in arguments.only:
        console.print(f"{name} …")
        found += SCENARIOS[name](arena)
    console.print(finding_table(found))
    return found


def main() -> int:
    arguments = parse()
    with ExitStack() as resources:
        found = run(arguments, resources)
    if arguments.json:
        arguments.json.write_text(json.dumps([{**asdict(each), "holds": each.holds} for each in found], indent=2))
    judged = [each for each in found if not (arguments.short and each.of_speed)]
    return 0 if all(each.holds for each in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
