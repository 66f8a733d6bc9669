"""`python -m tests.chaos [F1 F3 …] [--runs N] [--seed S] [--json]`: faults in real nodes on a real Kafka.

Rule: with --json the last line of standard output is exactly one JSON object, fault -> figures; all else goes to
standard error. The exit code is 1 if anything was violated, or if a fault never took effect.
"""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import signal
import sys
from collections.abc import Sequence

import structlog

from tests.chaos.kafka import own_kafka
from tests.chaos.runner import Order, Result, run_fault, say
from tests.chaos.table import BY_NAME

SWITCH_S = 0.0005
"""The targets live in this process: they answer also while it reads a log."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the faults that the arguments name; 0 if all that must hold held."""
    asked = arguments().parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.setswitchinterval(SWITCH_S)
    signal.signal(signal.SIGTERM, end_in_order)
    order = Order(asked.seed, asked.runs, asked.patience, asked.quick, asked.services)
    faults = [BY_NAME[name] for name in asked.faults or BY_NAME]
    results: dict[str, Result] = {}
    with own_kafka() as kafka:
        say(f"Kafka {kafka.broker.version} at {kafka.bootstrap}; seed {asked.seed}")
        for fault in faults:
            results[fault.name] = run_fault(fault, kafka.bootstrap, order)
            say(f"{fault.name}: {results[fault.name].figures}")
    if asked.json:
        print(json.dumps({name: found.figures for name, found in results.items()}))
    else:
        report(results)
    return int(any(found.violations for found in results.values()))


def end_in_order(*_: object) -> None:
    """SIGTERM: what was started is ended, what was made is removed."""
    raise SystemExit(143)


def arguments() -> argparse.ArgumentParser:
    """What can be asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", choices=[[], *BY_NAME], help="which faults; all by default")
    parser.add_argument("--runs", type=int, default=1, help="runs of each")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="decides what is struck, and when")
    parser.add_argument("--patience", type=float, default=1.0, help="factor on every limit, on a busy machine")
    parser.add_argument("--services", type=int, help="how many F10 has; 20000 by default")
    parser.add_argument("--quick", action="store_true", help="shorter faults: a look, no measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return parser


def report(results: dict[str, Result]) -> None:
    """The figures for people."""
    for name, found in results.items():
        print(f"{name}  {BY_NAME[name].what}: {BY_NAME[name].holds}")
        for figure, value in found.figures.items():
            print(f"    {figure:<22} {value}")
        for text in found.violations:
            print(f"    violated: {text}")


if __name__ == "__main__":
    sys.exit(main())
