"""`python -m tests.bench NAME [options] [--json]`: one bench, its figures for people or as one JSON object last.

Rule: with --json the last line of standard output is exactly one JSON object, and the lines before it go to standard
error, so that a script reads the result without parsing prose. Bench modules are imported only when they are named:
the placement bench runs where no Kafka client is installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, Protocol, cast

BENCHES = {
    "placement": "tests.bench.placement",
    "replay": "tests.bench.replay",
    "pipeline": "tests.bench.pipeline",
    "failover": "tests.bench.failover",
    "storm": "tests.bench.storm",
    "probes": "tests.bench.probes",
    "intervals": "tests.bench.intervals",
}
"""Bench name to the module that has it."""


class Bench(Protocol):
    """What a bench module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of this bench."""

    def run(self, args: argparse.Namespace) -> dict[str, Any]:
        """Measure; return the figures. A failed measurement raises: no figure is better than a wrong one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench that the arguments name; 0 when it gave its figures."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chooser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, add_help=False)
    chooser.add_argument("name", choices=sorted(BENCHES), help="what to measure")
    if not arguments or arguments[0] in ("-h", "--help"):
        chooser.print_help()
        return 0 if arguments else 2
    name = chooser.parse_args(arguments[:1]).name
    bench = cast(Bench, importlib.import_module(BENCHES[name]))
    parser = argparse.ArgumentParser(prog=f"python -m tests.bench {name}", description=bench.__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    bench.add_arguments(parser)
    args = parser.parse_args(arguments[1:])
    if not args.json:
        print_figures(bench.run(args))
        return 0
    with redirect_stdout(sys.stderr):
        figures = bench.run(args)
    print(json.dumps(figures))
    return 0


def print_figures(figures: dict[str, Any]) -> None:
    """The figures, one a line, names aligned."""
    width = max(map(len, figures), default=0)
    for name, value in figures.items():
        print(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    sys.exit(main())
