"""What this machine knows of the link to an address: the neighbour's MAC, the interface, its VLAN (S-1).

Belongs here: asking the kernel. Never here: what is done with the answer, and any guess where the kernel knows nothing.
"""
