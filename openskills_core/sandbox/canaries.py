"""The canaries: which attacks there are, what each reaches for, and how the host sees that one got out."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openskills_core.changes import Snapshot, changes_since
from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.models import Ended, Limits
from openskills_core.paths import Root
from openskills_core.sandbox.bait import MARK, Bait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LIMITS = Limits(timeout_ms=10_000, memory_mb=64, processes=16)
_MORE_MEMORY, _MORE_PROCESSES = "128", 40
_SHORT_MS = 500
_WATCHED_S = 0.15
# Elsewhere there are no abstract sockets and no /proc to look into.
_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Canary:
    """One attack: a function of `attacks.py`, its arguments, and how the host sees that it got out.

    `planted` is False where it needs something of this machine that may be missing or refused to everybody, such as a
    network. `is_live` is how the host sees that it works without a sandbox, by default in the same way.
    """

    name: str
    attack: str
    words: Callable[[Bait], Sequence[str]]
    got_out: Callable[[Bait, Ended], bool]
    is_live: Callable[[Bait, Ended], bool] | None = None
    planted: bool = True
    limits: Limits = _LIMITS


def _has_token(bait: Bait, ended: Ended) -> bool:
    return bait.token.encode() in ended.stdout


def _passed(_bait: Bait, ended: Ended) -> bool:
    return ended.stdout.strip().endswith(b"tried passed")


def _changed(bait: Bait, _ended: Ended) -> bool:
    manual = bait.skill / "SKILL.md"
    return not manual.exists() or manual.read_text() != bait.token or len(list(bait.skill.iterdir())) > 1


def _too_many(_bait: Bait, ended: Ended) -> bool:
    made = ended.stdout.rpartition(b"made ")[2].split(b"\n")[0]
    return made.isdigit() and int(made) > _LIMITS.processes


def _killed(bait: Bait, _ended: Ended) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        bait.victim.wait(_WATCHED_S)
        return True
    return False


def _outlived(bait: Bait, _ended: Ended) -> bool:
    """Whether something still grows the file that it was growing."""
    heart = bait.workspace / "beat"
    before = heart.stat().st_size if heart.exists() else 0
    time.sleep(_WATCHED_S)
    return heart.exists() and heart.stat().st_size > before


def _misled(bait: Bait, _ended: Ended) -> bool:
    """Whether the host, which looks at results as the runtime does, reads through a link that was left for it."""
    wanted = bait.token.encode()
    with Root(bait.workspace) as root:
        for path in ("result.txt", f"results/{bait.secret.name}"):
            with contextlib.suppress(PathEscapeError, WorkspaceError):
                return root.read(path, limit=len(wanted)) == wanted
        artifacts = changes_since(root, Snapshot({})).artifacts
    return hashlib.sha256(wanted).hexdigest() in {artifact.sha256 for artifact in artifacts}


def _would_mislead(bait: Bait, _ended: Ended) -> bool:
    """Whether a careless host would have read through it."""
    link = bait.workspace / "result.txt"
    return link.exists() and link.read_text() == bait.token


def _nothing(_bait: Bait) -> Sequence[str]:
    return ()


def _reach(listener: str, family: str) -> Callable[[Bait], Sequence[str]]:
    return lambda bait: (family, bait.address(listener), bait.token)


CANARIES = (
    Canary("read a file in the home directory", "read", lambda bait: [str(bait.secret)], _has_token),
    Canary("read a private file of another skill", "read", lambda bait: [str(bait.private)], _has_token),
    Canary(
        "write outside of the workspace",
        "write",
        lambda bait: [str(bait.outside / "new")],
        lambda bait, _: (bait.outside / "new").exists(),
    ),
    Canary("change its own skill", "change_skill", lambda bait: [str(bait.skill)], _changed),
    Canary(
        "change the mode of a file outside",
        "change_mode",
        lambda bait: [str(bait.outside / "mode")],
        lambda bait, _: (bait.outside / "mode").stat().st_mode & 0o777 == 0o640,  # noqa: PLR2004 - what the attack sets
    ),
    Canary(
        "leave a link for the host to follow",
        "leave_link",
        lambda bait: [str(bait.secret)],
        _misled,
        is_live=_would_mislead,
    ),
    Canary(
        "reach a service on the host's loopback", "reach", _reach("tcp", "AF_INET"), lambda bait, _: bait.heard("tcp")
    ),
    Canary("reach a UNIX socket by its path", "reach", _reach("path", "AF_UNIX"), lambda bait, _: bait.heard("path")),
    Canary(
        "reach an abstract UNIX socket",
        "reach",
        _reach("abstract", "AF_UNIX"),
        lambda bait, _: bait.heard("abstract"),
        planted=_LINUX,
    ),
    Canary("find a way to the cloud's metadata service", "find_metadata", _nothing, _passed, planted=False),
    Canary("list the host's processes", "list_processes", lambda _: [MARK], _has_token, planted=_LINUX),
    Canary(
        "read a host process's variables",
        "read_environment",
        lambda bait: [str(bait.witness.pid)],
        _has_token,
        planted=_LINUX,
    ),
    Canary("kill a host process", "kill", lambda bait: [str(bait.victim.pid)], _killed),
    Canary("make a user namespace", "make_user_namespace", _nothing, _passed, planted=False),
    Canary("set up io_uring", "make_ring", _nothing, _passed, planted=False),
    Canary("ask for the session's keyring", "find_keyring", _nothing, _passed, planted=False),
    Canary("fork beyond its limit", "fork", lambda _: [str(_MORE_PROCESSES)], _too_many),
    Canary("take memory beyond its limit", "take_memory", lambda _: [_MORE_MEMORY], _passed),
    Canary(
        "outlive its call",
        "outlive",
        lambda bait: [str(bait.workspace / "stop")],
        _outlived,
        limits=replace(_LIMITS, timeout_ms=_SHORT_MS),
    ),
)
