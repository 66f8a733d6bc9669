"""Seeds from the command line: `python -m tests.simulation --seeds 1000`, or `--seed 17 --trace`, told line by line.

The last line is one JSON object: what failed, and how often each fault took effect. The exit code is 1 if a seed
failed. With --serve each line of the standard input is a run of its own, whose JSON answers it: importing the product
takes as long as thirty seeds.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter

COLLECT_EVERY = 30
"""Seeds between two collections: a world is one heap of cycles, and nothing else makes garbage."""
FIXED_ORDER = "PYTHONHASHSEED"


def main() -> int:
    """Parse, see to the order of sets, play."""
    parser = ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="tell what happened, line by line")
    parser.add_argument("--mutate", default="", help="take away a rule of the product (see mutations.py)")
    parser.add_argument("--stop", action="store_true", help="end at the first seed that fails")
    parser.add_argument("--json", action="store_true", help="nothing but the last line")
    parser.add_argument("--serve", action="store_true", help="play what each line of the standard input asks for")
    arguments = parser.parse_args()
    if os.environ.get(FIXED_ORDER) != "0":
        os.environ[FIXED_ORDER] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    from tests.simulation import run  # noqa: F401  the product's modules, before what there is now is frozen

    gc.freeze()
    gc.disable()
    if not arguments.serve:
        return play_all(arguments)
    for line in sys.stdin:
        play_all(parser.parse_args(["--json", *json.loads(line)]))
        gc.collect()
    return 0


def play_all(arguments: Namespace) -> int:
    """Play every seed, tell of those that fail."""
    from tests.simulation.run import play

    seeds = (
        [arguments.seed] if arguments.seed is not None else range(arguments.first, arguments.first + arguments.seeds)
    )
    began_s, cpu_s, played = time.monotonic(), 0.0, 0
    failed: dict[int, list[str]] = {}
    rules: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    digests: dict[int, str] = {}
    for seed in seeds:
        outcome = play(seed, arguments.mutate, arguments.trace)
        if played % COLLECT_EVERY == 0:
            gc.collect()
        played, cpu_s, counted = played + 1, cpu_s + outcome.cpu_s, counted + outcome.counted
        digests[seed] = outcome.digest
        if arguments.trace and not arguments.json:
            print(outcome.schedule, *outcome.lines, sep="\n")
        if not outcome.good:
            failed[seed] = [str(breach) for breach in outcome.breaches] + [f"broken: {text}" for text in outcome.broken]
            rules.update({breach.rule for breach in outcome.breaches} | {"broken" for _ in outcome.broken})
            if not arguments.json:
                print(f"seed {seed} ({outcome.schedule.kind}):", *failed[seed], sep="\n  ")
            if arguments.stop:
                break
    seconds = time.monotonic() - began_s
    told = {
        "seeds": played,
        "seconds": round(seconds, 1),
        "cpu_ms_per_seed": round(cpu_s / played * 1000, 1),
        "failed": dict(list(failed.items())[:20]),
        "failures": len(failed),
        "rules": rules,
        "digest": digests[min(digests)] if len(digests) == 1 else "",
        "counted": dict(sorted(counted.items())),
    }
    print(json.dumps(told), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
