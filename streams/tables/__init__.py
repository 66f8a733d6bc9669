"""Faust's view of the state tables: a table whose store is the node's replica, and the outbox that its writes go to.

Belongs here: what a Faust table needs so that there is nothing to recover after a rebalance. Never here: a decision
about a state, a Kafka consumer (the replica has one).
"""
