"""The outside world, one file per outside thing: probes and the engines that run them, Kafka clients, the replica.

Belongs here: sockets, clients, processes, and the translation between them and the records of `schemas`.
Never here: a decision about owners, views or states (that is `streams`), and never an import of `streams`, `infra` or
Faust. A load balancer's host installs this package and `schemas` alone and reads the states with them.
"""
