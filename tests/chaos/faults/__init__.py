"""One file a fault, or a family. A function takes a World and a Tally; its row in `table.py` says the rest."""
