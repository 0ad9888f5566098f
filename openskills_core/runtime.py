"""The façade. It holds the parts and delegates; it decides nothing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, Unpack

from openskills_core import intake
from openskills_core.activation import activate
from openskills_core.aio import in_thread
from openskills_core.audit import AuditLog, default_audit_path
from openskills_core.dynamic import InjectedCommands
from openskills_core.models import (
    ActivatedSkill,
    Call,
    Decision,
    ExecutionResult,
    HostPolicy,
    Limits,
    SandboxReport,
    Skill,
    SkillInfo,
)
from openskills_core.place import Place
from openskills_core.policy import Approvals, Approver, Surroundings, Use, check, decide, validate_policy
from openskills_core.programs import Programs
from openskills_core.registry import Registry
from openskills_core.runner import Runner, Scope, surroundings
from openskills_core.sandbox import COMMANDS_OFF, OnOutput, Sandbox, SandboxChoice
from openskills_core.tools import ToolSet

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from openskills_core.errors import OpenSkillsError
    from openskills_core.manifest import Diagnostic, Preset
    from openskills_core.options import Options, RunOptions, StrPath
    from openskills_core.registry import Location, OnReload
    from openskills_core.workspace import Workspace


_COMMANDS_OFF = Decision(outcome="deny", rule="sandbox", reason=COMMANDS_OFF)


class OpenSkillRuntime:
    """Finds skills, activates them, and runs what they contain in a sandbox.

    Nothing is read, made or started before it is needed. Thread-safe. Use it as a context manager, or call `close()`.

    Args:
        skill_dirs: Directories of skills, or `Location`s. The first one that has an id wins.
        standard_locations: Look in the clients' usual places too, after `skill_dirs`.
        project_root: Where the project's own skills are looked for; by default the current directory.
        preset: Whose rules hold where clients differ, "claude-code" or "agentskills".
        workspace_dir: Where scripts work and leave files. None makes a temporary one, removed by `close()`.
        policy: What the host allows.
        approve: Asked where the policy says "ask"; without it such a use is denied.
        limits: What one call may use.
        audit: The log to append to; by default the user's own, see `default_audit_path`.
        sandbox: "auto" takes the strongest of this platform or refuses; other names are the host's explicit choice.
        python: The interpreter of `.py` scripts; by default the one that runs us.
        node: The interpreter of `.js` scripts; by default the one on PATH.
        warm: Allows sandboxes to be kept between calls. This version starts a fresh one for every call.
        watch: See changed, added and removed skills at the next call.
        cache_dir: Where an index of large directories of skills is kept between processes; by default
            `$XDG_CACHE_HOME/openskills`. Scripts must not be able to write to it.
        prompt_dirs: Directories whose prompt templates win over ours.
        max_concurrent: How many calls may run at once; further ones wait. None is no bound.

    Raises:
        TypeError: a bare string where a sequence is meant, or an option of another class.
        ValueError: a policy rule that cannot be read, an unknown preset, an empty path, or a `cache_dir` that scripts
            may write to.
        SandboxUnavailableError: `sandbox` names none that exists here.
    """

    def __init__(  # noqa: PLR0913 - the public contract's keywords
        self,
        skill_dirs: Sequence[StrPath | Location] = (),
        *,
        standard_locations: bool = False,
        project_root: StrPath | None = None,
        preset: Preset = "claude-code",
        workspace_dir: StrPath | None = None,
        policy: HostPolicy | None = None,
        approve: Approver | None = None,
        limits: Limits | None = None,
        audit: AuditLog | None = None,
        sandbox: str | Sandbox = "auto",
        python: StrPath | None = None,
        node: StrPath | None = None,
        warm: bool = True,  # noqa: ARG002 - part of the contract; nothing is kept warm yet
        watch: bool = True,
        cache_dir: StrPath | None = None,
        prompt_dirs: Sequence[StrPath] = (),
        max_concurrent: int | None = None,
    ) -> None:
        intake.check_options(policy=policy, approve=approve, limits=limits, audit=audit)
        intake.check_options(workspace_dir=workspace_dir, project_root=project_root, cache_dir=cache_dir)
        intake.check_options(python=python, node=node)
        self._policy = policy or HostPolicy()
        validate_policy(self._policy)
        self._approvals = Approvals(approve)
        self._limits = limits or Limits()
        self._labels: Mapping[str, str] = {}
        self._place = Place(workspace_dir)
        self._project_root = Path(project_root or ".").absolute()
        project = self._project_root if standard_locations else None
        self._registry = Registry(
            intake.locations(skill_dirs, project, preset),
            watch=watch,
            preset=preset,
            project=project,
            cache_dir=intake.cache_directory(cache_dir, intake.writable(workspace_dir, self._policy)),
        )
        self._audit = audit or AuditLog(default_audit_path())
        self._sandbox = SandboxChoice(sandbox)
        programs = Programs(python, node)
        self._runner = Runner(self._registry, self._sandbox, self._audit, programs, max_concurrent=max_concurrent)
        self._prompt_dirs = intake.paths("prompt_dirs", prompt_dirs)
        self._shares = False

    @classmethod
    def from_directory(cls, directory: StrPath, **options: Unpack[Options]) -> Self:
        """Return a runtime for the skills in one directory, and for the directory itself if it is a skill."""
        return cls([intake.path("directory", directory)], **options)

    def scoped(
        self,
        *,
        workspace_dir: StrPath | None = None,
        policy: HostPolicy | None = None,
        approve: Approver | None = None,
        limits: Limits | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a cheap view for one user: shared registry, sandboxes and audit log, its own everything else.

        What is None is taken over from this runtime. `labels` are written to every audit record of the view.
        """
        intake.check_options(policy=policy, approve=approve, limits=limits, workspace_dir=workspace_dir)
        validate_policy(policy or self._policy)
        self._registry.stop_indexing(intake.writable(workspace_dir, policy or self._policy))
        view = copy.copy(self)
        changes = {
            "_shares": True,
            "_policy": policy or self._policy,
            "_approvals": self._approvals if approve is None else Approvals(approve),
            "_limits": limits or self._limits,
            "_labels": {**self._labels, **(labels or {})},
            "_place": self._place if workspace_dir is None else Place(workspace_dir),
        }
        view.__dict__.update(changes)
        return view

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End every sandbox and remove the workspace if it was a temporary one. On a scoped view it does nothing."""
        if not self._shares:
            self._sandbox.close()
            self._registry.close()
            self._place.close()

    def discover_skills(self) -> list[SkillInfo]:
        """Look at every skill anew and return them sorted by id. What is wrong is in `diagnostics`, never raised."""
        return list(self._registry.discover())

    def list_skills(self) -> list[SkillInfo]:
        """Return every skill, sorted by id."""
        return list(self._registry.infos())

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What is wrong or doubtful about the skills and their directories."""
        return list(self._registry.diagnostics)

    def on_reload(self, callback: OnReload) -> Callable[[], None]:
        """Call `callback` with a `Reload` when skills were added, changed or removed; calling the result ends that.

        It is called by the question that notices the change, in its thread, before the answer. What it raises is
        logged. With `watch=False` only `discover_skills()` notices anything.
        """
        return self._registry.on_reload(callback)

    def visit(self, path: StrPath) -> tuple[str, ...]:
        """Take the skills in `.claude/skills` of the directories around a file that is being read or edited.

        A relative path is meant in the workspace. It does something only with `standard_locations`, where the workspace
        is the project or holds it, and for files of the project; such skills are not trusted. The tools for files do it
        by themselves. Returns the ids that are new.
        """
        # A workspace further down belongs to one scope, and what is found here belongs to all of them.
        if not self._project_root.resolve().is_relative_to(self.workspace.root):
            return ()
        return self._registry.visit(self.workspace.root / path)

    def activate_skill(
        self, skill_id: str, arguments: str = "", cancel: threading.Event | None = None
    ) -> ActivatedSkill:
        """Return a skill's instructions with the arguments filled in, its commands run if the policy says so.

        Setting `cancel` kills the command that runs.

        Raises:
            SkillNotFoundError: there is no such skill.
            InvalidSkillError: its SKILL.md cannot be read, or a command in its text cannot be run as it is written.
            DynamicContextError: a command in its text failed.
            PermissionDeniedError: the policy does not allow a command in its text.
            LimitExceededError: its text repeats the arguments too often.
            SandboxUnavailableError: a command is to be run and the sandbox cannot be had.
            AuditError: a command is to be run and the audit log cannot be written.
        """
        run = InjectedCommands(self._runner, self._scope, cancel).run if self._policy.dynamic_context else None
        return activate(self._registry, skill_id, arguments, project_dir=self._project_root, run=run)

    async def aactivate_skill(self, skill_id: str, arguments: str = "") -> ActivatedSkill:
        """Do what `activate_skill` does, awaitable. Cancelling the task kills the command that runs, if one does."""
        return await in_thread(lambda cancel: self.activate_skill(skill_id, arguments, cancel))

    def read_skill_file(self, skill_id: str, path: str) -> str:
        """Return the text of a file beneath a skill.

        Raises:
            SkillNotFoundError: there is no such skill.
            PathEscapeError: the path leads outside it.
            WorkspaceError: there is no such file.
        """
        return self._registry.read_file(skill_id, path)

    def list_skill_files(self, skill_id: str, subdir: str | None = None, recursive: bool = False) -> list[str]:
        """Return sorted relative POSIX paths of a skill's files."""
        return self._registry.list_files(skill_id, subdir, recursive)

    def execute_skill(self, skill_id: str, script: str | None = None, **options: Unpack[RunOptions]) -> ExecutionResult:
        """Run a script of a skill in the sandbox; with no script named, the one it is known for. See `RunOptions`.

        Raises:
            SkillNotFoundError: there is no such skill.
            InvalidSkillError: it has no such script, or no telling which.
            PathEscapeError: the script lies outside the skill.
            PermissionDeniedError: the policy or the approver refused.
            SandboxUnavailableError: the sandbox cannot be had.
            AuditError: the audit log cannot be written.
        """
        call = intake.call("script", script or "", skill_id, **options)
        return self.execute_call(call, options.get("cancel"), options.get("on_output"))

    async def aexecute_skill(
        self, skill_id: str, script: str | None = None, **options: Unpack[RunOptions]
    ) -> ExecutionResult:
        """Do what `execute_skill` does, awaitable. Cancelling the task kills the process tree before it returns."""
        call = intake.call("script", script or "", skill_id, **options)
        return await self._awaited(call, options)

    def run_command(
        self, command: str, *, skill_id: str | None = None, **options: Unpack[RunOptions]
    ) -> ExecutionResult:
        """Run `bash -c command` in the workspace, every skill visible. Raises what `execute_skill` does."""
        call = intake.call("command", command, skill_id or "", **options)
        return self.execute_call(call, options.get("cancel"), options.get("on_output"))

    async def arun_command(
        self, command: str, *, skill_id: str | None = None, **options: Unpack[RunOptions]
    ) -> ExecutionResult:
        """Do what `run_command` does, awaitable. Cancelling the task kills the process tree before it returns."""
        return await self._awaited(intake.call("command", command, skill_id or "", **options), options)

    def execute_call(
        self, call: Call, cancel: threading.Event | None = None, on_output: OnOutput | None = None
    ) -> ExecutionResult:
        """Run one call, as the tools describe it. Raises what `execute_skill` does."""
        return self._runner.run(call, self._scope(), cancel=cancel, on_output=on_output)

    def refuse_call(self, call: Call, error: OpenSkillsError) -> NoReturn:
        """Leave the record of a call that is refused before it is run, and raise `error`."""
        self._runner.refuse(call, self._scope(), error)

    def _scope(self) -> Scope:
        return Scope(self.workspace, self._policy, self._approvals, self._limits, self._labels, self._project_root)

    async def _awaited(self, call: Call, options: RunOptions) -> ExecutionResult:
        on_output = options.get("on_output")
        return await in_thread(lambda cancel: self.execute_call(call, cancel, on_output), options.get("cancel"))

    def check_tool(
        self, skill_id: str, tool: str, detail: str = "", *, parameters: Mapping[str, object] | None = None
    ) -> Decision:
        """Return what the policy says about one use of a tool, on behalf of a skill or ("") the agent. Asks nobody.

        `parameters` are the tool's input as the model sent it, for rules such as `Agent(model:opus)`.
        """
        if self._is_off(tool):
            return _COMMANDS_OFF
        skill = self._registry.get(skill_id) if skill_id else None
        declared = skill.manifest.allowed_tools if skill else ()
        around = self._around(tool, detail, skill, parameters)
        return check(
            self._policy, tool, detail, declared=declared, trusted=skill is None or skill.trusted, around=around
        )

    def decide(
        self, tool: str, detail: str = "", *, approved: bool = False, parameters: Mapping[str, object] | None = None
    ) -> Decision:
        """Decide one use of a tool by the agent itself for good: like `check_tool`, but "ask" is settled by asking."""
        if self._is_off(tool):
            return _COMMANDS_OFF
        around = self._around(tool, detail, None, parameters)
        return decide(self._policy, Use(tool=tool, detail=detail, approved=approved, around=around), self._approvals)

    def _around(
        self, tool: str, detail: str, skill: Skill | None, parameters: Mapping[str, object] | None
    ) -> Surroundings:
        if not detail:
            # A question about a tool as a whole must not be what makes a temporary workspace.
            return Surroundings(parameters=parameters or {})
        return surroundings(self._scope(), skill, tool, detail, parameters=parameters)

    def _is_off(self, tool: str) -> bool:
        return tool == "run_command" and not self._sandbox.runs_commands

    @property
    def limits(self) -> Limits:
        """What one call may use."""
        return self._limits

    @property
    def workspace(self) -> Workspace:
        """The files that scripts and tools work on."""
        return self._place.workspace

    @property
    def prompt_dirs(self) -> tuple[str, ...]:
        """Directories whose prompt templates win over ours."""
        return self._prompt_dirs

    @property
    def audit(self) -> AuditLog:
        """The log that every attempt is recorded in."""
        return self._audit

    def tools(
        self,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        prefix: str = "",
    ) -> ToolSet:
        """Return the neutral tools that every adapter is made from."""
        return ToolSet(self, include=include, exclude=exclude, groups=groups, prefix=prefix)

    def render_prompt(self, template: str = "system.md.jinja", **context: object) -> str:
        """Return a prompt about all tools and skills of this runtime. Same catalog, same bytes."""
        return self.tools().render_prompt(template, **context)

    def sandbox_report(self) -> SandboxReport:
        """Start a sandbox and report which mechanisms hold in it."""
        return self._sandbox.report()
