"""One command of a skill's text, through the one pipeline: as a call of its own, with a record of its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openskills_core.audit import sha256_hex
from openskills_core.dynamic.quoting import filled_command
from openskills_core.dynamic.shell import is_search
from openskills_core.errors import DynamicContextError, InvalidSkillError, OpenSkillsError, PermissionDeniedError
from openskills_core.models import Call, Decision
from openskills_core.policy import Approvals, check

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from openskills_core.format import Filling, Injection
    from openskills_core.models import ExecutionResult, Skill
    from openskills_core.policy import Use
    from openskills_core.runner import Runner, Scope

TIMEOUT_MS = 120_000
# Source of the numbers: Claude Code, "Output limits".
MAX_OUTPUT = 30_000
MAX_FAILURE = 10_000
_PREVIEW = 2_000
_MAX_PATTERN = 200
_FOLDER = ".openskills/output"


class _Unasked(Approvals):
    """Asks nobody and remembers nothing: a text is rendered without a question, or not at all."""

    def settle(self, use: Use, decision: Decision) -> Decision:  # noqa: ARG002 - the same answer for every use
        if decision.outcome != "ask":
            return decision
        advice = "Nobody is asked while a skill's text is rendered: allow it in HostPolicy.allow or in allowed-tools."
        return Decision("deny", decision.rule, f"{decision.reason} {advice}")


@dataclass(frozen=True, slots=True)
class InjectedCommands:
    """Runs the commands in the texts of skills for one scope, which is made when there is a first command.

    Setting `cancel` kills the command that runs.
    """

    runner: Runner
    scope: Callable[[], Scope]
    cancel: threading.Event | None = None

    def run(self, skill: Skill, injection: Injection, filling: Filling) -> str:
        """Run one command with its placeholders filled in and return what it printed, both streams in one.

        It runs in the workspace with what `run_command` would be given, for at most `TIMEOUT_MS` and never longer than
        the scope's limit. Exit status 1 of a search or comparison is an answer. Of output over `MAX_OUTPUT` characters
        the beginning is returned and the name of a workspace file that holds all of it.

        Raises:
            DynamicContextError: it failed, was cancelled or took too long; the text names it and holds its output.
            PermissionDeniedError: the policy says anything but "allow".
            InvalidSkillError: it is for another shell, or an argument stands where a shell could run it.
            OpenSkillsError: what `Runner.run` raises.
        """
        scope = replace(self.scope(), approvals=_Unasked())
        call = Call(
            kind="dynamic",
            target=injection.command,
            skill_id=skill.id,
            timeout_ms=min(TIMEOUT_MS, scope.limits.timeout_ms),
        )
        try:
            call = replace(call, target=_command(skill, injection, filling))
        except InvalidSkillError as error:
            self.runner.refuse(call, scope, error)
        with _naming(injection):
            result = self.runner.run(call, scope, cancel=self.cancel)
        if not _is_answer(result, call.target):
            raise DynamicContextError(_failure(injection, result, call), culprit=skill.id)
        return _shortened(result, scope)


def _command(skill: Skill, injection: Injection, filling: Filling) -> str:
    if skill.manifest.shell != "bash":
        raise InvalidSkillError(
            f"{skill.id} has commands for {skill.manifest.shell} in its text, and only bash runs here: write them for "
            "bash and remove `shell` from the frontmatter",
            culprit=skill.id,
        )
    try:
        return filled_command(filling.pieces(injection.command))
    except ValueError as error:
        raise InvalidSkillError(
            f"{error} stands where a shell could run it, in {_pattern(injection)}: an argument may only be a word "
            f"after a command's name, or in double quotes there; write \\{error} where the text itself is meant",
            culprit=skill.id,
        ) from None


@contextlib.contextmanager
def _naming(injection: Injection) -> Iterator[None]:
    try:
        yield
    except PermissionDeniedError as error:
        text = f"Shell command permission check failed for pattern {_pattern(injection)}: {error}"
        raise PermissionDeniedError(text, culprit=error.culprit) from error


def _pattern(injection: Injection) -> str:
    text = injection.text
    return f'"{text if len(text) <= _MAX_PATTERN else f"{text[:_MAX_PATTERN]}…"}"'


def _is_answer(result: ExecutionResult, command: str) -> bool:
    return result.status == "success" or (result.status == "failed" and result.exit_code == 1 and is_search(command))


def _failure(injection: Injection, result: ExecutionResult, call: Call) -> str:
    how = {
        "failed": f"exit code {result.exit_code}",
        "timeout": f"timed out after {(call.timeout_ms or 0) / 1000:g} s",
        "killed": f"killed: {result.reason}",
    }.get(result.status, result.status)
    output = _head_and_tail((result.stdout + result.stderr).strip("\n"))
    return f"Shell command failed for pattern {_pattern(injection)}: {how}\n[stderr]\n{output}"


def _head_and_tail(text: str) -> str:
    if len(text) <= MAX_FAILURE:
        return text
    half = MAX_FAILURE // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _shortened(result: ExecutionResult, scope: Scope) -> str:
    output = result.stdout.rstrip("\r\n")
    if len(output) <= MAX_OUTPUT:
        return output
    kept = _kept(output, scope)
    size = f"{'over ' if result.stdout_truncated else ''}{len(output)} characters"
    where = f"saved to {kept} in the workspace; it begins" if kept else "too long for this text; it begins"
    return f"[output of {size}, {where}:]\n{output[:_PREVIEW]}"


def _kept(output: str, scope: Scope) -> str:
    """Write `output` to a workspace file and return its path, "" where the policy or the workspace takes none.

    Its name is its content's, so the same output makes the same text.
    """
    if any(check(scope.policy, tool, _FOLDER).outcome != "allow" for tool in ("Write", "Read")):
        return ""
    path = f"{_FOLDER}/{sha256_hex(output.encode('utf-8', 'replace'))[:16]}.txt"
    with contextlib.suppress(OpenSkillsError):
        scope.workspace.write_text(path, output)
        return path
    return ""
