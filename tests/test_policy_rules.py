"""Rules: how they read, which tools they cover and which uses they match."""

from __future__ import annotations

import time

import pytest

from openskills_core.models import HostPolicy
from openskills_core.policy import Rule, validate_policy


@pytest.mark.parametrize(
    ("text", "tool", "pattern"),
    [
        ("Bash", "Bash", ""),
        (" Bash ", "Bash", ""),
        ("Bash(*)", "Bash", ""),
        ("Bash(:*)", "Bash", ""),
        ("WebFetch(domain:*)", "WebFetch", ""),
        ("bash", "Bash", ""),
        ("WEBFETCH", "WebFetch", ""),
        ("glob", "glob", ""),
        ("run_command", "run_command", ""),
        ("Bash(git add *)", "Bash", "git add *"),
        ("Bash(echo (a) (b(c)))", "Bash", "echo (a) (b(c))"),
        ("mcp__github__get_*", "mcp__github__get_*", ""),
        ("My.Tool-2", "My.Tool-2", ""),
    ],
)
def test_a_rule_is_a_tool_and_a_pattern(text: str, tool: str, pattern: str) -> None:
    """A pattern that matches everything is no pattern; a known tool is known in any letter case."""
    rule = Rule.parse(text)
    assert (rule.text, rule.tool, rule.pattern) == (text.strip(), tool, pattern)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "()", "(ls)", "Bash(", "Bash)", "Bash(ls", "Bash(ls))", "Bash(a)(b)", "Bash()", "Bash( )"),
        *("*", "Ba*", "mcp__*", "mcp__*__x", "Bash ls", "Bash(ls) x", "7zip"),
    ],
)
def test_a_malformed_rule_is_an_error_that_names_it(text: str) -> None:
    """A rule that cannot be read must not become a rule that never matches."""
    with pytest.raises(ValueError, match="is not a rule: write Tool") as caught:
        validate_policy(HostPolicy(deny=("Read", text)))
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "covered", "left"),
    [
        ("Bash", ["Bash", "run_command", "run_skill_script"], ["Read", "bash_history"]),
        ("Read", ["Read", "Grep", "Glob", "LS", "read_file", "read_skill_file", "list_skill_files"], ["Write"]),
        ("Read", ["list_files", "glob", "grep", "file_info"], ["activate_skill"]),
        ("Write", ["Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "edit_file"], ["Read", "run_command"]),
        ("NotebookEdit", ["Write", "Edit", "write_file", "edit_file"], ["Read"]),
        ("Grep", ["Grep", "grep"], ["Read", "glob"]),
        ("Skill", ["Skill", "activate_skill"], ["run_skill_script"]),
        ("run_command", ["run_command"], ["Bash", "run_skill_script"]),
        ("write_file", ["write_file"], ["Write", "edit_file"]),
        ("mcp__db", ["mcp__db", "mcp__db__query"], ["mcp__db2__query", "mcp__dbquery"]),
        ("mcp__db__*", ["mcp__db__query"], ["mcp__db2__query"]),
        ("mcp__db__get_*", ["mcp__db__get_row"], ["mcp__db__drop"]),
        ("mcp__db__query", ["mcp__db__query"], ["mcp__db__query2", "mcp__db"]),
        ("Custom", ["Custom"], ["custom"]),
    ],
)
def test_a_rule_covers_a_family_of_tools(rule: str, covered: list[str], left: list[str]) -> None:
    """Claude's names stand for our tools too; our names stand for one tool each."""
    assert [tool for tool in (*covered, *left) if Rule.parse(rule).covers(tool)] == covered


@pytest.mark.parametrize(
    ("rule", "command", "granting", "denying"),
    [
        ("Bash(npm run build)", "npm run build", True, True),
        ("Bash(npm run build)", "npm  run\tbuild ", True, True),
        ("Bash(npm run build)", "npm run build --x", False, False),
        ("Bash(ls *)", "ls", True, True),
        ("Bash(ls *)", "ls -la", True, True),
        ("Bash(ls *)", "lsof", False, False),
        ("Bash(ls:*)", "ls -la", True, True),
        ("Bash(ls:*)", "lsof", False, False),
        ("Bash(ls*)", "lsof", True, True),
        ("Bash(git * main)", "git push origin main", True, True),
        ("Bash(git * main)", "git main", False, False),
        ("Bash(git:* push)", "git push", False, False),
        ("Bash(git:* push)", "git:x push", True, True),
        ("Bash(python scripts/*:*)", "python scripts/a.py -x", True, True),
        ("Bash(python scripts/*:*)", "python other/a.py", False, False),
        ("Bash(* --version)", "node --version", True, True),
        ("Bash(a*bc*c)", "abc", False, False),
        ("Bash(a*bc*c)", "abcc", True, True),
        ("Bash(rm *)", "FOO=1 BAR='x' rm -rf x", False, True),
        ("Bash(rm *)", "rm -rf x && ls", False, True),
        ("Bash(rm *)", "ls && rm -rf x", False, True),
        ("Bash(rm *)", "ls || rm x", False, True),
        ("Bash(rm *)", "ls; rm x", False, True),
        ("Bash(rm *)", "ls;rm x", False, True),
        ("Bash(rm *)", "ls | rm x", False, True),
        ("Bash(rm *)", "ls |& rm x", False, True),
        ("Bash(rm *)", "ls & rm x", False, True),
        ("Bash(rm *)", "ls\nrm x", False, True),
        ("Bash(rm *)", "(rm x)", False, True),
        ("Bash(rm *)", "{ rm x; }", False, True),
        ("Bash(rm *)", "echo $(rm x)", False, True),
        ("Bash(rm *)", 'echo "`rm x`"', False, True),
        ("Bash(rm *)", "cat <(rm x)", False, True),
        ("Bash(git *)", "git log > out", False, True),
        ("Bash(git *)", "git log < in", False, True),
        ("Bash(git *)", "git status\n", True, True),
        ("Bash(git *)", 'git commit -m "$(cat x)"', False, True),
        ("Bash(a && b)", "a && b", False, True),
        ("Bash(rm *)", "git rm x", False, False),
        ("Bash(rm *)", "ls x", False, False),
        ("Bash", "anything; at $(all) | at once", True, True),
    ],
)
def test_a_command_pattern_fails_closed(rule: str, command: str, *, granting: bool, denying: bool) -> None:
    """What allows must match the whole of a simple command, what denies any part of a compound one."""
    parsed = Rule.parse(rule)
    assert parsed.matches("run_command", command, grants=True) is granting
    assert parsed.matches("run_command", command, grants=False) is denying


@pytest.mark.parametrize(
    ("rule", "path", "granting", "denying"),
    [
        ("Read(docs/*)", "docs/a.md", True, True),
        ("Read(docs/**)", "docs/x/a.md", True, True),
        ("Read(./docs/*)", "./docs/a.md", True, True),
        ("Read(docs/*)", "docs/../secrets/a", False, False),
        ("Read(secrets/**)", "docs/../secrets/a", True, True),
        ("Read(secrets/**)", "x/secrets/a", False, True),
        ("Read(secrets/**)", "/ws/secrets/a", False, True),
        ("Read(/secrets/**)", "secrets/a", False, True),
        ("Read(secrets)", "secrets/a/b", False, True),
        ("Read(secrets/)", "secrets", False, True),
        ("Read(**/.env)", ".env", False, True),
        ("Read(*.env)", "x/.env", True, True),
        ("Read(secrets/**)", "mysecrets/a", False, False),
        ("Read(secrets/**)", "", False, False),
    ],
)
def test_a_path_pattern_fails_closed(rule: str, path: str, *, granting: bool, denying: bool) -> None:
    """What allows is anchored at the start, what denies matches at any depth; both see the normalised path."""
    parsed = Rule.parse(rule)
    assert parsed.matches("read_file", path, grants=True) is granting
    assert parsed.matches("read_file", path, grants=False) is denying


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("domain:example.com", "https://example.com/a?b", True),
        ("domain:Example.COM", "https://EXAMPLE.com:8443", True),
        ("domain:example.com", "domain:example.com", True),
        ("domain:example.com", "example.com.", True),
        ("domain:example.com", "https://example.com.evil.org", False),
        ("domain:example.com", "https://example.com@evil.org/", False),
        ("domain:*.example.com", "https://a.b.example.com", True),
        ("domain:*.example.com", "https://example.com", False),
        ("domain:api-*.example.com", "https://api-1.example.com", True),
        ("domain:api-*.example.com", "https://api-1.x.example.com", False),
        ("domain:example.com", "https://[broken", False),
        ("domain:example.com", "", False),
        ("https://example.com/*", "https://example.com/a", True),
    ],
)
def test_a_domain_pattern_looks_at_the_host(pattern: str, url: str, *, expected: bool) -> None:
    """User names, ports and letter case do not mislead it."""
    assert Rule.parse(f"WebFetch({pattern})").matches("WebFetch", url, grants=True) is expected


def test_a_hostile_pattern_cannot_hang_the_host() -> None:
    """Patterns come from skills too, so matching takes linear time."""
    began = time.monotonic()
    rule = Rule.parse("Bash(" + "*a" * 5_000 + "*b)")
    assert not rule.matches("Bash", "a" * 100_000, grants=True)
    with pytest.raises(ValueError, match="is not a rule"):
        Rule.parse("mcp__" + "_" * 100_000 + "!")
    assert time.monotonic() - began < 5
