"""Tests by rising cost: unit, property, scenarios, then integration on a real Kafka, chaos, and the benches.

Never here: a stand-in for Kafka, a sleep (see waiting.py), or a helper that only one test uses.
"""
