"""The tables of parameters: what can be set of each kind, its type, default, range, unit and help.

Belongs here: rows, the shapes of values, reading a value as a person writes it, and the rules between parameters.
Never here: what a parameter does. The fold checks commands against these tables, the command line prints its help from
them, and the reader of YAML files names them in its errors; so a parameter is spelt once, in one row.
"""
