"""The kinds of probes, one file a kind, and the table that names them.

Belongs here: what to say to a target, and what its answer means. A kind is sans-io: bytes in, bytes or an outcome out.
Never here: a socket, a deadline, a clock, a schedule. The engine owns those, so that every kind obeys the same ones.
A new kind is one file, one row in `kinds.py` and one test file.
"""
