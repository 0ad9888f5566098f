"""`python -m openskills_core` is the `openskills` program, for where its directory is not on PATH."""

from __future__ import annotations

import sys

from openskills_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
