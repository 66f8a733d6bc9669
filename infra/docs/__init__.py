"""Pages of the documentation that are made from tables, so that they cannot say what the program does not do.

Belongs here: what people are told beside a table's rows, and the writing of the page. Never here: a default, a range or
a rule; those stand in `schemas/parameters`. A test holds each page against its tables, and runs its examples.
"""
