"""Which program runs a script, and what of the host that program needs to see.

An interpreter is resolved once: through symlinks, shims and virtual environments, to the directories it cannot do
without. Those are shown read-only inside the sandbox, at their host paths.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from openskills_core.errors import InvalidSkillError, SandboxUnavailableError
from openskills_core.hostdirs import holds_the_system
from openskills_core.models import Mount

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_BY_SUFFIX = {
    ".py": "python",
    ".sh": "shell",
    ".bash": "shell",
    ".js": "node",
    ".mjs": "node",
    ".cjs": "node",
}
_WASM = ".wasm"
_ASK_PYTHON = "import sys,json;print(json.dumps([sys.executable,sys.prefix,sys.base_prefix]))"
SCRIPT_SUFFIXES = (*_BY_SUFFIX, _WASM)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program, the directories it needs, and the symbolic links outside of them that lead to it.

    What lies beneath /usr is left out: it is always there.
    """

    executable: Path
    needs: tuple[Mount, ...]


class Programs:
    """Finds interpreters for one runtime. Nothing is looked up before it is needed, and nothing twice."""

    def __init__(
        self, python: str | os.PathLike[str] | None = None, node: str | os.PathLike[str] | None = None
    ) -> None:
        self._python = python
        self._node = node

    @functools.cached_property
    def python(self) -> Interpreter:
        """The Python that runs `.py` scripts, by default the one that runs us, its virtual environment included."""
        if self._python is None:
            return _interpreter(sys.executable, sys.prefix, sys.base_prefix)
        return _interpreter(*_ask(_locate(self._python, "python")))

    @functools.cached_property
    def node(self) -> Interpreter:
        """The Node.js that runs `.js` scripts."""
        return _interpreter(str(_locate(self._node or "node", "node").resolve()))

    @property
    def shell(self) -> str:
        """The shell that runs commands and `.sh` scripts: bash, or sh where there is none."""
        return next((shell for shell in ("/bin/bash", "/usr/bin/bash") if Path(shell).exists()), "/bin/sh")

    @property
    def search_path(self) -> str:
        """PATH inside the sandbox, the interpreter's own directory first."""
        own = [str(self.python.executable.parent)]
        if self._node is not None:
            own.append(str(self.node.executable.parent))
        return os.pathsep.join(dict.fromkeys([*own, *_SYSTEM_PATH]))

    @property
    def needs(self) -> tuple[Mount, ...]:
        """What every call sees, so that `python3` in a shell script is the same interpreter."""
        return self.python.needs if self._node is None else (*self.python.needs, *self.node.needs)

    def command(self, kind: str, script: Path) -> tuple[tuple[str, ...], tuple[Mount, ...]]:
        """Return the words that start `script`, and what it needs to see beyond `needs`.

        `kind` is what `kind_of` said.
        """
        if kind == "python":
            return (str(self.python.executable), str(script)), ()
        if kind == "node":
            return (str(self.node.executable), str(script)), self.node.needs
        if kind == "shell":
            return (self.shell, str(script)), ()
        return (kind, str(script)), ()


def kind_of(script: str, first_line: bytes) -> str:
    """Return what runs a script: "python", "shell", "node", or the absolute path of the program in its `#!` line.

    Raises:
        InvalidSkillError: nothing here runs it.
    """
    suffix = PurePosixPath(script).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix == _WASM:
        raise InvalidSkillError(f"{script} is a WASM module, which this version cannot run", culprit=script)
    return _from_shebang(script, first_line)


def _from_shebang(script: str, first_line: bytes) -> str:
    words = first_line.decode("utf-8", "replace").removeprefix("#!").split() if first_line.startswith(b"#!") else []
    if words and PurePosixPath(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    program = PurePosixPath(words[0]).name if words else ""
    if program.startswith("python"):
        return "python"
    if program in ("sh", "bash", "dash"):
        return "shell"
    if program in ("node", "nodejs"):
        return "node"
    found = shutil.which(program, path=os.pathsep.join(_SYSTEM_PATH)) if program else None
    if found is None:
        raise InvalidSkillError(
            f"nothing here runs {script}: use {', '.join(_BY_SUFFIX)}, or a first line such as #!/usr/bin/env perl "
            "that names a program of this system",
            culprit=script,
        )
    return found


def _locate(wanted: str | os.PathLike[str], what: str) -> Path:
    found = shutil.which(os.fspath(wanted))
    if found is None:
        raise SandboxUnavailableError(
            f"there is no {what} interpreter {os.fspath(wanted)!r} here: install it, or pass {what}='/path/to/{what}'",
            culprit=os.fspath(wanted),
        )
    return _plain(Path(found))


def _plain(program: Path) -> Path:
    # The last part stays as it is: a virtual environment is found by the path of its link, not by what it points to.
    return program.parent.resolve() / program.name


def _ask(executable: Path) -> tuple[str, str, str]:
    """Ask a Python for its real executable and prefixes; a shim answers with those of the Python behind it."""
    command = [str(executable), "-I", "-c", _ASK_PYTHON]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=30, stdin=subprocess.DEVNULL)  # noqa: S603 - the host named it
        own, prefix, base = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SandboxUnavailableError(
            f"{executable} does not answer as a Python interpreter: {error}", culprit=str(executable)
        ) from error
    return own, prefix, base


def _interpreter(executable: str, *prefixes: str) -> Interpreter:
    program = _plain(Path(executable))
    hops = list(_hops(program))
    folders = {Path(prefix).resolve() for prefix in prefixes} or {_home_of(hops[-1])}
    for folder in folders:
        if holds_the_system(folder) and not folder.is_relative_to("/usr"):
            raise SandboxUnavailableError(
                f"{program} lives in {folder}, which holds more than an interpreter, and every script would see it: "
                "use one in a directory of its own, such as a virtual environment",
                culprit=str(program),
            )
    outermost = [folder for folder in folders if not folders.intersection(folder.parents)]
    links = [hop for hop in hops if hop.is_symlink() and not any(hop.is_relative_to(folder) for folder in folders)]
    needs = (
        *(Mount(folder) for folder in sorted(outermost)),
        *(Mount(link, "link", link.readlink()) for link in links),
    )
    return Interpreter(program, tuple(mount for mount in needs if not mount.path.is_relative_to("/usr")))


def _home_of(program: Path) -> Path:
    """Return what a program that tells no prefix needs: the directory above its `bin`, else the program alone."""
    return program.parent.parent if program.parent.name == "bin" else program


def _hops(path: Path) -> Iterator[Path]:
    """Yield a file and everything its symlinks lead through; each must exist inside for the program to start."""
    for _ in range(40):
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield Path(os.path.realpath(path))
