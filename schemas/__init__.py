"""The language of Watchbill: every record that travels, its Avro schema, its bytes, and the topics it lives on.

Belongs here: typed records, `.avsc` files, the codec, the topic table, identifiers, size limits, the order of two
states. Never here: a decision, a clock, a socket, a Kafka client. Everything else imports this package; it imports
nothing of ours.
"""
