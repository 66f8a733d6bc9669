"""Step 9 of the flow towards other programs: what a load balancer or a registry is told of states, in its own words.

Belongs here: one file an outside program, with the translation as a pure function and a thin mover beside it. Never
here: a decision about a state; who is told takes the effective state as it stands.
"""
