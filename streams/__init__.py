"""The decisions of Watchbill, and the Faust application that carries them out.

Belongs here: what follows from the records alone (`folding`, `ownership`: pure, with no clock, socket, client or
randomness), and above it the thin runtime that moves records: `tables`, `agents`, `faust_app`, `web`, `node`, and at
the very top the command line in `cli`. Imports go down only, in that order; an import contract holds it.

Never here: the record schemas (`schemas`), anything that talks to the outside world (`connectors`), or the broker
launcher (`infra`). A load balancer's host installs `connectors` and `schemas` without this package and without Faust.
"""
