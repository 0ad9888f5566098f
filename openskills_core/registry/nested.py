"""Skills of directories inside a project, found when something there is first read or edited.

Source: Claude Code, "Load skills in monorepos and subdirectories".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.registry.ignore import is_ignored
from openskills_core.registry.repository import up_to_repository
from openskills_core.registry.standard import nested_directories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.manifest import Preset

_NEVER_ENTERED = frozenset({".git", "node_modules"})


def nested_skills(path: str, root: str, preset: Preset) -> Iterator[tuple[str, str]]:
    """Yield the directories of skills between a project and something in it, outermost first.

    Each comes with the name, relative to the project, of the directory that it belongs to. The project's own are not
    among them, nor what git leaves out, nor anything outside of the project.

    Args:
        path: what is there, absolute or relative to the project.
        root: the project, absolute and without symbolic links.
        preset: whose directories count.
    """
    try:
        at = os.path.realpath(os.path.join(root, path))
    except (OSError, ValueError):  # a NUL, and what no file name can be encoded from, is a ValueError
        return
    inner = os.path.relpath(at if os.path.isdir(at) else os.path.dirname(at), root)
    if inner == "." or inner.split("/")[0] == ".." or _NEVER_ENTERED & set(inner.split("/")):
        return
    holder = root
    for name in inner.split("/"):
        holder = f"{holder}/{name}"
        for directory in (f"{holder}/{client}" for client in nested_directories(preset)):
            if os.path.isdir(directory) and not is_ignored(holder, root, str(up_to_repository(Path(root))[-1])):
                yield directory, os.path.relpath(holder, root)
