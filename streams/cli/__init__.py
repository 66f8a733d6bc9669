"""The command line: one file a group of verbs, each importing what it needs when it runs.

Belongs here: options, what a person reads, exit codes. Never here: a decision, a record's layout, a Kafka client held
open. This is the top layer, the only one that may import the infrastructure.
"""
