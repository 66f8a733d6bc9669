"""Step 2 and step 7 of the flow as decisions: entities from commands, and service states from probe results.

Belongs here: what a run of probes says of a binding (`history`), what bindings say of a service (`weights`), what may
overrule them (`settling`), a service as configured (`configured`), the fold of one service (`binding`, `service`, with
`damping` and `leaving`) and of a batch (`batch`), what goes in and comes out (`events`, `facts`); the fold of the
configuration lives in `config`.

Never here: Faust, Kafka, a socket, a clock, randomness or the environment. Time is an argument (epoch milliseconds),
identity and configuration are arguments, and the same arguments give the same facts on every node, so that a replay, a
back-test and a what-if run through the very functions that run in production.
"""
