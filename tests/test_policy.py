"""The host's policy: what a rule matches, which rule speaks first, who is asked, and what the sandbox is granted."""

from __future__ import annotations

import asyncio
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.errors import PermissionDeniedError
from openskills_core.models import Approval, ApprovalRequest, Decision, Grant, HostPolicy
from openskills_core.policy import Approvals, Surroundings, Use, authorize, check, check_kind, decide

if TYPE_CHECKING:
    from openskills_core.models import Outcome

NOBODY = Approvals()
OUTCOMES: tuple[Outcome, ...] = ("deny", "ask", "allow")


def expected_outcome(tool: str, lists: set[str], fallback: str, *, trusted: bool) -> str:
    """Say in the plainest way what must come out."""
    outcome = next((name for name in ("deny", "ask", "allow") if name in lists), "")
    outcome = outcome or ("allow" if tool == "Bash" else fallback)
    return "allow" if outcome == "ask" and "declared" in lists and trusted else outcome


@pytest.mark.parametrize("pattern", ["", "(git *)"])
@pytest.mark.parametrize("tool", ["Bash", "WebFetch", "mcp__db__query"])
def test_every_combination_of_rules_has_one_outcome(tool: str, pattern: str) -> None:
    """Deny > ask > allow > the rest, and a trusted declaration answers "ask" and nothing else."""
    kinds = ("deny", "ask", "allow", "declared")
    subsets = [set(chosen) for size in range(5) for chosen in itertools.combinations(kinds, size)]
    rule = (f"{tool}{pattern}",)
    for lists, fallback, host, source in itertools.product(subsets, OUTCOMES, (True, False), (True, False)):
        rules: dict[str, Any] = {name: rule for name in kinds[:3] if name in lists}
        policy = HostPolicy(**rules, fallback=fallback, trust_skill_allowed_tools=host)
        declared = rule if "declared" in lists else ()
        decision = check(policy, tool, "git status", declared=declared, trusted=source)
        wanted = expected_outcome(tool, lists, fallback, trusted=host and source)
        assert decision.outcome == wanted, (lists, fallback, host, source, decision)


@pytest.mark.parametrize(
    ("policy", "tool", "detail", "declared", "expected"),
    [
        (HostPolicy(), "Bash", "ls", (), Decision("allow", "baseline", "Bash for 'ls' is allowed")),
        (HostPolicy(), "Write", "", (), Decision("allow", "baseline", "Write is allowed")),
        (HostPolicy(), "grep", "", (), Decision("allow", "baseline", "grep is allowed")),
        (HostPolicy(), "activate_skill", "pdf", (), Decision("allow", "baseline", "activate_skill for 'pdf'")),
        (HostPolicy(), "WebFetch", "", ("WebFetch",), Decision("deny", "fallback", "WebFetch is denied")),
        (HostPolicy(fallback="ask"), "X", "", ("X",), Decision("allow", "allowed-tools: X", "X is approved by")),
        (HostPolicy(fallback="ask"), "X", "", ("X(", ""), Decision("ask", "fallback", "X has to be approved")),
        (HostPolicy(deny=("bash(rm *)",)), "bash", "rm x", (), Decision("deny", "bash(rm *)", "Bash for 'rm x'")),
        (HostPolicy(allow=("Bash(git *)",)), "Bash", "git log", (), Decision("allow", "Bash(git *)", "Bash for")),
        (HostPolicy(allow=("Bash(git *)",)), "Bash", "git log; x", (), Decision("allow", "baseline", "Bash for")),
        (HostPolicy(allow=("WebFetch",)), "WebFetch", "u", (), Decision("allow", "WebFetch", "WebFetch for 'u'")),
        (
            HostPolicy(ask=("Bash(rm *)",)),
            "run_command",
            "rm x",
            ("Bash(ls *)", "Bash(rm:*)"),
            Decision("allow", "allowed-tools: Bash(rm:*)", "run_command for 'rm x' is approved"),
        ),
        (
            HostPolicy(ask=("Bash(rm *)",)),
            "run_command",
            "rm x; ls",
            ("Bash(rm:*)",),
            Decision("ask", "Bash(rm *)", "run_command for 'rm x; ls' has to be approved because of"),
        ),
        (HostPolicy(deny=("Bash",)), "run_skill_script", "a.py", (), Decision("allow", "baseline", "run_skill")),
        (HostPolicy(ask=("Bash",)), "run_skill_script", "a.py", (), Decision("ask", "Bash", "run_skill_script")),
        (HostPolicy(deny=("Bash(a.py *)",)), "run_skill_script", "a.py", (), Decision("deny", "Bash(a.py *)", "")),
        (HostPolicy(deny=("*",)), "run_skill_script", "a.py", (), Decision("deny", "*", "run_skill_script for")),
        (HostPolicy(deny=("Bash(rm *)",)), "Bash", "ls &&", (), Decision("deny", "Bash(rm *)", "Bash for 'ls &&' is")),
        (
            HostPolicy(deny=("Bash(a *)", "Bash(b *)"), ask=("Bash",)),
            "Bash",
            "$X; b",
            (),
            Decision("deny", "Bash(b *)", "Bash for '$X; b' is denied by"),
        ),
        (
            HostPolicy(allow=("Bash(a *)", "Bash(b)", "Bash(c)")),
            "Bash",
            "b && a x && b",
            (),
            Decision("allow", "Bash(b), Bash(a *)", "Bash for 'b && a x && b' is allowed by the rules"),
        ),
        (
            HostPolicy(ask=("Bash",)),
            "Bash",
            "a > /tmp/x",
            ("Bash(a)", "Edit(//tmp/**)"),
            Decision("allow", "allowed-tools: Bash(a), Edit(//tmp/**)", "Bash for"),
        ),
    ],
)
def test_a_decision_names_its_rule(
    *, policy: HostPolicy, tool: str, detail: str, declared: tuple[str, ...], expected: Decision
) -> None:
    """Outcome, rule and a sentence that begins with what was asked."""
    decision = check(policy, tool, detail, declared=declared)
    assert (decision.outcome, decision.rule) == (expected.outcome, expected.rule)
    assert decision.reason.startswith(expected.reason)
    assert decision.reason.endswith(".")


def test_a_doubt_is_told_with_the_rule() -> None:
    """Who is refused because a command cannot be read learns why, and what to do."""
    reason = check(HostPolicy(deny=("Bash(rm *)",)), "Bash", "$X y").reason
    assert reason == (
        "Bash for '$X y' is denied by the rule \"Bash(rm *)\" in HostPolicy.deny, for a part of the command is known "
        "only when it runs; write the command more plainly."
    )


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        (HostPolicy(), "deny"),
        (HostPolicy(fallback="ask"), "ask"),
        (HostPolicy(fallback="allow"), "ask"),
        (HostPolicy(allow=("AskUserQuestion",)), "ask"),
        (HostPolicy(ask=("AskUserQuestion",)), "ask"),
        (HostPolicy(deny=("AskUserQuestion",)), "deny"),
        (HostPolicy(allow=("ask_user",), fallback="allow"), "ask"),
    ],
)
@pytest.mark.parametrize("tool", ["AskUserQuestion", "ask_user", "askuserquestion"])
def test_a_question_to_a_person_is_never_answered_by_a_rule(policy: HostPolicy, tool: str, outcome: str) -> None:
    """Neither the host's rules nor a declaration speak for the person."""
    assert check(policy, tool, declared=("AskUserQuestion",)).outcome == outcome


def test_a_question_to_a_person_is_asked_each_time() -> None:
    """Allowing it for good is allowing it once."""
    approvals, asked = counting(Approval.ALLOW_ALWAYS)
    for _ in range(3):
        assert decide(HostPolicy(fallback="ask"), Use("AskUserQuestion"), approvals).outcome == "allow"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("rule", "real", "outcome"),
    [
        ("Read(docs/**)", "/ws/docs/a", "allow"),
        ("Read(docs/**)", "/ws/secrets/a", "ask"),
        ("Read(docs/**)", "/etc/passwd", "ask"),
        ("Read(link)", "/ws/docs/a", "ask"),
    ],
)
def test_a_link_is_allowed_with_its_target_only(rule: str, real: str, outcome: str) -> None:
    """A rule that allows must hold for the link and for what it leads to."""
    around = Surroundings(workspace="/ws", real=real)
    assert (
        check(HostPolicy(ask=("Read",)), "read_file", "docs/link", declared=(rule,), around=around).outcome == outcome
    )


@pytest.mark.parametrize("rule", ["Read(secrets/**)", "Read(docs/link)", "Read(//ws/secrets/a)"])
def test_a_link_is_denied_with_either(rule: str) -> None:
    """A rule that denies is about the link and about what it leads to."""
    around = Surroundings(workspace="/ws", real="/ws/secrets/a")
    assert check(HostPolicy(deny=(rule,)), "read_file", "docs/link", around=around).outcome == "deny"


@pytest.mark.parametrize("tool", ["write_file", "edit_file", "Edit"])
def test_what_must_not_be_read_must_not_be_written(tool: str) -> None:
    """A denial of reading is one of editing the same file; asking before reading is not."""
    assert check(HostPolicy(deny=("Read(a)",)), tool, "a").outcome == "deny"
    assert check(HostPolicy(ask=("Read(a)",)), tool, "a").outcome == "allow"


@pytest.mark.parametrize("rule", ["Write(a)", "MultiEdit(a)", "NotebookEdit(a)", "Glob(a)"])
def test_paths_behind_other_tools_than_edit_and_read_deny_only(rule: str) -> None:
    """Claude Code never consults them; here they grant nothing either, but a denial is kept."""
    tool = "glob" if rule.startswith("Glob") else "write_file"
    whole = rule.partition("(")[0]
    assert check(HostPolicy(ask=(whole,)), tool, "a", declared=(rule,)).outcome == "ask"
    assert check(HostPolicy(ask=(whole,)), tool, "a", declared=("Edit(a)", "Read(a)")).outcome == "allow"
    assert check(HostPolicy(deny=(rule,)), tool, "a").outcome == "deny"


def test_a_tool_of_the_hosts_own_gets_no_baseline_from_its_name() -> None:
    """`search` is another client's name for ours, and may be anything in this one."""
    assert check(HostPolicy(), "search", "x").outcome == "deny"
    assert check(HostPolicy(), "shell", "ls").outcome == "deny"
    assert check(HostPolicy(deny=("Bash(rm *)",), fallback="allow"), "shell", "rm x").outcome == "deny"


def test_a_long_detail_is_shortened_in_the_reason() -> None:
    """The sentence stays one line that can be read."""
    reason = check(HostPolicy(), "Bash", "echo\n" + "x" * 10_000).reason
    assert len(reason) < 250
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("deny", "kind", "outcome"),
    [
        ((), "command", "allow"),
        (("Bash",), "command", "deny"),
        (("Bash(*)",), "shell", "deny"),
        (("Bash",), "python", "allow"),
        (("Bash",), "node", "allow"),
        (("Bash(rm *)",), "shell", "allow"),
        (("run_command",), "shell", "allow"),
        (("Write",), "command", "allow"),
        (("shell",), "shell", "deny"),
        (("*",), "command", "deny"),
    ],
)
def test_denying_bash_refuses_what_needs_processes(deny: tuple[str, ...], kind: str, outcome: str) -> None:
    """Commands and shell scripts are refused, other programs start without the right to start more."""
    assert check_kind(HostPolicy(deny=deny), kind).outcome == outcome


PATHS: dict[str, Any] = {"network": ("a.org",), "read_paths": ("/r",), "write_paths": ("/w",), "env": ("TOKEN",)}


@pytest.mark.parametrize(
    ("deny", "expected"),
    [
        ((), {}),
        (("Write",), {"workspace": "read", "read_paths": (Path("/r"), Path("/w")), "write_paths": ()}),
        (("Edit",), {"workspace": "read", "read_paths": (Path("/r"), Path("/w")), "write_paths": ()}),
        (("MultiEdit",), {"workspace": "read", "read_paths": (Path("/r"), Path("/w")), "write_paths": ()}),
        (("NotebookEdit",), {"workspace": "read", "read_paths": (Path("/r"), Path("/w")), "write_paths": ()}),
        (("Read",), {"workspace": "none", "read_paths": (), "write_paths": ()}),
        (("Read", "Write"), {"workspace": "none", "read_paths": (), "write_paths": ()}),
        (("Bash",), {"processes": False}),
        (("WebFetch",), {"network": ()}),
        (("WebSearch",), {"network": ()}),
        (("Grep", "Write(x)", "Read(x/**)", "Bash(rm *)", "WebFetch(domain:a.org)", "write_file"), {}),
    ],
)
def test_whole_tool_denials_narrow_the_grant(deny: tuple[str, ...], expected: dict[str, Any]) -> None:
    """Whole-tool rules shape the sandbox; patterned rules leave it alone."""
    verdict = authorize(HostPolicy(deny=deny, **PATHS), Use("run_skill_script", "a.py"), NOBODY, kind="python")
    grant = verdict.grant()
    assert {name: getattr(grant, name) for name in expected} == expected
    default = Grant(network=("a.org",), read_paths=(Path("/r"),), write_paths=(Path("/w"),), env=("TOKEN",))
    kept = ("workspace", "processes", "network", "read_paths", "write_paths", "env")
    for name in set(kept) - set(expected):
        assert getattr(grant, name) == getattr(default, name), name
    assert grant.decisions == verdict.decisions


def test_a_declaration_never_widens_the_grant() -> None:
    """A skill that declares every tool gets what one without a declaration gets."""
    use = Use("run_skill_script", "a.py", skill_id="s", declared=("Bash", "WebFetch", "WebSearch", "Read", "Write"))
    for policy in (HostPolicy(), HostPolicy(deny=("Bash", "Read")), HostPolicy(fallback="allow")):
        widest = authorize(policy, use, NOBODY, kind="python").grant()
        assert widest == authorize(policy, Use("run_skill_script", "a.py", "s"), NOBODY, kind="python").grant()
        assert widest.network == ()


@pytest.mark.parametrize(
    ("policy", "tool", "kind"),
    [
        (HostPolicy(deny=("Bash",)), "run_command", "command"),
        (HostPolicy(deny=("Bash",)), "run_skill_script", "shell"),
        (HostPolicy(deny=("Bash(rm *)",)), "run_command", "command"),
        (HostPolicy(deny=("run_skill_script",)), "run_skill_script", "python"),
        (HostPolicy(deny=("Skill(demo)",)), "run_skill_script", "python"),
        (HostPolicy(ask=("Bash",)), "run_command", "command"),
        (HostPolicy(ask=("Bash(rm *)",)), "run_command", "command"),
        (HostPolicy(ask=("Write",)), "run_skill_script", "python"),
        (HostPolicy(ask=("Read",)), "run_skill_script", "python"),
        (HostPolicy(ask=("WebSearch",), network=("a.org",)), "run_skill_script", "python"),
    ],
)
def test_a_refused_run_is_an_error_that_names_the_rule(policy: HostPolicy, tool: str, kind: str) -> None:
    """Without an approver "ask" is a refusal, and the sentence says what the host can do."""
    verdict = authorize(policy, Use(tool, "rm x", skill_id="demo"), NOBODY, kind=kind)
    (rule,) = (*policy.deny, *policy.ask)
    with pytest.raises(PermissionDeniedError, match="HostPolicy") as caught:
        verdict.grant()
    assert caught.value.culprit == rule
    assert f'"{rule}"' in str(caught.value)
    assert ("pass approve=" in str(caught.value)) is bool(policy.ask)
    assert verdict.decisions[-1].outcome == "deny"


def test_nobody_is_asked_in_vain() -> None:
    """A denied run asks no question, a capability that cannot be had is not asked for."""
    approvals, asked = counting(Approval.ALLOW_ONCE)
    denied = HostPolicy(deny=("Bash(rm *)",), ask=("Read",))
    assert authorize(denied, Use("run_command", "rm x"), approvals, kind="command").granted is None
    unused = HostPolicy(deny=("Read",), ask=("Write", "WebFetch"))
    authorize(unused, Use("run_command", "ls"), approvals, kind="command").grant()
    assert asked == []


def test_each_question_of_a_run_is_asked_once() -> None:
    """The approver sees Claude's tool names, the skill, the detail and the reason; all answers are in the verdict."""
    approvals, asked = counting(Approval.ALLOW_ONCE)
    policy = HostPolicy(ask=("Bash", "Edit", "WebFetch"), network=("a.org",))
    verdict = authorize(policy, Use("run_skill_script", "a.py x", "demo"), approvals, kind="python")
    assert [request.tool for request in asked] == ["Bash", "Write", "WebFetch"]
    assert {(request.skill_id, request.detail) for request in asked} == {("demo", "a.py x")}
    assert all("has to be approved because of the rule" in request.reason for request in asked)
    assert verdict.grant().network == ("a.org",)
    assert [decision.rule for decision in verdict.decisions] == ["Bash", "baseline", "Edit", "WebFetch", "network"]


@pytest.mark.parametrize(
    ("declared", "trusted", "approved", "allowed"),
    [
        (("Bash",), True, False, True),
        (("Bash",), False, False, False),
        (("Read",), True, False, False),
        ((), True, True, True),
        ((), True, False, False),
    ],
)
def test_a_declaration_or_the_frameworks_human_answers(
    declared: tuple[str, ...], *, trusted: bool, approved: bool, allowed: bool
) -> None:
    """Either turns "ask" into "allow"; neither does when it is void."""
    use = Use("run_command", "ls", "demo", declared=declared, trusted=trusted, approved=approved)
    verdict = authorize(HostPolicy(ask=("Bash",)), use, NOBODY, kind="command")
    assert (verdict.granted is not None) is allowed


def test_the_frameworks_human_cannot_overrule_deny() -> None:
    """`approved` answers questions only."""
    assert decide(HostPolicy(deny=("Write",)), Use("write_file", "a", approved=True), NOBODY).outcome == "deny"


def failing(_request: ApprovalRequest) -> Approval:
    """Fail as an approver might."""
    raise OSError("no terminal")


async def async_yes(_request: ApprovalRequest) -> Approval:
    """Answer later."""
    await asyncio.sleep(0)
    return Approval.ALLOW_ONCE


async def async_failing(_request: ApprovalRequest) -> Approval:
    """Fail later."""
    raise OSError("no terminal")


async def async_cancelled(_request: ApprovalRequest) -> Approval:
    """Be cancelled while waiting."""
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("callback", "outcome", "reason"),
    [
        (lambda _: Approval.ALLOW_ONCE, "allow", "The approver answered allow_once."),
        (lambda _: Approval.ALLOW_ALWAYS, "allow", "The approver answered allow_always."),
        (lambda _: Approval.DENY, "deny", "The approver answered deny."),
        (lambda _: True, "deny", "The approver gave True, which is no Approval."),
        (failing, "deny", "The approver failed with OSError: no terminal"),
        (async_yes, "allow", "The approver answered allow_once."),
        (async_failing, "deny", "The approver failed with OSError: no terminal"),
        (async_cancelled, "deny", "The approver failed with RuntimeError: it was cancelled"),
        (None, "deny", "There is nobody to ask: pass approve=… to the runtime, or change that setting."),
    ],
)
def test_only_a_clear_yes_is_a_yes(callback: Any, outcome: str, reason: str) -> None:
    """Whatever else an approver does means no, and the reason says what it did."""
    decision = decide(HostPolicy(ask=("Write",)), Use("write_file", "a.txt"), Approvals(callback))
    assert (decision.outcome, decision.rule) == (outcome, "Write")
    assert decision.reason.endswith(reason)


def test_an_async_approver_works_inside_a_running_loop() -> None:
    """The question is awaited elsewhere, so the caller's loop does not matter."""

    async def main() -> Decision:
        return decide(HostPolicy(ask=("Write",)), Use("write_file"), Approvals(async_yes))

    assert asyncio.run(main()).outcome == "allow"


def counting(answer: Approval) -> tuple[Approvals, list[ApprovalRequest]]:
    """Return approvals that always get `answer`, and the list of what they asked."""
    asked: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return answer

    return Approvals(approve), asked


def test_always_is_remembered_for_the_skill_its_content_the_tool_and_the_rule() -> None:
    """The same question is not asked twice; any other one is."""
    approvals, asked = counting(Approval.ALLOW_ALWAYS)
    policy = HostPolicy(ask=("Bash(rm *)", "Bash(dd *)", "Write"))
    same = Use("run_command", "rm x", "demo", "digest1")
    others = [
        Use("run_command", "rm x", "other", "digest1"),
        Use("run_command", "rm x", "demo", "digest2"),
        Use("run_command", "dd x", "demo", "digest1"),
        Use("write_file", "rm x", "demo", "digest1"),
    ]
    for use in (same, same, Use("Bash", "rm y", "demo", "digest1"), *others, *others):
        assert decide(policy, use, approvals).outcome == "allow"
    assert len(asked) == 5


@pytest.mark.parametrize("answer", [Approval.ALLOW_ONCE, Approval.DENY])
def test_other_answers_are_not_remembered(answer: Approval) -> None:
    """Once means once, and no is asked again."""
    approvals, asked = counting(answer)
    for _ in range(3):
        decide(HostPolicy(ask=("Bash",)), Use("run_command", "ls"), approvals)
    assert len(asked) == 3


def test_two_threads_can_be_asked_at_the_same_time() -> None:
    """A slow answer to one does not hold up the other: each approver waits here until the other is in."""
    both = threading.Barrier(2, timeout=10)

    def approve(_request: ApprovalRequest) -> Approval:
        both.wait()
        return Approval.ALLOW_ALWAYS

    approvals, outcomes = Approvals(approve), list[str]()

    def ask(skill: str) -> None:
        outcomes.append(decide(HostPolicy(ask=("Bash",)), Use("run_command", "ls", skill), approvals).outcome)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["allow", "allow"]
