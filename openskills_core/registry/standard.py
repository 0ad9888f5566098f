"""The places where clients look for skills, and which of them wins.

Sources: Claude Code, "Choose where skills load" and "Resolve skills that share a name"; the Agent Skills client guide;
the documentation of each client in `_CLIENTS`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from openskills_core.manifest import Preset
from openskills_core.registry.location import Location
from openskills_core.registry.repository import main_checkout, up_to_repository

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLAUDE = ".claude/skills"
_SYNCED = "synced"
_MANAGED = Path("/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code")
_SYSTEM = Path("/etc/codex/skills")
# Each client's directories beneath a project, and beneath a home.
_CLIENTS = (
    ((".agents/skills",), (".agents/skills",)),
    ((_CLAUDE,), (_CLAUDE,)),
    ((".github/skills",), (".copilot/skills",)),
    ((".codex/skills",), (".codex/skills",)),
    ((".gemini/skills",), (".gemini/skills",)),
    ((".cursor/skills",), (".cursor/skills",)),
    ((".opencode/skills", ".opencode/skill"), (".config/opencode/skills", ".config/opencode/skill")),
    ((".goose/skills",), (".config/goose/skills",)),
    ((".pi/skills",), (".pi/agent/skills",)),
)
_NESTED = {"claude-code": (_CLAUDE,), "agentskills": (".agents/skills", _CLAUDE)}


def standard_locations(project_root: Path, home: Path, preset: Preset = "claude-code") -> tuple[Location, ...]:
    """Return where clients look for skills, the winning location first.

    "claude-code": what the organization manages, then personal skills, then the project's, then those synced from
    claude.ai. "agentskills": the project's, then personal ones, in the directories of every client we know; project
    skills are not trusted there until the host names their directory itself.
    Project skills are those of `project_root` and of each parent up to the root of its repository, nearest first.

    Raises:
        ValueError: for an unknown preset.
    """
    if preset not in get_args(Preset):
        raise ValueError(f"preset must be one of {', '.join(get_args(Preset))}, not {preset!r}")
    found = _claude_code(project_root, home) if preset == "claude-code" else _agentskills(project_root, home)
    return tuple(found)


def nested_directories(preset: Preset) -> tuple[str, ...]:
    """Return where a directory inside the project keeps skills of its own, relative to it."""
    return _NESTED[preset]


def _claude_code(project_root: Path, home: Path) -> Iterator[Location]:
    reserved = (_SYNCED,)
    yield Location(_MANAGED / _CLAUDE, "enterprise", required=False, reserved=reserved)
    yield Location(home / _CLAUDE, "personal", required=False, reserved=reserved)
    chain = up_to_repository(project_root)
    for directory in (*chain, *_instead_of(chain[-1])):
        yield Location(directory / _CLAUDE, "project", required=False, reserved=reserved)
    yield Location(home / _CLAUDE / _SYNCED, _SYNCED, required=False, prefix="anthropic-skills", trusted=False)


def _instead_of(root: Path) -> Iterator[Path]:
    """Yield the main checkout, for a linked worktree that brings no skills along."""
    main = None if (root / _CLAUDE).is_dir() else main_checkout(root)
    if main is not None:
        yield main


def _agentskills(project_root: Path, home: Path) -> Iterator[Location]:
    for directory in up_to_repository(project_root):
        for beneath_project, _ in _CLIENTS:
            for name in beneath_project:
                yield Location(directory / name, "project", required=False, kind="tree", trusted=False)
    for _, beneath_home in _CLIENTS:
        for name in beneath_home:
            yield Location(home / name, "personal", required=False, kind="tree")
    yield Location(_SYSTEM, "system", required=False, kind="tree")
