"""Measurements of the product itself. `python -m tests.bench NAME --json` runs one; see `__main__` for the names.

Each bench is a module with `add_arguments(parser)` and `run(args) -> dict`: what it prints on the way is for people,
what it returns is the result, a flat object of figures with their units in the names.
"""
