"""The values that walk through the runtime. Frozen, without input or output.

Six nouns, one per arrow: `Call` (what the model asked), `Grant` (what the host allows), `Job` (what the sandbox is
told), `Ended` (what the operating system reported), `ExecutionResult` (what the model is told) and the audit `Record`.
Times are milliseconds; sizes are bytes unless a name says `_mb` (mebibytes).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openskills_core.manifest import Diagnostic, Manifest

Status = Literal["success", "failed", "timeout", "killed", "cancelled"]
Tier = Literal["full", "seatbelt", "wasm", "reduced", "none"]
Outcome = Literal["allow", "ask", "deny"]
MIB = 1024 * 1024
REMOTE = "remote"


def as_strings(name: str, value: Sequence[str]) -> tuple[str, ...]:
    """Return `value` as a tuple of strings.

    Raises:
        TypeError: for a bare string, which iterates into letters and hides the mistake, or for a non-string item.
    """
    if isinstance(value, str):
        raise TypeError(f"{name} must be a sequence of strings, not one string: write ({value!r},)")
    items = tuple(value)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{name} must hold strings only, got {type(item).__name__}: {item!r}")
    return items


@dataclass(frozen=True, slots=True)
class Skill:
    """A discovered skill. `root` is the absolute skill directory, `description` the one shown to the model.

    `source` is where the directory really was when it was read: `root` without its symbolic links. `file` is the name
    of its instructions: SKILL.md, or that of a command file, which has no other files. `plugin` is the directory of the
    plugin it belongs to. `trusted` is False where its commands are never run and its declarations grant nothing.
    """

    id: str
    root: Path
    source: Path
    location: str
    manifest: Manifest
    description: str
    diagnostics: tuple[Diagnostic, ...] = ()
    file: str = "SKILL.md"
    plugin: Path | None = None
    trusted: bool = True


class _LazyPath:
    """Makes `SkillInfo.path` when it is first asked for: ten thousand paths take longer than finding the skills."""

    __slots__ = ("_file",)
    _file: str

    def __getattr__(self, name: str) -> Any:
        if name != "path":
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}", name=name, obj=self)
        from pathlib import Path

        path = Path(self._file)
        object.__setattr__(self, name, path)
        return path


@dataclass(frozen=True, slots=True)
class SkillInfo(_LazyPath):
    """What a host sees of a skill without activating it. `path` is the absolute path of its SKILL.md."""

    id: str
    name: str
    description: str
    location: str
    path: Path
    when_to_use: str = ""
    user_invocable: bool = True
    model_invocable: bool = True
    requires: tuple[str, ...] = ()

    @classmethod
    def of_columns(cls, files: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> list[SkillInfo]:
        """Return the infos of many SKILL.md files, given by absolute path, with a column for each other field.

        Raises:
            ValueError: a column is not as long as `files`.
        """
        infos = list(map(cls.__new__, repeat(cls, len(files))))
        for name, column in {"_file": files, **columns}.items():
            if len(column) != len(files):
                raise ValueError(f"{len(column)} values of {name} for {len(files)} files")
            deque(map(getattr(cls, name).__set__, infos, column), maxlen=0)
        return infos


@dataclass(frozen=True, slots=True)
class ActivatedSkill:
    """A skill's rendered body. `resources` are its other files, `missing` the requirements that are not met."""

    id: str
    name: str
    instructions: str
    skill_dir: Path
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    model: str | None = None
    effort: str | None = None
    context: str | None = None
    agent: str | None = None
    resources: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use. `memory_mb` covers the whole process tree, `output_bytes` is kept per stream."""

    timeout_ms: int = 30_000
    memory_mb: int = 512
    cpu_ms: int | None = None
    processes: int = 64
    file_mb: int = 256
    workspace_mb: int = 1024
    output_bytes: int = 1_048_576
    open_files: int = 256

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name == "cpu_ms" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"Limits.{name} must be a whole number, got {value!r}")
            if value <= 0:
                raise ValueError(f"Limits.{name} must be greater than 0, got {value}")


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """What the host allows. Rules are Claude Code's: `Tool` or `Tool(pattern)`; deny > ask > allow > the rest.

    `network` lists domains, `read_paths` and `write_paths` extra directories, `env` names of host variables handed to
    scripts. Nothing a skill declares widens these.
    """

    trust_skill_allowed_tools: bool = True
    fallback: Outcome = "deny"
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    ask: Sequence[str] = ()
    network: Sequence[str] = ()
    read_paths: Sequence[str] = ()
    write_paths: Sequence[str] = ()
    env: Sequence[str] = ()
    dynamic_context: bool = False

    def __post_init__(self) -> None:
        for name in ("allow", "deny", "ask", "network", "read_paths", "write_paths", "env"):
            value = getattr(self, name)
            if name.endswith("_paths") and not isinstance(value, str):
                value = tuple(str(path) for path in value)
            object.__setattr__(self, name, as_strings(f"HostPolicy.{name}", value))
        if self.fallback not in ("deny", "ask", "allow"):
            raise ValueError(f'HostPolicy.fallback must be "deny", "ask" or "allow", got {self.fallback!r}')


class Approval(Enum):
    """What a person answered when asked."""

    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A question to the host's approver: may `skill_id` ("" for the agent itself) use `tool` for `detail`?"""

    skill_id: str
    tool: str
    detail: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says about one use of one tool, and by which rule."""

    outcome: Outcome
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt to run something: a script of a skill, a command, or a command that a skill's own text holds.

    `kind` is "script", "command" or "dynamic". `target` is the script's path beneath the skill ("" lets the runner
    choose) or the command text. `input` is JSON for standard input; `stdin` is standard input as it is; at most one of
    them is set. `approved` says that the framework's human already agreed.
    """

    kind: Literal["script", "command", "dynamic"]
    target: str
    skill_id: str = ""
    args: tuple[str, ...] = ()
    input: Any = None
    stdin: bytes | None = None
    timeout_ms: int | None = None
    memory_mb: int | None = None
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What the host allows one call, after every rule and every answer. The sandbox enforces exactly this."""

    workspace: Literal["write", "read", "none"] = "write"
    processes: bool = True
    network: tuple[str, ...] = ()
    read_paths: tuple[Path, ...] = ()
    write_paths: tuple[Path, ...] = ()
    env: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """A path shown inside the sandbox where it is on the host: read-only, writable, or replaced by an empty one.

    `source` is what is shown there, by default what is at `path`; there must be no symbolic link on the way to it.
    A "link" is the symbolic link itself, not what it leads to.
    """

    path: Path
    mode: Literal["read", "write", "empty", "link"] = "read"
    source: Path | None = None

    @property
    def origin(self) -> Path:
        """The host path of what is shown."""
        return self.source or self.path


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a sandbox is told. It knows no skill, only a program, what it may see and what it may use."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    mounts: tuple[Mount, ...]
    limits: Limits
    stdin: bytes = b""
    network: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """Which sandbox really held for one call. `degraded` names the mechanisms that were wanted and missing."""

    backend: str
    tier: Tier
    warm: bool = False
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended, as the operating system saw it.

    `exit_code` is 128+n after signal n and None when we killed the tree. `reason` is "" or names the limit or signal,
    such as "limit:memory" or "signal:SIGSEGV". The streams hold at most `output_bytes` each, head and tail. `network`
    has one entry for each connection that was asked for: host, port, outcome, reason, address, bytes.
    """

    status: Status
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    duration_ms: float
    sandbox: SandboxInfo
    reason: str = ""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    network: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A regular file that a call created, modified or deleted in the workspace. `path` is relative POSIX."""

    path: str
    size: int
    sha256: str
    change: Literal["created", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What one call did. A script that ends badly is a result, not an exception.

    `output` is the whole untruncated standard output parsed as JSON, else None. `record_id` finds the audit record.
    `artifacts_complete` is False when more may have changed than is told: over 1,000 files, or one out of reach.
    """

    status: Status
    exit_code: int | None
    reason: str
    output: Any
    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    duration_ms: float
    artifacts: tuple[Artifact, ...]
    sandbox: SandboxInfo
    record_id: str
    artifacts_complete: bool = True


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One part of a sandbox, as measured: does it hold here, and what was seen.

    `errno` is the name of what the kernel answered, such as "EPERM", "" where it refused nothing.
    """

    name: str
    holds: bool
    detail: str = ""
    errno: str = ""


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """Which mechanisms really hold on this machine. `available` is False when scripts would be refused; see `fix`.

    `machine` is what the kernel offers, used or not: it tells why a sandbox cannot be had, and which weaker one could.
    `leaves_open` names those canaries of `openskills doctor` that this tier is known not to stop; `holes` are in words.
    """

    backend: str
    tier: Tier
    available: bool
    mechanisms: tuple[Mechanism, ...] = ()
    holes: tuple[str, ...] = ()
    fix: str = ""
    machine: tuple[Mechanism, ...] = ()
    leaves_open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The outcome of checking an audit log: `records` counts whole lines, `problems` is empty when `ok`."""

    ok: bool
    records: int
    problems: tuple[str, ...] = ()
