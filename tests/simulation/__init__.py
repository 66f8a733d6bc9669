"""The promise, tried in simulated time: whole nodes on a Kafka, a group and targets that a seed makes go wrong.

What is real: `Node` and everything below it that decides. What is made up: Kafka, its group coordinator, Faust's way of
bringing records, engines and targets, clocks, and the faults. See docs/simulation.md.
"""
