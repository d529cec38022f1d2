"""The subcommands of `audiotok`: a module each, found by name; a package is a group of them.

Each module has

- a docstring, whose first line is the summary in `--help` and whose rest the description;
- `EXAMPLES`, lines that are shown below the options;
- `add_arguments(parser)`;
- `run(args)`, which does the work and returns the exit code. It imports what it needs itself:
  `audiotok --help` imports all modules, and is to import neither JAX nor NumPy.

Modules whose names begin with `_` are no subcommands.

Inputs are independent of each other: one that fails is named in a line on standard error, and
the others go on.
"""
