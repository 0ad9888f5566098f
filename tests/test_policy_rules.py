"""Rules: how they read, which tools they cover and which uses they match."""

from __future__ import annotations

import pytest

from openskills_core.models import HostPolicy
from openskills_core.policy import Rule, Surroundings, validate_policy
from openskills_core.policy.commands import Part, allows
from openskills_core.policy.rules import Asked


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
        *(
            "Bash ls",
            "Bash (ls)",
            "Bash(ls) x",
            "7zip",
            "Bash(command:rm *)",
            "Bash(command : rm)",
            "Read(file_path:x)",
        ),
        *("WebFetch(url:https://a)", "Read(!x)", "Read(..)", "Read(a/../../b)", "Edit(a[b)", "Edit(/)", "Edit(./)"),
        *(f"Read({'a' * 1001})", "Read([[:alpha:]])"),
    ],
)
def test_a_malformed_rule_is_an_error_that_names_it(text: str) -> None:
    """A rule that cannot be read must not become a rule that never matches."""
    with pytest.raises(ValueError, match="is not a rule: ") as caught:
        validate_policy(HostPolicy(deny=("Read", text)))
    assert repr(text)[:200] in str(caught.value)


@pytest.mark.parametrize("text", ["*", "B*", "mcp__*", "mcp__*__x", "*(ls)"])
def test_a_star_for_a_tool_denies_and_asks_only(text: str) -> None:
    """What allows has to name its tool, or at least its server."""
    validate_policy(HostPolicy(deny=(text,), ask=(text,)))
    with pytest.raises(ValueError, match=r"\* in a tool's name may stand behind mcp__<server>__ only"):
        validate_policy(HostPolicy(allow=(text,)))
    assert not Rule.parse(text).may_grant
    assert Rule.parse("mcp__db__get_*").may_grant


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
        ("mcp__*", ["mcp__db__query", "mcp__other"], ["Bash"]),
        ("*", ["Bash", "run_command", "mcp__db__query", "Custom"], []),
        ("B*", ["Bash", "run_command"], ["Read", "read_file"]),
        ("shell", ["Bash", "run_command", "run_skill_script", "shell", "execute"], ["Read"]),
        ("execute/runInTerminal", ["run_command"], ["read_file"]),
        ("readFile", ["Read", "read_file", "grep"], ["write_file"]),
        ("search", ["grep", "glob", "Grep"], ["read_file", "list_files"]),
        ("edit/editFiles", ["write_file", "edit_file", "Write"], ["read_file"]),
        ("web", ["WebFetch", "WebSearch"], ["Bash"]),
        ("Task", ["Agent"], ["Skill"]),
        ("Custom", ["Custom"], ["custom"]),
    ],
)
def test_a_rule_covers_a_family_of_tools(rule: str, covered: list[str], left: list[str]) -> None:
    """Claude's names stand for our tools too; our names stand for one tool each."""
    assert [tool for tool in (*covered, *left) if Rule.parse(rule).covers(tool)] == covered


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
        ("domain:example.*", "https://example.org", True),
        ("domain:example.*", "https://example.evil.com", False),
        ("domain:*.com", "https://example.com", True),
        ("domain:exa*le.com", "https://example.com", True),
        ("domain:example.com.", "https://example.com", True),
        ("domain: example.com", "https://example.com", True),
    ],
)
def test_a_domain_pattern_looks_at_the_host(pattern: str, url: str, *, expected: bool) -> None:
    """User names, ports, letter case and a final dot do not mislead it."""
    rule, asked = Rule.parse(f"WebFetch({pattern})"), Asked("WebFetch", url)
    assert rule.allows(asked) is expected
    assert (rule.forbids(asked) == "") is expected


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.org\\.example.com/",
        "https://a.\uff45xample.com@evil.org",
        "https://ev\u00efl.example.com",
        "https://a%00.example.com",
        "https://a b.example.com",
    ],
)
def test_a_host_that_clients_may_read_differently_is_not_granted(url: str) -> None:
    """A backslash ends a host for browsers and not for Python, and letters may be folded."""
    assert not Rule.parse("WebFetch(domain:*.example.com)").allows(Asked("WebFetch", url))


@pytest.mark.parametrize(
    "url",
    [
        "https://EXAMPLE.com.",
        "https://\uff45xample.com",
        "https://example%2ecom",
        "https://example\u3002com",
        "example.com",
    ],
)
def test_a_denied_host_is_found_in_disguise(url: str) -> None:
    """What a client would look up counts."""
    assert Rule.parse("WebFetch(domain:example.com)").forbids(Asked("WebFetch", url)) == ""


@pytest.mark.parametrize(
    ("rule", "tool", "detail", "granting", "denying"),
    [
        ("Skill(pdf)", "activate_skill", "pdf", True, True),
        ("Skill(pdf)", "activate_skill", "pdf a b", False, True),
        ("Skill(pdf *)", "activate_skill", "pdf a b", True, True),
        ("Skill(pdf *)", "activate_skill", "pdf", True, True),
        ("Skill(pdf *)", "activate_skill", "pdfs", False, False),
        ("Skill(plugin:*)", "activate_skill", "plugin:pdf", False, True),
        ("Skill(plugin:pdf)", "activate_skill", "plugin:pdf", True, True),
        ("Agent(Explore)", "Agent", "Explore", True, True),
        ("Agent(Explore)", "Task", "Explore", True, True),
        ("Agent(Explore)", "Agent", "Plan", False, False),
        ("mcp__db__query", "mcp__db__query", "anything", True, True),
        ("mcp__db__query(users)", "mcp__db__query", "users", True, True),
        ("mcp__db__query(users)", "mcp__db__query", "", False, False),
    ],
)
def test_other_tools_match_by_name(rule: str, tool: str, detail: str, *, granting: bool, denying: bool) -> None:
    """Skills and agents exactly or with arguments, tools of servers by their text."""
    assert Rule.parse(rule).allows(Asked(tool, detail)) is granting
    assert (Rule.parse(rule).forbids(Asked(tool, detail)) == "") is denying


@pytest.mark.parametrize(
    ("rule", "parameters", "expected"),
    [
        ("Agent(model:opus)", {"model": "opus"}, True),
        ("Agent(model : opus)", {"model": "opus"}, True),
        ("Agent(model:op*)", {"model": "opus"}, True),
        ("Agent(model:*)", {"model": "opus"}, True),
        ("Agent(model:opus)", {"model": "claude-opus"}, False),
        ("Agent(model:opus)", {"other": "opus"}, False),
        ("Agent(model:*)", {}, False),
        ("Agent(model:*)", {"model": ["opus"]}, False),
        ("Agent(model:*)", {"model": None}, False),
        ("Agent(turns:3)", {"turns": 3}, True),
        ("Agent(background:true)", {"background": True}, True),
    ],
)
def test_a_parameter_is_matched_by_what_denies_and_asks_only(
    rule: str, parameters: dict[str, object], *, expected: bool
) -> None:
    """One that is left out is never matched, and one that is allowed says nothing about the rest of a call."""
    asked = Asked("Agent", "Explore", Surroundings(parameters=parameters))
    assert (Rule.parse(rule).forbids(asked) == "") is expected
    assert not Rule.parse(rule).allows(asked)


def test_a_parameter_of_a_command_is_matched_beside_its_text() -> None:
    """A command has both."""
    asked = Asked("run_command", "ls", Surroundings(parameters={"command": "ls", "skill": "pdf"}))
    assert Rule.parse("Bash(skill:pdf)").forbids(asked) == ""
    assert Rule.parse("Bash(skill:doc)").forbids(asked) is None


def test_a_hostile_pattern_cannot_hang_the_host() -> None:
    """Patterns come from skills too, so matching takes linear time; the runner's limit ends a test that hangs."""
    rule = Rule.parse("Bash(" + "*a" * 5_000 + "*b)")
    assert not allows(rule.pattern, Part(forms=("a" * 100_000,)))
    assert rule.forbids(Asked("Bash", "a" * 40_000)) is None
    with pytest.raises(ValueError, match="is not a rule"):
        Rule.parse("mcp__" + "_" * 100_000 + "!")
    path = Rule.parse("Read(" + "a*" * 100 + "/**" * 100 + "/" + "*a" * 100 + "b)")
    assert not path.allows(Asked("read_file", "/".join(["a" * 200] * 200)))
