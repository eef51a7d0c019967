"""Checkouts that are answered while far more are sent than can be: goodput, latency of what is admitted, probes.

    python -m benchmarks.overload [--seconds 5] [--rates 1.5 3 5] [--connections 512 2000 6000] [--release PROGRAM]

Every figure is a ratio to the best of the same run, but for latencies. Nobody who is refused waits before asking
again. `--release` measures another installation of the service in turn with this one.
"""

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from benchmarks.baskets import CUSTOMERS, checkouts
from benchmarks.databases import postgres
from benchmarks.filling import fill_states
from benchmarks.flood import Flooded, run_flood
from benchmarks.load import run_load
from benchmarks.probing import ASKED, Probed, probing
from benchmarks.processes import PERENNIAL, resident_mb
from benchmarks.systems import Bench, Plan, Service, start_service

CALIBRATING: Final = (64, 256)
"""Connections of closed loops that nobody is refused in: the best of them is the capacity."""
OPEN_CONNECTIONS: Final = 3_000
RECOVERED_MS: Final = 100.0
LIGHT: Final = 8


class Figures(NamedTuple):
    """Of one scenario. `back_s`: from the end of the flood until a light load is answered as on other days."""

    scenario: str
    goodput: float
    refused: float
    p50_ms: float
    p99_ms: float
    refused_p99_ms: float
    probes_ms: dict[str, float]
    probe_failures: int
    back_s: float
    lost: int
    unsent: int
    cpu_us: float
    resident_mb: float


def calibrate(service: Service, seconds: float) -> float:
    """Checkouts a second, nobody refused."""
    server = service.server
    found = [
        run_load(
            server.host,
            server.port,
            checkouts(server.port, api_key=service.api_key, seed=connections),
            connections=connections,
            seconds=seconds,
            warm_up_s=1.0,
        )
        for connections in CALIBRATING
    ]
    return max(each.throughput_per_s for each in found)


def flood(service: Service, capacity: float, seconds: float, scenario: tuple[str, float]) -> Figures:
    """One scenario: `open` at a multiple of the capacity, or `closed` over so many connections."""
    server, (kind, amount) = service.server, scenario
    requests = checkouts(server.port, api_key=service.api_key, seed=int(amount * 10))
    is_open = kind == "open"
    with probing(server.host, server.port) as probed:
        found = run_flood(
            server.host,
            server.port,
            requests,
            connections=OPEN_CONNECTIONS if is_open else int(amount),
            seconds=seconds,
            rate_per_s=amount * capacity if is_open else None,
            server_pid=server.pid,
        )
    back_s = recover(service)
    name = f"open loop {amount:g} x" if is_open else f"{amount:g} connections"
    return summarise(name, capacity, found, probed, back_s, resident_mb(server.pid))


def summarise(name: str, capacity: float, found: Flooded, probed: Probed, back_s: float, memory_mb: float) -> Figures:
    answers = sum(found.statuses().values())
    return Figures(
        name,
        found.good_per_s / capacity,
        found.refused_per_s / capacity,
        found.quantile_ms(0.5),
        found.quantile_ms(0.99),
        found.quantile_ms(0.99, good=False),
        {path: probed.worst_ms(path) for path in ASKED},
        sum(probed.failures.values()),
        back_s,
        found.lost,
        found.unsent,
        found.server_cpu_s / max(answers, 1) * 1e6,
        memory_mb,
    )


def recover(service: Service) -> float:
    """Seconds until a light load finds p99 below RECOVERED_MS and nobody refused."""
    server, began_s = service.server, time.perf_counter()
    while True:
        since_s = time.perf_counter() - began_s
        requests = checkouts(server.port, api_key=service.api_key)
        found = run_flood(server.host, server.port, requests, connections=LIGHT, seconds=0.2, warm_up_s=0.0)
        if not found.refused_per_s and found.quantile_ms(0.99) < RECOVERED_MS:
            return since_s


def run(arguments: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    scenarios = [*(("open", rate) for rate in arguments.rates), *(("closed", many) for many in arguments.connections)]
    plan = Plan(("perennial",), (), arguments.rounds, arguments.seconds, 1.0, None, arguments.models)
    told = []
    with ExitStack() as resources:
        bench = Bench(plan, resources.enter_context(postgres(arguments.database_url)), resources, console)
        programs = dict.fromkeys((PERENNIAL, arguments.release or PERENNIAL))
        services = [start_service(bench, "ingest", "decide", program=program) for program in programs]
        for service in services:
            fill_states(service.database, CUSTOMERS)
        for number in range(1, arguments.rounds + 1):
            for system, service in zip(("perennial", "release"), services, strict=False):
                capacity = calibrate(service, min(arguments.seconds, 4.0))
                console.print(f"round {number}, {system}: {capacity:.0f} checkouts/s, nobody refused", highlight=False)
                for scenario in scenarios:
                    figures = flood(service, capacity, arguments.seconds, scenario)
                    console.print(line(figures), highlight=False, markup=False, soft_wrap=True)
                    told.append({"round": number, "system": system, "capacity": capacity, **figures._asdict()})
    return told


def line(told: Figures) -> str:
    probes = ", ".join(f"{path} {worst_ms:.0f} ms" for path, worst_ms in told.probes_ms.items())
    return (
        f"  {told.scenario:>17}: goodput {told.goodput:.2f}, refused {told.refused:.2f}, p50/p99 {told.p50_ms:.0f}/"
        f"{told.p99_ms:.0f} ms, refused p99 {told.refused_p99_ms:.0f} ms, {probes}, failed {told.probe_failures}, "
        f"back {told.back_s:.1f} s, lost {told.lost}, unsent {told.unsent}, CPU {told.cpu_us:.0f} us an answer, "
        f"{told.resident_mb:.0f} MB"
    )


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rates", type=float, nargs="*", default=[1.5, 3.0, 5.0])
    parser.add_argument("--connections", type=int, nargs="*", default=[512, 2_000, 6_000])
    parser.add_argument("--database-url")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--release", type=Path, help="the perennial of another installation")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(words)


def main() -> None:
    arguments = parse_arguments()
    told = run(arguments, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
