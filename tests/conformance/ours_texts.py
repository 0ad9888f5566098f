"""The adapter, second part: what a body becomes for its arguments, variables and commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core import AuditLog, HostPolicy, OpenSkillRuntime
from openskills_core.activation import activate
from openskills_core.errors import DynamicContextError, PermissionDeniedError
from openskills_core.format import Variables, render, split_invocations
from openskills_core.models import Ended, Job, SandboxInfo, SandboxReport
from openskills_core.registry import Location, Registry
from tests.conformance.corpus import Case, line, write_tree

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from openskills_core.sandbox import OnOutput


def rendered(case: Case, root: Path) -> dict[str, Any]:
    """Observe the text that a body becomes. A skill from elsewhere goes through the whole of an activation."""
    given = case.input
    if given.get("remote"):
        return {"text": _activated_from_elsewhere(case, root)}
    text = render(
        given["body"],
        given.get("arguments", ""),
        names=given.get("names", ()),
        variables=_variables(given.get("variables", {})),
    )
    return {"text": text}


def _variables(values: Mapping[str, str]) -> Variables:
    def path(name: str) -> Path | None:
        return Path(values[name]) if name in values else None

    prefix = "user_config."
    return Variables(
        skill_dir=path("CLAUDE_SKILL_DIR"),
        project_dir=path("CLAUDE_PROJECT_DIR"),
        plugin_root=path("CLAUDE_PLUGIN_ROOT"),
        plugin_data=path("CLAUDE_PLUGIN_DATA"),
        session_id=values.get("CLAUDE_SESSION_ID"),
        effort=values.get("CLAUDE_EFFORT"),
        user_config={name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)},
    )


def _activated_from_elsewhere(case: Case, root: Path) -> str:
    """Activate a skill of a remote location; where the case does not disable commands, running one would raise."""
    write_tree({"skills/demo/SKILL.md": with_body(case)}, root)
    registry = Registry((Location(root / "skills", "remote"),), watch=True)
    variables = case.input.get("variables", {})
    active = activate(
        registry,
        "demo",
        case.input.get("arguments", ""),
        project_dir=Path(variables.get("CLAUDE_PROJECT_DIR", "/project")),
        run=None if case.input.get("disabled") else _never,
    )
    return active.instructions.replace(str(root / "skills" / "demo"), variables.get("CLAUDE_SKILL_DIR", ""))


def _never(*what: object) -> str:
    raise AssertionError(f"a command of a remote skill was to be run: {what}")


def with_body(case: Case, *fields: str) -> str:
    """Return a SKILL.md with the body of a case."""
    front = "\n".join(["---", "name: demo", "description: Says hello.", *fields, "---"])
    return f"{front}\n{case.input['body']}"


class ScriptedShell:
    """A sandbox whose shell answers with the outputs of a case."""

    name = "scripted"

    def __init__(self, outputs: Mapping[str, Any], skill_dir: tuple[str, str]) -> None:
        self.commands: list[str] = []
        self._outputs = outputs
        self._skill_dir = skill_dir

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:  # noqa: ARG002 - the Protocol's
        """Answer one command; what puts both streams into one stands in front of it."""
        command = job.argv[-1].removeprefix("exec 2>&1\n").replace(*self._skill_dir)
        self.commands.append(command)
        said = self._outputs.get(command, {"exit": 0})
        stdout = (line(said.get("stdout", "")) + said.get("stderr", "")).encode()
        info = SandboxInfo(self.name, "none")
        return Ended("failed" if said["exit"] else "success", said["exit"], stdout, b"", 1.0, info)

    def probe(self) -> SandboxReport:
        """Report nothing: this is no sandbox."""
        return SandboxReport(backend=self.name, tier="none", available=True)

    def close(self) -> None:
        """Do nothing."""


def injected(case: Case, root: Path) -> dict[str, Any]:
    """Observe which commands of a body are run, and the text or the end that comes of their outputs."""
    given = case.input
    if given.get("remote"):
        return {"commands": [], "text": _activated_from_elsewhere(case, root)}
    rules = given.get("rules", {"allow": ["Bash"]})
    tools = [f"allowed-tools: {' '.join(rules['skill'])}"] if "skill" in rules else []
    write_tree({"skills/demo/SKILL.md": with_body(case, *tools)}, root)
    skill_dir = (str(root / "skills" / "demo"), given.get("variables", {}).get("CLAUDE_SKILL_DIR", ""))
    shell = ScriptedShell(given.get("outputs", {}), skill_dir)
    policy = HostPolicy(
        dynamic_context=not given.get("disabled"),
        allow=rules.get("allow", ()),
        deny=rules.get("deny", ()),
        # Commands are allowed from the start here, within the sandbox: a host that wants to be asked says so.
        ask=rules.get("ask", () if rules.get("allow") else ("Bash",)),
    )
    with OpenSkillRuntime(
        [root / "skills"],
        policy=policy,
        sandbox=shell,
        audit=AuditLog(root / "audit.jsonl"),
        workspace_dir=root / "work",
    ) as runtime:
        try:
            text = runtime.activate_skill("demo", given.get("arguments", "")).instructions
        except DynamicContextError as error:
            return {"commands": shell.commands, "aborts": "command-failed", "message": str(error)}
        except PermissionDeniedError as error:
            return {"commands": shell.commands, "aborts": "permission", "message": str(error)}
    return {"commands": shell.commands, "text": text.replace(*skill_dir)}


def stacked(case: Case, _root: Path) -> dict[str, Any]:
    """Observe which skills a typed message calls, with which arguments."""
    inline = [
        name
        for name, fields in case.input["skills"].items()
        if fields.get("user-invocable", True) and fields.get("context") != "fork"
    ]
    found = split_invocations(case.input["message"], inline)
    return {"calls": [[name, found.arguments] for name in found.names]}
