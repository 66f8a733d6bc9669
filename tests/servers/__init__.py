"""Probes against the real servers that people run: each test starts its own, on a free loopback port.

Belongs here: one file a kind of server, and `running.py`, which starts and stops the programs of all of them.
Never here: a server of our own making (those are in tests/unit), or one that was there before the test.
"""
