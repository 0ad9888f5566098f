"""Which directories of the host hold more than one piece of work, so that no script may write to all of them."""

from __future__ import annotations

from pathlib import Path

_SYSTEM = frozenset(
    {
        *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin"),
        *("/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/var/tmp"),  # noqa: S108 - nothing is written there
    }
)


def holds_the_system(path: Path) -> bool:
    """Whether an absolute directory is the root, a system directory, the user's home, or holds one of these."""
    return str(path) in _SYSTEM or _home().is_relative_to(path)


def _home() -> Path:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a user without a home directory
        return Path("/")
