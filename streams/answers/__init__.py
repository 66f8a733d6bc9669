"""Answers from the log: why a service is as it is, what it was, what it would be (U-1, U-2, U-3, U-6).

Belongs here, each a pure function from records to an answer: records with their places (`placed`), views, configuration
and states as they were at an instant (`views_then`, `config_then`, `history`), the chain from probes to effective state
(`explain`, in the terms of `chain`), other members, entities or parameters through the very functions of production
(`what_if`, `backtest`), and a piece of the past as one file, folded again (`incident`, `replay`).

Never here: a clock, a socket, a Kafka client, or a rule of how the cluster decides: those are asked of
`streams.folding` and `streams.ownership`. What an answer cannot know it says.
"""
