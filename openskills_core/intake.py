"""What a host says in its own words, turned into the runtime's values: directories, options, calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openskills_core.audit import AuditLog
from openskills_core.models import Call, HostPolicy, Limits, as_strings
from openskills_core.registry import Location, standard_locations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openskills_core.manifest import Preset

_CLASSES: Mapping[str, tuple[type, str]] = {
    "policy": (HostPolicy, 'HostPolicy(allow=["Read"])'),
    "limits": (Limits, "Limits(timeout_ms=60_000)"),
    "audit": (AuditLog, "AuditLog({!r})"),
}


def check_options(**options: object) -> None:
    """Refuse options of a wrong class; None is always the default.

    Raises:
        TypeError: says what to write instead.
    """
    for name, value in options.items():
        if value is None:
            continue
        if name in _CLASSES:
            wanted, example = _CLASSES[name]
            if not isinstance(value, wanted):
                shown = value if isinstance(value, (str, os.PathLike)) else "audit.jsonl"
                example = example.format(os.fspath(shown))
                raise TypeError(f"{name} must be {_an(wanted)}, not {value!r:.80}: write {name}={example}")
        elif name == "approve":
            if not callable(value):
                raise TypeError(f"approve must be a function of one ApprovalRequest, not {value!r:.80}")
        else:
            path(name, value)


def _an(wanted: type) -> str:
    return f"{'an' if wanted.__name__[0] in 'AEIOU' else 'a'} {wanted.__name__}"


def locations(
    skill_dirs: Sequence[str | os.PathLike[str] | Location], project_root: Path | None, preset: Preset
) -> tuple[Location, ...]:
    """Return where to look for skills, the winning location first. No project root means no standard locations.

    Raises:
        TypeError: `skill_dirs` is one path instead of a sequence of them, or holds something else.
        ValueError: a path is empty, or there is no such preset.
    """
    standard = standard_locations(project_root or Path.cwd(), _home(), preset)
    named = tuple(_location(directory) for directory in _several("skill_dirs", skill_dirs))
    return named if project_root is None else (*named, *standard)


def _location(directory: object) -> Location:
    if isinstance(directory, Location):
        return directory
    return Location(Path(path("skill_dirs", directory)).expanduser())


def paths(name: str, value: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return directories as strings.

    Raises:
        TypeError: `value` is one path instead of a sequence of them, or holds something else.
        ValueError: a path is empty.
    """
    return tuple(path(name, item) for item in _several(name, value))


def _several(name: str, value: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes, os.PathLike, Location)):
        raise TypeError(f"{name} must be a sequence of directories, not one: write [{_shown(value)}]")
    try:
        return tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of directories, not {value!r:.80}") from None


def _shown(value: object) -> str:
    return repr(os.fspath(value)) if isinstance(value, os.PathLike) else repr(value)


def path(name: str, value: object) -> str:
    """Return one path as a string.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f'{name} must be a path such as "./{name}", not {value!r:.80}')
    if not text:
        raise ValueError(f'{name} is an empty path: write "." for the current directory')
    return text


def writable(workspace_dir: str | os.PathLike[str] | None, policy: HostPolicy) -> tuple[Path, ...]:
    """Return the directories that a host lets scripts write to, without symbolic links."""
    named = () if workspace_dir is None else (workspace_dir,)
    return tuple(Path(directory).expanduser().resolve() for directory in (*named, *policy.write_paths))


def cache_directory(cache_dir: str | os.PathLike[str] | None, open_to_scripts: Sequence[Path]) -> Path | None:
    """Return where caches are kept: `cache_dir`, else `$XDG_CACHE_HOME/openskills` or the same beneath `~/.cache`.

    None where there is no such place that is closed to scripts. A relative XDG_CACHE_HOME is ignored, as the XDG Base
    Directory Specification demands.

    Raises:
        ValueError: scripts may write to the directory that was asked for.
    """
    if cache_dir is not None:
        directory = Path(cache_dir).expanduser().absolute()
        if _lies_in(directory, open_to_scripts):
            raise ValueError(f"cache_dir {directory} lies where scripts may write: name a directory outside of it")
        return directory
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    directory = (cache if cache.is_absolute() else _home() / ".cache") / "openskills"
    return None if _lies_in(directory, open_to_scripts) else directory


def _lies_in(directory: Path, others: Sequence[Path]) -> bool:
    return any(directory.resolve().is_relative_to(other) for other in others)


def call(kind: Literal["script", "command"], target: str, skill_id: str, **options: Any) -> Call:
    """Return the call for `RunOptions`.

    Raises:
        TypeError: both `input` and `stdin`, or `args` that are one string.
    """
    stdin, given = options.get("stdin"), options.get("input")
    if stdin is not None and given is not None:
        raise TypeError("give input (written as JSON) or stdin (written as it is), not both")
    return Call(
        kind=kind,
        target=target,
        skill_id=skill_id,
        args=as_strings("args", options.get("args", ())),
        input=given,
        stdin=stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin,
        timeout_ms=options.get("timeout_ms"),
        memory_mb=options.get("memory_mb"),
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home directory has no personal skills
        return Path("/nonexistent")
