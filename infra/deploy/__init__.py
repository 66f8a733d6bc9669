"""Files for real deployments: compose, Kubernetes with Strimzi, systemd; and what they need that no user calls.

Belongs here: files that a person copies and changes, the code that writes those of them that follow from the topic
table, and the question whether a container is well. Never here: anything that a node needs to run.
"""
