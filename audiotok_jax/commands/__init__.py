"""What the subcommands of `audiotok` do: a module each, whose `run` returns the exit code.

Inputs are independent of each other: one that fails is named in a line on standard error, and
the others go on.
"""
