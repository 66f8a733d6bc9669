"""Faults injected into real nodes on a real Kafka, and what must hold of each: docs/reliability.md.

`python -m tests.chaos F1 F3 --runs 10 --seed 7 --json` runs some of them. A fault is a file of `faults/` and a row of
`table.py`; `world.py` is what a fault happens to, and the same checks end each run: the promise on the log, no false
DOWN and no missed one. A run in which the fault never took effect fails: it has proven nothing.
"""
