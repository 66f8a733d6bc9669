"""Configuration from outside: a YAML file as wanted state, its difference to what is, and commands sent and answered.

Belongs here: reading a file, comparing, producing to `config-commands`, waiting for the answer, reading the entities
back. Never here: whether a command is right (the fold decides, `streams/folding/config`), and what a person sees.
"""

from connectors.config.producer import ConfigProducer, NoAnswer
from connectors.config.reader import read_entities

__all__ = ["ConfigProducer", "NoAnswer", "read_entities"]
