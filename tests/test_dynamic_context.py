"""Commands in a skill's text: run in the sandbox, one record each, and what they print put in their place."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import (
    Approval,
    ApprovalRequest,
    DynamicContextError,
    HostPolicy,
    InvalidSkillError,
    LimitExceededError,
    Limits,
    OpenSkillRuntime,
    PermissionDeniedError,
    Workspace,
)
from openskills_core.dynamic.running import MAX_FAILURE, MAX_OUTPUT, TIMEOUT_MS
from openskills_core.models import REMOTE, Call
from openskills_core.policy import Approvals
from openskills_core.programs import Programs
from openskills_core.registry import Location, Registry
from openskills_core.runner import Runner, Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ON = HostPolicy(dynamic_context=True)
FRONT = "name: one\ndescription: D\n"


@pytest.fixture
def skill(make_skill: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes the skill `one` with a body and more frontmatter."""

    def write(body: str, more: str = "", **scripts: str) -> Path:
        return make_skill("one", FRONT + more, body, **scripts)

    return write


@pytest.fixture
def live(make_runtime: Callable[..., OpenSkillRuntime]) -> OpenSkillRuntime:
    """A runtime whose policy lets the commands run."""
    return make_runtime(policy=ON)


def records(runtime: OpenSkillRuntime) -> list[dict[str, Any]]:
    """Return every audit record."""
    return runtime.audit.records()


def test_output_stands_in_the_place_of_each_command(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Inline and fenced, run where the workspace is, with the skill's own files at hand."""
    live.workspace.write_text("note.txt", "in the workspace\n")
    root = skill(
        "Note: !`cat note.txt` and !`${CLAUDE_SKILL_DIR}/scripts/own.sh $0`.\n"
        "```!\nx=1\necho $((x + 1))\npwd\n```\nEnd",
        own_sh="#!/bin/bash\necho own $1 $CLAUDE_SKILL_DIR\n",
    )
    (root / "scripts" / "own.sh").chmod(0o755)
    assert live.activate_skill("one", "arg").instructions == (
        f"Note: in the workspace and own arg {root}.\n2\n{live.workspace.root}\nEnd"
    )


def test_both_streams_are_one_and_only_line_ends_at_the_end_are_dropped(
    skill: Callable[..., Path], live: OpenSkillRuntime
) -> None:
    """In the order in which they were written."""
    skill("<\n!`echo '  a'; echo b >&2; echo c; echo`\n>")
    assert live.activate_skill("one").instructions == "<\n  a\nb\nc\n>"


def test_commands_are_off_by_default(skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """Nothing runs and nothing is recorded; a notice stands for each."""
    skill("A !`touch made` B")
    text = runtime.activate_skill("one").instructions
    assert text == "A [shell command execution disabled by policy] B"
    assert runtime.workspace.list() == []
    assert records(runtime) == []


def test_every_command_leaves_one_record(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Its kind tells it from a command that a model asked for; it names the skill and the command as it was run."""
    skill('!`echo "$0"` !`echo b > made`')
    live.activate_skill("one", "'a b'")
    first, second = records(live)
    assert (first["kind"], first["skill_id"], first["target"], first["status"]) == (
        "dynamic",
        "one",
        'echo "a b"',
        "success",
    )
    assert [artifact["path"] for artifact in second["artifacts"]] == ["made"]
    assert first["decisions"]
    assert live.audit.verify().ok


def test_output_is_not_looked_at_again(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Neither for commands nor for placeholders nor for variables."""
    live.workspace.write_text("evil.txt", "!`touch made` $0 $ARGUMENTS ${CLAUDE_SKILL_DIR}\n```!\ntouch made\n```\n")
    skill("$0 !`cat evil.txt`\nEnd $0")
    assert live.activate_skill("one", "a").instructions == (
        "a !`touch made` $0 $ARGUMENTS ${CLAUDE_SKILL_DIR}\n```!\ntouch made\n```\nEnd a"
    )
    assert live.workspace.list() == ["evil.txt"]


@pytest.mark.parametrize(
    "argument",
    [
        "; touch made",
        "$(touch made)",
        "`touch made`",
        "'; touch made; '",
        '"; touch made; "',
        "a\ntouch made\n",
        "&& touch made",
    ],
)
def test_an_argument_is_never_run(skill: Callable[..., Path], live: OpenSkillRuntime, argument: str) -> None:
    """It reaches the program as it was typed, within a command, within double quotes and in the text."""
    skill('$ARGUMENTS\n!`printf "%s|" "$ARGUMENTS"`')
    assert live.activate_skill("one", argument).instructions.rstrip("\n") == f"{argument}\n{argument}|"
    assert live.workspace.list() == []


def test_an_argument_that_looks_like_a_command_stays_text(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Commands are those of the file."""
    skill("Do $ARGUMENTS\n$ARGUMENTS")
    live.activate_skill("one", "!`touch made`")
    live.activate_skill("one", "\n```!\ntouch made\n```\n")
    assert (live.workspace.list(), records(live)) == ([], [])


def test_an_argument_where_a_shell_could_run_it_refuses_the_activation(
    skill: Callable[..., Path], live: OpenSkillRuntime
) -> None:
    """The text names the placeholder and the command; the refusal is recorded, and nothing ran."""
    skill("!`$0 --version`")
    with pytest.raises(InvalidSkillError, match=r"\$0 stands where a shell could run it, in \"!`\$0 --version`\""):
        live.activate_skill("one", "touch")
    assert [(record["kind"], record["status"], record["target"]) for record in records(live)] == [
        ("dynamic", "refused", "$0 --version")
    ]


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("echo out; echo err >&2; exit 3", "exit code 3"),
        ("echo out; echo err >&2; false", "exit code 1"),
        ("echo out; echo err >&2; exit 7 || true", "exit code 7"),
        ("echo out; echo err >&2; kill -9 $$", "killed: signal:SIGKILL"),
    ],
)
def test_a_failing_command_ends_the_activation(
    skill: Callable[..., Path], live: OpenSkillRuntime, command: str, how: str
) -> None:
    """The error names the command and holds its output; later commands do not run."""
    skill(f"!`{command}`\n!`touch made`")
    with pytest.raises(DynamicContextError) as caught:
        live.activate_skill("one")
    assert str(caught.value) == f'Shell command failed for pattern "!`{command}`": {how}\n[stderr]\nout\nerr'
    assert (caught.value.code, caught.value.culprit) == ("dynamic-context", "one")
    assert (live.workspace.list(), len(records(live))) == ([], 1)


def test_of_a_failing_commands_output_head_and_tail_are_kept(
    skill: Callable[..., Path], live: OpenSkillRuntime
) -> None:
    """And of a long command its beginning."""
    skill(f"!`echo {'x' * 300}; seq 100000; exit 2`")
    with pytest.raises(DynamicContextError) as caught:
        live.activate_skill("one")
    text = str(caught.value)
    assert len(text) < MAX_FAILURE + 500
    assert 'x…": exit code 2' in text
    assert "characters left out" in text
    assert text.endswith("99999\n100000")


def test_no_match_and_different_are_answers(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Exit status 1 of a search or comparison is no failure, 2 is one, and so is 1 of anything else."""
    live.workspace.write_text("a.txt", "a\n")
    live.workspace.write_text("b.txt", "b\n")
    skill("[!`grep nothing a.txt`] !`grep nothing a.txt` !`diff a.txt b.txt` !`test -e c.txt`.")
    assert live.activate_skill("one").instructions == "[!`grep nothing a.txt`]  1c1\n< a\n---\n> b ."
    for failing in ("grep x missing.txt", "cmp a.txt b.txt"):
        skill(f"!`{failing}`")
        with pytest.raises(DynamicContextError, match="exit code"):
            live.activate_skill("one")


@pytest.mark.parametrize(
    ("policy", "more"),
    [
        ({"deny": ["Bash(touch *)"]}, "allowed-tools: Bash(touch *)\n"),
        ({"deny": ["Bash"]}, "allowed-tools: Bash\n"),
        ({"ask": ["Bash(touch *)"]}, ""),
        ({"ask": ["Bash"]}, "allowed-tools: Bash(ls *)\n"),
        ({"ask": ["Bash"], "trust_skill_allowed_tools": False}, "allowed-tools: Bash\n"),
        ({"ask": ["Write"]}, ""),
        ({"deny": ["Skill(one)"]}, ""),
    ],
)
def test_anything_but_allow_ends_the_activation_and_nobody_is_asked(
    make_runtime: Callable[..., OpenSkillRuntime], skill: Callable[..., Path], policy: dict[str, Any], more: str
) -> None:
    """A deny rule wins over the skill's declaration; the refusal is recorded."""
    asked: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return Approval.ALLOW_ALWAYS

    skill("!`touch made`", more)
    runtime = make_runtime(policy=HostPolicy(dynamic_context=True, **policy), approve=approve)
    with pytest.raises(
        PermissionDeniedError, match=r'Shell command permission check failed for pattern "!`touch made`"'
    ):
        runtime.activate_skill("one")
    assert (asked, runtime.workspace.list()) == ([], [])
    assert [(record["kind"], record["status"]) for record in records(runtime)] == [("dynamic", "denied")]


def test_allowed_tools_answer_what_would_be_asked(
    make_runtime: Callable[..., OpenSkillRuntime], skill: Callable[..., Path]
) -> None:
    """As long as the host trusts declarations; an allow rule does the same."""
    skill("!`echo hi`", "allowed-tools: Bash(echo *)\n")
    asking = HostPolicy(dynamic_context=True, ask=["Bash"])
    assert make_runtime(policy=asking).activate_skill("one").instructions == "hi"


def test_the_pipeline_itself_refuses_such_a_call_when_the_policy_says_no(
    skill: Callable[..., Path], runtime: OpenSkillRuntime
) -> None:
    """Whoever makes the call meets the policy again."""
    skill("Body")
    with pytest.raises(PermissionDeniedError, match="dynamic_context=True"):
        runtime.execute_call(Call(kind="dynamic", target="touch made", skill_id="one"))
    assert (runtime.workspace.list(), records(runtime)[0]["status"]) == ([], "denied")


def test_the_pipeline_itself_refuses_such_a_call_for_a_remote_skill(
    skill: Callable[..., Path], live: OpenSkillRuntime, skills: Path, tmp_path: Path
) -> None:
    """Even where commands are on."""
    skill("Body")
    runner = Runner(Registry([Location(skills, REMOTE)]), live._sandbox, live.audit, Programs())
    scope = Scope(Workspace(tmp_path / "remote"), ON, Approvals(), Limits())
    with pytest.raises(PermissionDeniedError, match="remote source are never run"):
        runner.run(Call(kind="dynamic", target="touch made", skill_id="one"), scope)
    assert (scope.workspace.list(), records(live)[0]["status"]) == ([], "denied")


def test_the_sandbox_is_the_one_of_every_command(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """The skill is read-only and only the workspace can be written."""
    root = skill("!`echo x > $CLAUDE_SKILL_DIR/SKILL.md || echo refused`")
    before = (root / "SKILL.md").read_text(encoding="utf-8")
    assert "refused" in live.activate_skill("one").instructions
    assert (root / "SKILL.md").read_text(encoding="utf-8") == before
    assert {record["sandbox"]["tier"] for record in records(live)} == {"full"}


def test_a_command_has_the_hosts_time_at_most(
    make_runtime: Callable[..., OpenSkillRuntime], skill: Callable[..., Path]
) -> None:
    """Two minutes, or the limit of the scope if that is less."""
    skill("!`echo begun; sleep 60`")
    with pytest.raises(DynamicContextError, match=r"timed out after 0\.7 s\n\[stderr\]\nbegun"):
        make_runtime(policy=ON, limits=Limits(timeout_ms=700)).activate_skill("one")
    skill("!`echo $TIMEOUT_MS`")
    generous = make_runtime(policy=ON, limits=Limits(timeout_ms=10 * TIMEOUT_MS))
    assert generous.activate_skill("one").instructions == str(TIMEOUT_MS)


def test_cancelling_the_task_kills_the_command(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Before the cancellation goes on, and no further command runs."""
    skill("!`touch begun; sleep 60`\n!`touch made`")

    async def main() -> None:
        task = asyncio.create_task(live.aactivate_skill("one"))
        await asyncio.to_thread(_until, lambda: "begun" in live.workspace.list())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert live.workspace.list() == ["begun"]
    assert [record["status"] for record in records(live)] == ["cancelled"]


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


def test_an_event_ends_it_too(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """A caller without an event loop gets the error that says so."""
    skill("!`sleep 60`")
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(DynamicContextError, match="cancelled"):
        live.activate_skill("one", cancel=cancel)


def test_large_output_is_kept_in_a_workspace_file(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """The text holds its beginning and where the rest is; the same output gives the same text."""
    skill("!`seq 20000`")
    text = live.activate_skill("one").instructions
    (kept,) = live.workspace.glob(".openskills/**/*.txt")
    assert text.startswith(f"[output of 108893 characters, saved to {kept} in the workspace; it begins:]\n1\n2\n3\n")
    assert len(text) < 2_200
    assert live.workspace.read_text(kept) == "\n".join(map(str, range(1, 20001)))
    assert live.activate_skill("one").instructions == text
    skill(f"!`printf %{MAX_OUTPUT}s x`")
    assert len(live.activate_skill("one").instructions) == MAX_OUTPUT


def test_without_leave_to_write_large_output_is_only_shown_in_part(
    make_runtime: Callable[..., OpenSkillRuntime], skill: Callable[..., Path]
) -> None:
    """The note does not promise a file."""
    skill("!`seq 20000`")
    runtime = make_runtime(policy=HostPolicy(dynamic_context=True, deny=["Write"]))
    text = runtime.activate_skill("one").instructions
    assert text.startswith("[output of 108893 characters, too long for this text; it begins:]\n1\n2\n")
    assert runtime.workspace.list() == []


def test_output_that_was_cut_while_it_ran_is_said_to_be(
    make_runtime: Callable[..., OpenSkillRuntime], skill: Callable[..., Path]
) -> None:
    """Head and tail are kept, as of every run, and the text between them says so."""
    skill("!`seq 20000`")
    short = make_runtime(policy=ON, limits=Limits(output_bytes=1000)).activate_skill("one").instructions
    assert (short[:4], short[-6:], "bytes" in short) == ("1\n2\n", "\n20000", True)
    long = make_runtime(policy=ON, limits=Limits(output_bytes=40_000)).activate_skill("one").instructions
    assert long.startswith("[output of over 40")


def test_powershell_is_refused(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """Only where there is a command to run; the attempt is recorded."""
    skill("!`ls`", "shell: powershell\n")
    with pytest.raises(InvalidSkillError, match="one has commands for powershell in its text, and only bash runs here"):
        live.activate_skill("one")
    assert [record["status"] for record in records(live)] == ["refused"]
    skill("No command", "shell: powershell\n")
    assert live.activate_skill("one").instructions == "No command"


def test_what_no_program_can_be_started_with_is_refused(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """A NUL in an argument, as everywhere else."""
    skill("!`echo $0`")
    with pytest.raises(LimitExceededError, match="NUL"):
        live.activate_skill("one", "a\0b")
    assert [record["status"] for record in records(live)] == ["refused"]


def test_each_scope_has_its_own_workspace_and_policy(
    skill: Callable[..., Path], live: OpenSkillRuntime, tmp_path: Path
) -> None:
    """A view's labels are in the record too."""
    skill("!`cat name.txt`")
    alice = live.scoped(workspace_dir=tmp_path / "alice", labels={"user": "alice"})
    alice.workspace.write_text("name.txt", "alice")
    assert alice.activate_skill("one").instructions == "alice"
    assert records(live)[0]["labels"] == {"user": "alice"}
    assert "disabled" in live.scoped(policy=HostPolicy()).activate_skill("one").instructions
    with pytest.raises(DynamicContextError):
        live.activate_skill("one")


def test_users_at_the_same_time_do_not_see_each_other(
    skill: Callable[..., Path], live: OpenSkillRuntime, tmp_path: Path
) -> None:
    """Eight activations of two commands each, in workspaces of their own."""
    skill("!`echo $0 > mine; sleep 0.1; cat mine` !`ls; echo $0`")

    def activate(number: int) -> str:
        view = live.scoped(workspace_dir=tmp_path / f"user{number}")
        return view.activate_skill("one", f"user-{number}").instructions

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(activate, range(8)))
    assert texts == [f"user-{number} mine\nuser-{number}" for number in range(8)]
    assert len(records(live)) == 16
    assert live.audit.verify().ok


def test_a_model_is_told_what_failed(skill: Callable[..., Path], live: OpenSkillRuntime) -> None:
    """The tool's result is an error with the same text."""
    skill("!`echo why; exit 4`")
    result = live.tools().call("activate_skill", {"skill": "one"})
    assert (result.is_error, result.code) == (True, "dynamic-context")
    assert result.text.endswith("exit code 4\n[stderr]\nwhy")
