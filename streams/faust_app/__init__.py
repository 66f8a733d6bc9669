"""Faust, behind one folder: how the app is built, which of its private names we lean on, and nothing else.

Belongs here: the app, its transport, its partition assignor. Never here: a decision, a fold, a probe. Faust and
aiokafka are pinned to exact versions, and `tests/integration/test_faust_contract.py` holds each private name used here.
"""
