"""What Watchbill stands on: a Kafka of its own for a laptop, the topics, the demo, and files for real deployments.

Belongs here: starting and stopping the bundled broker, creating and checking topics, the demo, deployment files.
Never here: a decision about a service, a record's layout. Only the command line and the tests import this package:
a node given a bootstrap address runs without any of it.
"""
