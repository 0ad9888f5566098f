"""The `hooks:` field, in Claude Code's nested form and in the flat one of earlier OpenSkills."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.manifest import Hook


def parse(hooks: str) -> ParsedSkill:
    """Parse a skill whose `hooks:` field is this."""
    data = f"---\ndescription: D\nhooks:{hooks}\nwhen_to_use: always\n---\n".encode()
    return parse_skill(data, Path("/skills/my-skill/SKILL.md"), "my-skill")


def findings(skill: ParsedSkill) -> list[tuple[str, int]]:
    """Return the code and line of each diagnostic."""
    return [(note.code, note.line) for note in skill.diagnostics]


NESTED = """
  PreToolUse:
    - matcher: "Edit|Write"
      hooks:
        - type: command
          command: ./scripts/check.sh
          timeout: 30
          statusMessage: Checking
        - type: prompt
          prompt: Is this safe? $ARGUMENTS
    - matcher: "*"
      hooks:
        - type: http
          url: http://localhost/hook
          timeout: 1.5
  Stop:
    - hooks:
        - type: command
          command: ./done.sh
          once: true"""

FLAT = """
  PreToolUse:
    - matcher: Edit|Write
      command: ./scripts/check.sh
      timeout_ms: 30000
      cwd: scripts
  Stop:
    - command: ./done.sh"""


def test_claude_codes_nested_hooks_are_read() -> None:
    """One matcher has many handlers, and time-outs are seconds."""
    skill = parse(NESTED)
    assert skill.manifest.hooks == (
        Hook("PreToolUse", "./scripts/check.sh", "Edit|Write", timeout_ms=30_000),
        Hook("PreToolUse", "Is this safe? $ARGUMENTS", "Edit|Write", type="prompt"),
        Hook("PreToolUse", "http://localhost/hook", type="http", timeout_ms=1500),
        Hook("Stop", "./done.sh", once=True),
    )
    assert skill.diagnostics == ()


def test_flat_hooks_are_read() -> None:
    """An entry with a command of its own is the handler, and time-outs are milliseconds."""
    skill = parse(FLAT)
    assert skill.manifest.hooks == (
        Hook("PreToolUse", "./scripts/check.sh", "Edit|Write", timeout_ms=30_000, cwd="scripts"),
        Hook("Stop", "./done.sh"),
    )
    assert skill.diagnostics == ()


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("command: node, args: [a.js, --fix]", Hook("Stop", "node", args=("a.js", "--fix"))),
        ("command: x, args: []", Hook("Stop", "x", args=())),
        ("command: x, if: Bash(git *)", Hook("Stop", "x", condition="Bash(git *)")),
        ("type: agent, prompt: Check it", Hook("Stop", "Check it", type="agent")),
        ("type: mcp_tool, server: s, tool: t", Hook("Stop", "mcp__s__t", type="mcp_tool")),
        ("command: x, timeout: 2, timeout_ms: 5", Hook("Stop", "x", timeout_ms=5)),
        ("command: x, timeout: 0.0001", Hook("Stop", "x", timeout_ms=1)),
        ("command: x, timeout: ~, args: ~, once: no, async: true", Hook("Stop", "x")),
    ],
)
def test_every_key_of_a_handler_has_its_place(handler: str, expected: Hook) -> None:
    """In both forms alike."""
    for hooks in (
        f" {{Stop: [{{{handler}}}]}}",
        f" {{Stop: [{{hooks: [{{{handler}}}]}}]}}",
        f" {{Stop: {{{handler}}}}}",
    ):
        skill = parse(hooks)
        assert (skill.manifest.hooks, skill.diagnostics) == ((expected,), ())


@pytest.mark.parametrize(
    ("hooks", "code", "advice"),
    [
        (" [a]", "expected-map", "`key: value` lines"),
        ("\n  Stop: ./done.sh", "bad-hook", "`command: …` lines, not './done.sh'"),
        ("\n  Stop:\n    - ./done.sh", "bad-hook", "`command: …` lines"),
        ("\n  Stop:\n    - hooks:\n      - x", "bad-hook", "`command: …` lines"),
        ("\n  Stop:\n    - matcher: x", "bad-hook", "write command: for this 'Stop' hook"),
        ("\n  Stop:\n    - type: http\n      command: x", "bad-hook", "write url:"),
        ("\n  Stop:\n    - type: shell\n      command: x", "bad-hook", "command, prompt, agent, http, mcp_tool"),
    ],
)
def test_a_hook_that_cannot_be_run_is_left_out(hooks: str, code: str, advice: str) -> None:
    """The author is told what to write, and the fields beside it count."""
    skill = parse(hooks)
    assert (skill.manifest.hooks, skill.manifest.when_to_use) == ((), "always")
    (note,) = skill.diagnostics
    assert (note.code, note.severity) == (code, "warning")
    assert advice in note.message


@pytest.mark.parametrize(
    ("hooks", "code", "advice"),
    [
        ("\n  preToolUse:\n  - command: x", "unknown-event", "write PreToolUse"),
        ("\n  PostToolUses:\n  - command: x", "unknown-event", "write PostToolUse"),
        ("\n  Whenever:\n  - command: x", "unknown-event", "see Claude Code's hooks reference"),
        ("\n  Stop:\n  - command: x\n    timeout: soon", "bad-value", "'timeout' as a number of seconds, not 'soon'"),
        ("\n  Stop:\n  - command: x\n    timeout_ms: -1", "bad-value", "a number of milliseconds"),
        ("\n  Stop:\n  - command: x\n    timeout: 0", "bad-value", "a number of seconds"),
        (f"\n  Stop:\n  - command: x\n    timeout: {'9' * 5000}", "bad-value", "a number of seconds"),
        ("\n  Stop:\n  - command: x\n    once: maybe", "bad-boolean", "true or false for 'once'"),
    ],
)
def test_a_doubtful_hook_is_kept(hooks: str, code: str, advice: str) -> None:
    """With the default in place of what cannot be read."""
    skill = parse(hooks)
    (hook,) = skill.manifest.hooks
    assert (hook.command, hook.timeout_ms, hook.once) == ("x", None, False)
    (note,) = skill.diagnostics
    assert note.code == code
    assert advice in note.message


@pytest.mark.parametrize("hooks", ["", " {}", " {Stop: []}", " {Stop: ~}", "\n  Stop:"])
def test_no_hooks_are_no_mistake(hooks: str) -> None:
    """An event without handlers says nothing."""
    skill = parse(hooks)
    assert (skill.manifest.hooks, findings(skill)) == ((), [])
