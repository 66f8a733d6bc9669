"""A node at run time: everything between Kafka, the engines and the pure decisions, on one event loop.

Belongs here: the order of start and stop, the heartbeat and its lease, and the movers of records that ask
`streams.ownership` and `streams.folding` what to do. Never here: a rule. A rule that a test cannot reach without a loop
stands in the wrong folder.
"""
