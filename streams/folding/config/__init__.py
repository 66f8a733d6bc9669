"""Step 2 of the flow: folds commands, in their one order, into the configured entities, and answers each command.

Belongs here: what a command does to the snapshot, and why it is refused. Never here: reading or writing Kafka, a clock,
the parameter tables (`schemas/parameters`, shared with the reader of YAML files) and the read-only views of the result
(`schemas/inventory`, shared with nodes and programs).
"""
