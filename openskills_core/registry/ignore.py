"""What `.gitignore` files leave out of a tree. Source: gitignore(5), https://git-scm.com/docs/gitignore."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Any

from openskills_core.registry.reading import read_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pathspec import PathSpec

IGNORE_FILE = ".gitignore"

_MAX_BYTES = 64 * 1024
_MAX_PATTERNS = 1_000
# A regular expression stands behind each pattern, and more stars in one name can keep it busy for ever.
_MAX_STARS = 2


class IgnoreRules:
    """The `.gitignore` files of a tree. Each one counts beneath its own directory; deeper ones win."""

    def __init__(self) -> None:
        self._specs: dict[str, PathSpec[Any]] = {}

    def read(self, directory: str) -> None:
        """Take the rules of one directory, if it has any."""
        try:
            data = read_start(f"{directory}/{IGNORE_FILE}", _MAX_BYTES, follow=False)
        except OSError:
            return
        self._specs[directory] = _spec(data.decode("utf-8", errors="replace").splitlines()[:_MAX_PATTERNS])

    def ignores(self, directory: str) -> bool:
        """Whether git leaves this directory out, given that it leaves out none of the directories above."""
        for holder in _parents(directory):
            spec = self._specs.get(holder)
            verdict = spec.check_file(directory[len(holder) :].lstrip("/") + "/").include if spec else None
            if verdict is not None:
                return verdict
        return False


def _parents(directory: str) -> Iterator[str]:
    while directory not in ("", "/"):
        directory = posixpath.dirname(directory)
        yield directory


def _spec(lines: list[str]) -> PathSpec[Any]:
    from pathspec import PathSpec

    # Not GitIgnoreSpec, which is about files: for a directory, `!*` before `build/` would win over it there.
    return PathSpec.from_lines("gitignore", [line for line in lines if _is_tame(line) and _is_pattern(line)])


def _is_tame(line: str) -> bool:
    return all(name.replace("**", "").count("*") <= _MAX_STARS for name in line.split("/"))


def _is_pattern(line: str) -> bool:
    from pathspec import PathSpec

    try:
        PathSpec.from_lines("gitignore", [line])
    except ValueError:
        return False
    return True


def is_ignored(directory: str, project: str, top: str) -> bool:
    """Whether the `.gitignore` files of a repository leave out a directory inside a project, or one on the way there.

    Args:
        directory: a directory below `project`; all three are absolute and without symbolic links.
        project: itself taken as given, ignored or not.
        top: the root of the repository, or the project where there is none.
    """
    rules, at = IgnoreRules(), top
    rules.read(top)
    for name in os.path.relpath(directory, top).split("/"):
        at = f"{at.rstrip('/')}/{name}"
        if at == project and rules.ignores(project):
            rules = IgnoreRules()
        if at.startswith(f"{project}/") and rules.ignores(at):
            return True
        rules.read(at)
    return False
