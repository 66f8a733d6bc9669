"""Names to addresses: what DNS says of the servers of domain-based services, asked again as its TTLs say (D-4).

Belongs here: the question and its answer (`answers`), when to ask again and which of several addresses to take
(`schedule`, pure), one question over the network (`lookup`, aiodns), and the watch over many names (`resolver`).
Never here: which services a node owns, what becomes of an address (that is the node and the fold), and the DNS monitor,
which probes a DNS server. Why not the system's resolver: it gives no TTL, and blocks a thread for each question.
"""
