"""What one SKILL.md says: its frontmatter as values, and what is wrong with it. Frozen, without input or output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Severity = Literal["error", "warning", "info"]
Preset = Literal["claude-code", "agentskills"]
HookType = Literal["command", "prompt", "agent", "http", "mcp_tool"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong or doubtful about a skill, with the sentence that says what to write instead."""

    code: str
    severity: Severity
    message: str
    path: Path
    line: int = 1
    skill_id: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity} {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Requires:
    """What a skill says it needs, each name as written: the `requires:` field."""

    bins: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    python_packages: tuple[str, ...] = ()
    node_packages: tuple[str, ...] = ()
    rust_crates: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hook:
    """One handler of the `hooks:` field: what to run at `event` for the tools that `matcher` names ("" is all).

    `command` is the shell command of a "command" hook, or the program where `args` are given; for the other types it
    is the prompt, the URL or the tool (`mcp__server__tool`). `cwd` is relative to the skill; `timeout_ms` None leaves
    it to the host. `condition` is a rule such as `Bash(git *)` that narrows the matcher.
    """

    event: str
    command: str
    matcher: str = ""
    type: HookType = "command"
    timeout_ms: int | None = None
    once: bool = False
    cwd: str = ""
    condition: str = ""
    args: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the `actions:` field: a script or WASM module of the skill with named inputs."""

    id: str
    path: str
    type: Literal["script", "wasm"] = "script"
    description: str = ""
    capabilities: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The frontmatter of one SKILL.md, every value as text or as a tuple of texts.

    `extra` holds the fields of other clients and unknown ones: the text of a scalar, the source of anything else.
    """

    name: str = ""
    description: str = ""
    when_to_use: str = ""
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    argument_hint: str = ""
    arguments: tuple[str, ...] = ()
    user_invocable: bool = True
    model_invocable: bool = True
    model: str | None = None
    effort: str | None = None
    context: str | None = None
    agent: str | None = None
    background: bool = True
    shell: str = "bash"
    paths: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    requires: Requires = Requires()
    actions: tuple[Action, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
