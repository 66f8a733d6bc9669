"""What the log proves of a cluster, afterwards: the promise, and who monitored what when (U-4).

Belongs here, each a pure function from records to findings: `findings` (how the promise can be broken), `reigns` (which
view was in force from when until when), `past_config` (which services there were, and who hosted them), `promise`
(safety and cleanliness), `liveness` (owners who did not declare themselves in time), `truth` (states against what the
targets really did).

Never here: a clock, a socket, a Kafka client, or a rule of how the cluster decides. Tests on real Kafka, chaos runs, a
simulator and `watchbill audit` are judged by the same lines; with the product they share only the rules for views,
owners and configuration, which have tests of their own.
"""
