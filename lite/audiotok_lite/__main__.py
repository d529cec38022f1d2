"""`python -m audiotok_lite`."""

import sys

from audiotok_lite.cli import main

sys.exit(main())
