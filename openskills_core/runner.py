"""The one pipeline. Every script and command goes through `Runner.run`, and every way out leaves one audit record.

registry → policy → workspace → job → sandbox → artifacts → result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import shlex
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from openskills_core.audit import Attempt, AuditLog, canonical_json, sha256_hex
from openskills_core.environment import as_json, check_words, environment, granted
from openskills_core.errors import (
    AuditError,
    LimitExceededError,
    OpenSkillsError,
    PermissionDeniedError,
    SandboxUnavailableError,
    SkillNotFoundError,
    WorkspaceError,
)
from openskills_core.models import (
    MIB,
    Call,
    Ended,
    ExecutionResult,
    Grant,
    HostPolicy,
    Job,
    Limits,
    Mount,
    Skill,
)
from openskills_core.paths import Root
from openskills_core.policy import Approvals, Surroundings, Use, authorize, is_about_files
from openskills_core.programs import Programs, kind_of
from openskills_core.results import result_of
from openskills_core.sandbox import COMMANDS_OFF, runs_commands
from openskills_core.scripts import choose_script
from openskills_core.visible import Scene, mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openskills_core.changes import Changes, Snapshot
    from openskills_core.registry import Registry
    from openskills_core.sandbox import OnOutput, Sandbox
    from openskills_core.workspace import Workspace

_MAX_SHEBANG = 256
_SLOT_WAIT_S = 0.05
_MAX_SCRIPT = 64 * MIB
_SCRIPT_PATH = re.compile(r"(?<![\w./-])(?:\./)?(scripts/[\w./-]+)")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls these are: one user's workspace, policy, approver, limits, labels and project."""

    workspace: Workspace
    policy: HostPolicy
    approvals: Approvals
    limits: Limits
    labels: Mapping[str, str] = field(default_factory=dict)
    project_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A call made ready: what to start, and what it sees beyond the usual. `identity` is for the record."""

    kind: str
    words: tuple[str, ...]
    skill: Skill | None
    others: tuple[Skill, ...] = ()
    needs: tuple[Mount, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """Runs calls. Shared by all scopes of a runtime; thread-safe."""

    def __init__(
        self,
        registry: Registry,
        sandbox: Callable[[], Sandbox],
        audit: AuditLog,
        programs: Programs,
        *,
        max_concurrent: int | None = None,
    ) -> None:
        self._slots = None if max_concurrent is None else threading.BoundedSemaphore(max_concurrent)
        self._registry = registry
        self._sandbox = sandbox
        self._audit = audit
        self._programs = programs

    def run(
        self,
        call: Call,
        scope: Scope,
        *,
        cancel: threading.Event | None = None,
        on_output: OnOutput | None = None,
    ) -> ExecutionResult:
        """Run one call and return what became of it. Leaves exactly one audit record, whatever happens.

        Raises:
            OpenSkillsError: it was refused or is impossible; nothing ran. See each class.
        """
        _check_log(self._audit.path, scope.workspace.root, *scope.policy.write_paths)
        with self._audit.attempt(_asked(call, scope)) as attempt:
            attempt.note(**_details(call, scope))
            plan = self._plan(call)
            attempt.note(**plan.identity)
            grant = _authorized(call, plan, scope, attempt)
            self._check_tier(call)
            before = scope.workspace.snapshot()
            job = self._job(call, plan, self._scene(plan, grant, scope, before.sockets), scope)
            _check_room(before, job.limits)
            with self._slot(cancel), _telling_what_changed(attempt, scope, before):
                ended = self._sandbox().run(job, cancel=cancel, on_output=on_output)
            changes = scope.workspace.changes_since(before)
            attempt.finish(**_happened(ended, changes))
            hint = _hint(ended, call, plan, scope)
            if hint and on_output is not None:
                on_output("stderr", hint)
            return result_of(ended, hint, changes, attempt.record_id)

    def refuse(self, call: Call, scope: Scope, error: OpenSkillsError) -> NoReturn:
        """Raise `error` for a call that is refused before it can be run. Leaves the record that `run` would."""
        _check_log(self._audit.path, scope.workspace.root, *scope.policy.write_paths)
        with self._audit.attempt(_asked(call, scope)):
            raise error

    def _check_tier(self, call: Call) -> None:
        """Refuse a command where the sandbox is too weak for what a model makes up."""
        if call.kind == "command" and not runs_commands(self._sandbox()):
            raise SandboxUnavailableError(COMMANDS_OFF, culprit="run_command")

    @contextlib.contextmanager
    def _slot(self, cancel: threading.Event | None) -> Iterator[None]:
        """Wait for one of the places of `max_concurrent`. A cancelled call goes on, to be ended by the sandbox."""
        if self._slots is None:
            yield
            return
        while not self._slots.acquire(timeout=_SLOT_WAIT_S):
            if cancel is not None and cancel.is_set():
                yield
                return
        try:
            yield
        finally:
            self._slots.release()

    def _plan(self, call: Call) -> _Plan:
        skill = self._registry.get(call.skill_id) if call.skill_id else None
        check_words((*call.args, call.target))
        if call.kind == "command":
            return _Plan(
                "command", (self._programs.shell, "-c", call.target), skill, others=_shown(self._registry.skills())
            )
        if skill is None:
            raise SkillNotFoundError("a script belongs to a skill: name one")
        if call.kind == "dynamic":
            # A skill's text shows what a command printed as a terminal would, both streams in one.
            command = f"exec 2>&1\n{call.target}"
            check_words((command,))
            return _Plan("command", (self._programs.shell, "-c", command), skill)
        return self._script_plan(call, skill)

    def _script_plan(self, call: Call, skill: Skill) -> _Plan:
        with Root(skill.source, alias=skill.root) as root:
            script, content = self._script(root, skill.id, call.target)
        kind = kind_of(script, content[:_MAX_SHEBANG].partition(b"\n")[0])
        words, needs = self._programs.command(kind, skill.root / script)
        identity = {"target": script, "script_sha256": sha256_hex(content)}
        return _Plan(kind, (*words, *call.args), skill, needs=needs, identity=identity)

    def _script(self, root: Root, skill_id: str, target: str) -> tuple[str, bytes]:
        wanted = root.relative(target) if target else ""
        if wanted:
            with contextlib.suppress(WorkspaceError):
                return wanted, root.read(wanted, limit=_MAX_SCRIPT)
        # Only now, to choose one or to name those there are, is it worth listing a whole skill.
        script = choose_script(skill_id, self._registry.list_files(skill_id, recursive=True), wanted)
        return script, root.read(script, limit=_MAX_SCRIPT)

    def _job(self, call: Call, plan: _Plan, scene: Scene, scope: Scope) -> Job:
        if not scene.grant.processes:
            # Running it anyway would leave a denied capability open, and the audit log claiming otherwise.
            raise SandboxUnavailableError(
                "this version cannot run a script without letting it start processes: take Bash out of HostPolicy.deny",
                culprit="Bash",
            )
        limits = _limits(call, scope.limits)
        env = environment(call, plan.skill, scene.workspace, limits)
        return Job(
            argv=plan.words,
            env={**granted(scene.grant, os.environ), **env, "PATH": self._programs.search_path},
            cwd=scene.workspace,
            mounts=mounts(scene),
            limits=limits,
            stdin=_stdin(call),
            network=scene.grant.network,
        )

    def _scene(self, plan: _Plan, grant: Grant, scope: Scope, sockets: tuple[str, ...]) -> Scene:
        return Scene(
            workspace=scope.workspace.root,
            grant=grant,
            skills=(*((plan.skill,) if plan.skill else ()), *plan.others),
            locations=tuple(location.path for location in self._registry.locations),
            programs=(*self._programs.needs, *plan.needs),
            sockets=sockets,
        )


@functools.lru_cache(maxsize=256)
def _check_log(log: Path, *writable: str | Path) -> None:
    """Refuse a log that scripts could write. Once is enough: of the directories above it, none is theirs to replace."""
    if any(log.resolve().is_relative_to(Path(folder).expanduser().resolve()) for folder in writable):
        raise AuditError(
            f"the audit log {log} lies where scripts may write, so it would prove nothing: keep it outside of the "
            "workspace, with audit=AuditLog(path)",
            culprit=str(log),
        )


def _check_room(before: Snapshot, limits: Limits) -> None:
    """Say that the workspace is full before a script is ended for it."""
    held = sum(size for size, *_ in before.files.values())
    if held > limits.workspace_mb * MIB:
        raise LimitExceededError(
            f"the workspace holds {held // MIB} MiB already, more than Limits.workspace_mb={limits.workspace_mb}: "
            "raise that limit, or remove files"
        )


def _shown(skills: tuple[Skill, ...]) -> tuple[Skill, ...]:
    """Return the skills that the model knows of: a command must not be a way to find the others."""
    return tuple(skill for skill in skills if skill.manifest.model_invocable)


def _asked(call: Call, scope: Scope) -> dict[str, Any]:
    """Return what the audit record says about a call before anything is known of it."""
    return {
        "kind": call.kind,
        "skill_id": call.skill_id,
        "target": call.target,
        "labels": dict(scope.labels),
        "workspace": str(scope.workspace.root),
    }


@contextlib.contextmanager
def _telling_what_changed(attempt: Attempt, scope: Scope, before: Snapshot) -> Iterator[None]:
    """Record what a call left behind even if an exception ends it, such as one of the host's own listener."""
    try:
        yield
    except BaseException:
        attempt.note(**scope.workspace.changes_since(before).as_record())
        raise


def _details(call: Call, scope: Scope) -> dict[str, Any]:
    """Return what else it says, as far as the call is well-formed; what is not is itself recorded as an error."""
    return {
        "args_sha256": sha256_hex(canonical_json(list(call.args))),
        "input_sha256": sha256_hex(_stdin(call)),
        "limits": dataclasses.asdict(_limits(call, scope.limits)),
    }


def _happened(ended: Ended, changes: Changes) -> dict[str, Any]:
    """Return what the audit record says about how a call ended. Hashes are of what was kept of the streams."""
    return {
        "status": ended.status,
        "exit_code": ended.exit_code,
        "reason": ended.reason,
        "duration_ms": round(ended.duration_ms, 3),
        "stdout_sha256": sha256_hex(ended.stdout),
        "stderr_sha256": sha256_hex(ended.stderr),
        "truncated": ended.stdout_truncated or ended.stderr_truncated,
        "sandbox": dataclasses.asdict(ended.sandbox),
        **({"network": list(ended.network)} if ended.network else {}),
        **changes.as_record(),
    }


def _authorized(call: Call, plan: _Plan, scope: Scope, attempt: Attempt) -> Grant:
    """Return what the policy grants, its decisions noted whichever way they went."""
    if call.kind == "dynamic":
        _check_dynamic(plan, scope.policy)
    is_script = call.kind == "script"
    use = Use(
        tool="run_skill_script" if is_script else "run_command",
        detail=shlex.join((plan.identity["target"], *call.args)) if is_script else call.target,
        skill_id=call.skill_id,
        digest=plan.identity.get("script_sha256", ""),
        declared=plan.skill.manifest.allowed_tools if plan.skill else (),
        trusted=plan.skill is None or plan.skill.trusted,
        approved=call.approved,
        around=surroundings(scope, plan.skill, parameters=_parameters(call)),
    )
    verdict = authorize(scope.policy, use, scope.approvals, kind=plan.kind)
    attempt.note(decisions=[dataclasses.asdict(decision) for decision in verdict.decisions])
    return verdict.grant()


def _parameters(call: Call) -> dict[str, object]:
    """Return what a call was given besides its text, by the names that the tools have for it."""
    seconds = {} if call.timeout_ms is None else {"timeout_seconds": call.timeout_ms // 1000}
    return {**({"skill": call.skill_id} if call.skill_id else {}), **seconds}


def surroundings(
    scope: Scope,
    skill: Skill | None,
    tool: str = "",
    detail: str = "",
    *,
    parameters: Mapping[str, object] | None = None,
) -> Surroundings:
    """Return what rules need to know besides a use of a tool.

    That is where paths begin, the values of a skill's variables, where `detail` leads if it is a path in the workspace,
    and the tool's other parameters.
    """
    is_path = bool(detail) and "\0" not in detail and is_about_files(tool)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    variables: dict[str, str] = {}
    if skill is not None:
        variables["CLAUDE_SKILL_DIR"] = str(skill.root)
        if scope.project_dir is not None and skill.trusted:
            variables["CLAUDE_PROJECT_DIR"] = str(scope.project_dir)
    return Surroundings(
        workspace=str(scope.workspace.root),
        home=home if home.startswith("/") else "",
        real=os.path.realpath(scope.workspace.root / detail) if is_path else "",
        parameters=parameters or {},
        variables=variables,
    )


def _check_dynamic(plan: _Plan, policy: HostPolicy) -> None:
    """Refuse a command of a skill's own text where those are off. Whoever renders a text leaves it out before this."""
    if not policy.dynamic_context:
        raise PermissionDeniedError(
            "commands in a skill's text are off: set HostPolicy(dynamic_context=True)", culprit="dynamic_context"
        )
    if plan.skill is None or not plan.skill.trusted:
        raise PermissionDeniedError("commands in the text of a skill from a remote source are never run")


def _limits(call: Call, limits: Limits) -> Limits:
    changes = {"timeout_ms": call.timeout_ms, "memory_mb": call.memory_mb}
    return dataclasses.replace(limits, **{name: value for name, value in changes.items() if value is not None})


def _stdin(call: Call) -> bytes:
    if call.stdin is not None:
        return call.stdin
    return b"" if call.input is None else as_json(call.input).encode("utf-8", "surrogatepass")


def _hint(ended: Ended, call: Call, plan: _Plan, scope: Scope) -> str:
    """Say where a skill's scripts are when a command looked for them in the workspace, and why git cannot write."""
    if ended.status != "failed" or call.kind == "script":
        return ""
    if b".git" in ended.stderr and b"Read-only file system" in ended.stderr:
        git = scope.workspace.root / ".git"
        return f"\nhint: {git} is read-only for scripts, unless HostPolicy(write_paths=[{str(git)!r}]) grants it\n"
    missing = [path for path in _SCRIPT_PATH.findall(call.target) if not (scope.workspace.root / path).exists()]
    candidates = (plan.skill,) if plan.skill else plan.others
    found = [str(skill.root / path) for path in missing for skill in candidates if (skill.root / path).is_file()]
    if not found:
        return ""
    return f"\nhint: the command runs in the workspace, which has no {missing[0]}; use {' or '.join(found[:3])}\n"
