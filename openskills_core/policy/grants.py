"""From decisions to the grant that the sandbox enforces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openskills_core.errors import PermissionDeniedError
from openskills_core.models import Decision, Grant, HostPolicy
from openskills_core.policy.decisions import answered, check, check_kind, ruled
from openskills_core.policy.rules import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.policy.approvals import Approvals, Use


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one run: every decision in its order, and the grant, None for a refused run."""

    decisions: tuple[Decision, ...]
    granted: Grant | None = None

    def grant(self) -> Grant:
        """Return what the sandbox enforces.

        Raises:
            PermissionDeniedError: with the reason of the last decision, which refused the run.
        """
        if self.granted is None:
            raise PermissionDeniedError(self.decisions[-1].reason, culprit=self.decisions[-1].rule)
        return self.granted


def authorize(policy: HostPolicy, use: Use, approvals: Approvals, *, kind: str) -> Verdict:
    """Decide whether a command or script may run, and what the sandbox grants it.

    A deny rule for the run itself or for its skill refuses it, and so does a "no" to any question. Otherwise a
    whole-tool deny narrows the grant: `Write` (or Edit, MultiEdit, NotebookEdit) leaves nothing writable, `Read` no
    workspace and no path, `Bash` no new processes, `WebFetch` or `WebSearch` no network. Whatever refuses without a
    question is looked at first, so that nobody is asked in vain.

    Args:
        policy: The host's rules.
        use: The run; its tool is "run_command" or "run_skill_script".
        approvals: Whom to ask.
        kind: The kind of program, as in `check_kind`.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    run = _run_decision(policy, use, kind)
    if run.outcome == "deny":
        return Verdict((run,))
    settled: dict[str, Decision] = {}
    for tool, decision in {use.tool: run, **dict(_capabilities(policy, use))}.items():
        asked = use if tool == use.tool else replace(use, tool=tool)
        settled[tool] = approvals.settle(asked, decision)
        if decision.outcome == "ask" and settled[tool].outcome == "deny":
            return Verdict(tuple(settled.values()))
    return Verdict(tuple(settled.values()), _grant(policy, settled))


def _run_decision(policy: HostPolicy, use: Use, kind: str) -> Decision:
    """Return the first decision that denies the run, else the decision about the run itself."""
    of_kind = check_kind(policy, kind)
    of_skill = check(policy, "Skill", use.skill_id) if use.skill_id else of_kind
    of_run = check(policy, use.tool, use.detail, declared=use.declared, trusted=use.trusted, around=use.around)
    return next((decision for decision in (of_kind, of_skill) if decision.outcome == "deny"), of_run)


def _capabilities(policy: HostPolicy, use: Use) -> Iterator[tuple[str, Decision]]:
    """Yield the decision about each capability that the run would get; only whole-tool rules have a say."""
    read = check(policy, "Read", declared=use.declared, trusted=use.trusted)
    yield "Read", read
    if read.outcome != "deny":
        yield "Write", check(policy, "Write", declared=use.declared, trusted=use.trusted)
    if policy.network:
        granted = Decision("allow", "network", f"HostPolicy.network grants {', '.join(policy.network)}.")
        for tool in ("WebFetch", "WebSearch"):
            decision = ruled(policy, Asked(tool)) or granted
            yield tool, answered(policy, decision, Asked(tool), use.declared if use.trusted else ())


def _grant(policy: HostPolicy, settled: dict[str, Decision]) -> Grant:
    denied = {tool for tool, decision in settled.items() if decision.outcome == "deny"}
    workspace: Literal["write", "read", "none"] = "write"
    read, write = policy.read_paths, policy.write_paths
    if "Read" in denied:
        workspace, read, write = "none", (), ()
    elif "Write" in denied:
        workspace, read, write = "read", (*read, *write), ()
    return Grant(
        workspace=workspace,
        processes=check_kind(policy, "shell").outcome == "allow",
        network=() if denied & {"WebFetch", "WebSearch"} else tuple(policy.network),
        read_paths=tuple(map(Path, read)),
        write_paths=tuple(map(Path, write)),
        env=tuple(policy.env),
        decisions=tuple(settled.values()),
    )
