"""The demo: real services, real nodes and a real Kafka on one machine, with ways to break each of them.

Belongs here: the target services, starting and ending everything, the control socket, the unattended check. Never
here: what a person sees (the board is the command line's), and never a stand-in for a part of the product.
"""
