"""`python -m audiotok_jax` is the command `audiotok`."""

import sys

from audiotok_jax.cli import main

sys.exit(main())
