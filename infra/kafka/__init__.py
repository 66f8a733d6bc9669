"""A real Apache Kafka from pip alone: jars from a lock, a Java runtime from a wheel, one KRaft node on loopback.

Belongs here: the jar lock and its cache, the broker's settings, its process and the pid file that names it. Never
here: topics of ours (infra.topics), or anything that could be taken for Kafka and is not. A person with a cluster
gives `--bootstrap` and none of this runs.
"""
