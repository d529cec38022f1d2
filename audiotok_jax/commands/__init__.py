"""The subcommands of `audiotok`: a module each, found by name; a package is a group of them.

Each module has

- a docstring: its first line is the summary in `--help`, the rest the description;
- `EXAMPLES`, lines shown below the options;
- `add_arguments(parser)`;
- `run(args)`, which does the work and returns the exit code. It imports what it needs inside the
  function: `audiotok --help` imports all modules and must import neither JAX nor NumPy.

Modules whose names begin with `_` are not subcommands.

Inputs are independent of each other: one that fails is reported in a line on standard error, and
the others are still processed.
"""
