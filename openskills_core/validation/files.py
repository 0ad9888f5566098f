"""What lies in a skill's directory: its files, links that lead nowhere, scripts that nothing runs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.programs import SCRIPT_SUFFIXES

if TYPE_CHECKING:
    from openskills_core.format.profiles import Findings
    from openskills_core.paths import Entry, Root

SKIPPED = frozenset({".git", ".venv", "__pycache__", "node_modules"})
_MAX_FILES = 20_000
_SCRIPTS = "scripts/"
_EXECUTABLE = 0o111
# What would run a script of another language, for the line that says so.
_FOREIGN = {
    ".rb": "ruby",
    ".pl": "perl",
    ".php": "php",
    ".lua": "lua",
    ".r": "Rscript",
    ".ts": "-S npx tsx",
    ".mts": "-S npx tsx",
    ".zsh": "zsh",
    ".fish": "fish",
    ".ps1": "pwsh",
    ".jl": "julia",
}


def check_files(root: Root, found: Findings) -> list[str]:
    """Look through a skill once; return the relative POSIX paths of its files, and of links to files within it."""
    files: list[str] = []
    for entry in root.walk(limit=_MAX_FILES, enter=lambda entry: PurePosixPath(entry.path).name not in SKIPPED):
        if entry.kind == "symlink":
            _check_link(root, entry, files, found)
        elif entry.kind == "file":
            files.append(entry.path)
            _check_script(root, entry, found)
    return files


def _check_link(root: Root, entry: Entry, files: list[str], found: Findings) -> None:
    where = found.path.parent / entry.path
    try:
        root.stat(entry.path)
    except PathEscapeError:
        advice = "copy the file into the skill: the link leads out of it, where a sandbox or a packed skill has nothing"
        found.add("symlink-outside", advice, path=where)
    except WorkspaceError:
        found.add("broken-symlink", "delete the link or make it right: it leads nowhere", path=where)
    else:
        files.append(entry.path)


def _check_script(root: Root, entry: Entry, found: Findings) -> None:
    suffix = PurePosixPath(entry.path).suffix.lower()
    if not entry.path.startswith(_SCRIPTS) or suffix in SCRIPT_SUFFIXES:
        return
    is_meant_to_run = suffix in _FOREIGN or (not suffix and entry.stat.st_mode & _EXECUTABLE)
    if is_meant_to_run and not _begins_with_shebang(root, entry.path):
        program = _FOREIGN.get(suffix, "python3")
        advice = f"begin the script with the line `#!/usr/bin/env {program}`: its name does not say what runs it"
        found.add("no-interpreter", advice, path=Path(found.path.parent, entry.path))


def _begins_with_shebang(root: Root, path: str) -> bool:
    try:
        with root.open_read(path) as file:
            return file.read(2) == b"#!"
    except (WorkspaceError, PathEscapeError):
        return True  # what cannot be read is not judged
