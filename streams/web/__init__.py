"""The web views of a node: what a browser, a script or Prometheus reads from it.

Rule: the web reads what the node holds in memory, and never asks Kafka. Never here: a decision, a change of state.
"""
