"""The command line. `main` is what the `openskills` program starts; the rest is loaded when a command needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done · 1 the script or the check failed · 2 wrong usage or unknown skill · 3 refused by policy · 4 no sandbox ·
    130 interrupted · 141 the reader of our output went away. The last two are what a shell reports for such an end.

    Args:
        arguments: what follows the program's name; by default this process's own.
    """
    try:
        from openskills_core.cli.app import run

        return run(arguments)
    except KeyboardInterrupt:
        return 130
