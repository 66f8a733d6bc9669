"""The two Faust agents, and what their bodies do: decode, one pure call, store, send.

Rule: a body never raises. Faust acknowledges work that failed, and ends the process after three failures within 20 ms,
so bytes that cannot be read go to quarantine with the reason, and the next record is taken. Never here: a rule about
states (streams.folding) or owners (streams.ownership).
"""
