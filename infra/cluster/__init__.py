"""A Watchbill cluster of real processes on this machine: for the demo, for tests on real Kafka, and for benches.

Belongs here: starting and ending node processes, and waiting for what they say of themselves. Never here: a shortcut
around Kafka; what a test learns it reads from the topics, as any consumer would.
"""
