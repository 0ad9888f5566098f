"""Where the frontmatter begins and ends, and what an author is told who got that wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.format.sections import MAX_FRONTMATTER


def parse(data: str) -> ParsedSkill:
    """Parse `data` as the SKILL.md of `my-skill`."""
    return parse_skill(data.encode(), Path("/skills/my-skill/SKILL.md"), "my-skill")


FIELDS = "name: my-skill\ndescription: D\n"


@pytest.mark.parametrize(
    ("data", "code", "line", "advice"),
    [
        pytest.param(
            f"\n\n---\n{FIELDS}---\n", "late-frontmatter", 3, "delete the blank lines above", id="blank-lines"
        ),
        pytest.param(f"# Title\n---\n{FIELDS}---\n", "late-frontmatter", 2, "delete what is above", id="heading"),
        pytest.param(f"<!-- c -->\n\n---\n{FIELDS}---\n", "late-frontmatter", 3, "delete what is above", id="comment"),
        pytest.param(
            f"```yaml\n---\n{FIELDS}---\n```\n", "late-frontmatter", 2, "delete the line '```yaml'", id="code-fence"
        ),
        pytest.param(f"----\n{FIELDS}----\n", "bad-fence", 1, "not '----'", id="four-dashes"),
        pytest.param(f"--\n{FIELDS}--\n", "bad-fence", 1, "not '--'", id="two-dashes"),
        pytest.param(f"\u2014-\n{FIELDS}---\n", "bad-fence", 1, "not '\u2014-'", id="long-dash"),
        pytest.param(f"\u200b---\n{FIELDS}---\n", "bad-fence", 1, "not '\\u200b---'", id="invisible"),
        pytest.param(f" ---\n{FIELDS}---\n", "bad-fence", 1, "not ' ---'", id="indented"),
        pytest.param(f"--- yaml\n{FIELDS}---\n", "bad-fence", 1, "not '--- yaml'", id="text-beside"),
        pytest.param(f"+++\n{FIELDS}+++\n", "bad-fence", 1, "not '+++'", id="plus-signs"),
        pytest.param(f"{FIELDS}---\nBody", "unfenced-frontmatter", 1, "write a line --- above", id="no-opening"),
        pytest.param(f"\n{FIELDS}\nBody", "unfenced-frontmatter", 2, "write a line --- above", id="no-fences"),
        pytest.param("# Title\n\nText", "no-frontmatter", 1, "begin the file with ---", id="plain-text"),
        pytest.param("-----\nText", "no-frontmatter", 1, "begin the file with ---", id="a-rule"),
        pytest.param(
            "# Guide\n" + "text\n" * 20 + f"---\n{FIELDS}---\n", "no-frontmatter", 1, "begin the file", id="an-example"
        ),
    ],
)
def test_frontmatter_that_does_not_begin_is_body_and_the_slip_is_named(
    data: str, code: str, line: int, advice: str
) -> None:
    """As in Claude Code, the fence must be the first line; the author is told what keeps it from being that."""
    skill = parse(data)
    assert (skill.manifest.license, skill.body, skill.lines) == ("", data.strip(), {})
    note = skill.diagnostics[0]
    assert (note.code, note.line) == (code, line)
    assert advice in note.message


@pytest.mark.parametrize(
    ("rest", "line", "advice"),
    [
        ("Body", 1, "there is none in the file"),
        ("----\nBody", 4, "not '----'"),
        ("--\nBody", 4, "not '--'"),
        ("\u2014\nBody", 4, "not '\u2014'"),
        ("...\nBody", 4, "not '...'"),
        ("  ---\nBody", 4, "not '  ---'"),
        ("---x\nBody", 4, "not '---x'"),
        ("|---|---|\n--- | ---", 1, "there is none in the file"),
        ("- item\n-\n", 1, "there is none in the file"),
    ],
)
def test_frontmatter_that_does_not_end_is_body_and_the_slip_is_named(rest: str, line: int, advice: str) -> None:
    """The line that most likely was to end it is pointed out."""
    skill = parse(f"---\n{FIELDS}{rest}")
    assert (skill.manifest.description, skill.lines) == ("", {})
    assert "description: D" in skill.body
    note = skill.diagnostics[0]
    assert (note.code, note.severity, note.line) == ("unclosed-frontmatter", "error", line)
    assert advice in note.message


@pytest.mark.parametrize("ending", ["---", "---\n", "---  \n", "---\t\r\n", "---\r\r\n"])
def test_both_fences_may_have_blanks_after_them(ending: str) -> None:
    """Blanks and carriage returns at the end of a line are nothing an author can see."""
    skill = parse(f"{ending.strip()}{ending[3:] or chr(10)}{FIELDS}{ending}")
    assert (skill.description, skill.diagnostics) == ("D", ())


def test_empty_frontmatter_is_frontmatter() -> None:
    """Two fences in a row hold no field, and the body begins below."""
    skill = parse("---\n---\nBody")
    assert (skill.body, skill.body_line, [note.code for note in skill.diagnostics]) == ("Body", 3, ["no-description"])


@pytest.mark.parametrize(
    ("length", "rest", "found"),
    [
        (MAX_FRONTMATTER - 5, "\n---\nBody", True),
        (MAX_FRONTMATTER - 4, "\n---\nBody", False),
        (MAX_FRONTMATTER - 4, "\n---", True),
        (MAX_FRONTMATTER - 4, "\n---x", False),
        (MAX_FRONTMATTER - 2, "\n---\nBody", False),
    ],
)
def test_the_second_fence_must_come_within_the_limit(length: int, rest: str, found: bool) -> None:
    """It is looked for so far and no further, also where the limit cuts through it."""
    skill = parse(f"---\n{'license: L #'.ljust(length, '#')}{rest}")
    assert (skill.manifest.license == "L") is found
    assert ("within 64 KiB" in skill.diagnostics[0].message) is not found
