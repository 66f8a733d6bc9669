"""Steps 5 and 6 of the flow: the probing engines of a node, and the pool through which the node drives them.

Belongs here: the table of bindings, when each is due, sockets and deadlines of probes in flight, run-length encoding of
their verdicts, and the frames between an engine and its node. An engine is a process with one epoll loop.
Never here: what a protocol says (that is `connectors.probes`, one file a kind), whether a service is up (that is the
fold), and never an asyncio object per probe: it costs three times the CPU of a raw socket.
"""
