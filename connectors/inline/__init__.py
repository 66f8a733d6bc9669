"""Who tells passive monitors what came of real traffic: the statistics of a proxy, one file a proxy.

Belongs here: reading a proxy's counters and making of two readings what happened between them.
Never here: which monitor counts what as a success (`connectors.probes.inline`), and whose word counts (the node).
"""
