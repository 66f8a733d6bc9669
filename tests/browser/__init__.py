"""The dashboard in a real browser, against real nodes on real Kafka."""
