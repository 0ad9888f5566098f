"""Which directories of the host hold more than one piece of work, so that no script may write to all of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

TEMPORARY_WORKSPACE = "openskills-workspace-"
_SYSTEM = frozenset(
    {
        *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin"),
        *("/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/var/tmp"),  # noqa: S108 - nothing is written there
    }
)


def holds_the_system(path: Path) -> bool:
    """Whether an absolute directory is the root, a system directory, the user's home, or holds one of these."""
    return str(path) in _SYSTEM or _home().is_relative_to(path)


def is_temporary_workspace(path: Path) -> bool:
    """Whether an absolute directory is a workspace that the runtime has made, to be removed by it."""
    return path.name.startswith(TEMPORARY_WORKSPACE) and path.parent == Path(tempfile.gettempdir()).resolve()


def _home() -> Path:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a user without a home directory
        return Path("/")
