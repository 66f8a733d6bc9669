"""Tests on a real Apache Kafka, started once a session by the fixtures of this folder's conftest."""
