"""What is configured, as a snapshot: every entity by id and by name, who refers to whom, and the services to monitor.

Belongs here: read-only views of the folded configuration that the fold, the nodes, the command line and programs share.
Never here: how a command changes it (that is `streams/folding/config`), a clock, a socket, a Kafka client.
"""
