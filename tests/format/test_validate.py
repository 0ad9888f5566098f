"""The rules of the profiles: which frontmatter is wrong for whom, on which line, and how badly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format.codes import CODES as READER_CODES
from openskills_core.format.profiles import CODES, MAX_FINDINGS, SEVERITIES, Findings, Profile
from openskills_core.format.validate import SPECIFIED, SUPERSEDED, UNREAD, check_document

if TYPE_CHECKING:
    from openskills_core.manifest import Diagnostic, Preset

PATH = Path("/skills/my-skill/SKILL.md")
DESCRIPTION = "description: Does it. Use it in tests."
FULL_WIDTH = "\uff4d\uff59-skill"
GOOD = f"name: my-skill\n{DESCRIPTION}\n"


def check(
    data: str | bytes, profile: Profile = "strict", *, directory: str = "my-skill", preset: Preset = "claude-code"
) -> list[Diagnostic]:
    """Return what a profile says of a SKILL.md in `directory`."""
    found = Findings(profile, PATH, directory)
    check_document(data.encode() if isinstance(data, str) else data, found, preset=preset)
    return found.items


def brief(data: str | bytes, profile: Profile = "strict", directory: str = "my-skill") -> list[tuple[int, str, str]]:
    """Return line, severity and code of each finding."""
    return [(note.line, note.severity, note.code) for note in check(data, profile, directory=directory)]


def with_fields(fields: str) -> str:
    """Return a SKILL.md with this frontmatter."""
    return f"---\n{fields}---\nDo it.\n"


@pytest.mark.parametrize("profile", get_args(Profile))
def test_a_skill_as_the_specification_shows_it_passes(profile: Profile) -> None:
    """The six fields, written as the specification writes them, draw no word in any profile."""
    fields = (
        f"{GOOD}license: Apache-2.0\ncompatibility: Needs git\nallowed-tools: Bash(git:*) Read\n"
        'metadata:\n  author: example-org\n  version: "1.0"\n'
    )
    assert check(with_fields(fields), profile) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(DESCRIPTION + "\n", [(1, "error", "missing-field")], id="no-name"),
        pytest.param("name: my-skill\n", [(1, "error", "missing-field")], id="no-description"),
        pytest.param("", [(1, "error", "missing-field")] * 2, id="empty-frontmatter"),
        pytest.param(f"name:\n{DESCRIPTION}\n", [(2, "error", "missing-field")], id="null-name"),
        pytest.param("name: my-skill\ndescription: '  '\n", [(3, "error", "missing-field")], id="blank-description"),
        pytest.param("name: my-skill\ndescription: ~\n", [(3, "error", "missing-field")], id="tilde-description"),
        pytest.param(f"{GOOD}compatibility: ''\n", [(4, "error", "empty-field")], id="empty-compatibility"),
        pytest.param(f"{GOOD}license:\n", [(4, "error", "empty-field")], id="null-license"),
        pytest.param(f"{GOOD}compatibility: {'x' * 501}\n", [(4, "error", "compatibility-too-long")], id="501"),
        pytest.param(f"{GOOD}compatibility: {'x' * 500}\n", [], id="500"),
        pytest.param(f"name: my-skill\ndescription: {'x' * 1025}\n", [(3, "error", "description-too-long")], id="1025"),
        pytest.param(f"name: my-skill\ndescription: {'x' * 1024}\n", [], id="1024"),
        pytest.param(f"{GOOD}allowed-tools: [Read, Grep]\n", [(4, "error", "expected-text")], id="flow-list-of-tools"),
        pytest.param(f"{GOOD}allowed-tools:\n  - Read\n", [(4, "error", "expected-text")], id="block-list-of-tools"),
        pytest.param(f"{GOOD}license: {{a: b}}\n", [(4, "error", "expected-text")], id="license-as-map"),
        pytest.param(
            "name: [my-skill]\ndescription:\n  - Does it.\n",
            [
                (2, "error", "bad-name"),
                (2, "error", "expected-text"),
                (2, "error", "name-mismatch"),
                (3, "error", "expected-text"),
            ],
            id="lists-for-name-and-description",
        ),
        pytest.param(f"{GOOD}allowed-tools: Read, Bash(a, b)\n", [(4, "warning", "comma-in-tools")], id="commas"),
        pytest.param(f"{GOOD}allowed-tools: Read Bash(a, b)\n", [], id="commas-in-parentheses"),
        pytest.param(f"{GOOD}metadata: text\n", [(4, "error", "expected-map")], id="metadata-as-text"),
        pytest.param(f"{GOOD}metadata: {{a: b}}\n", [(4, "warning", "flow-style")], id="metadata-in-braces"),
        pytest.param(f"{GOOD}metadata:\n  a:\n    b: c\n", [(5, "error", "expected-text")], id="nested-metadata"),
        pytest.param(f"{GOOD}metadata:\n  version: 1.0\n", [(5, "warning", "typed-metadata")], id="number-in-metadata"),
        pytest.param(
            f"{GOOD}metadata:\n  day: 2024-01-15\n", [(5, "warning", "typed-metadata")], id="date-in-metadata"
        ),
        pytest.param(f"{GOOD}license: 2\n", [(4, "warning", "typed-value")], id="number-as-license"),
        pytest.param(f"{GOOD}{DESCRIPTION}\n", [(4, "error", "duplicate-field")], id="duplicate"),
        pytest.param("name: my-skill\ndescription: Use when: asked\n", [(3, "error", "yaml-repaired")], id="colon"),
        pytest.param(f"{GOOD}model: opus\n", [(4, "error", "unexpected-field")], id="field-of-claude-code"),
        pytest.param(f"{GOOD}allowed_tools: Read\n", [(4, "error", "unexpected-field")], id="misspelt"),
        pytest.param("name: my-skill\ndescription: a --- b\n", [(3, "warning", "dashes-in-value")], id="dashes"),
    ],
)
def test_strict_holds_a_skill_to_the_specification(fields: str, expected: list[tuple[int, str, str]]) -> None:
    """Presence, shape and length of the six fields, and nothing beside them."""
    assert sorted(brief(with_fields(fields))) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my-skill", []),
        ("a", []),
        ("3000", ["typed-value"]),
        ("x" * 64, []),
        ("x" * 65, ["name-too-long"]),
        ("My-Skill", ["bad-name"]),
        ("my_skill", ["bad-name"]),
        ("-my-skill", ["bad-name"]),
        ("my-skill-", ["bad-name"]),
        ("my--skill", ["bad-name"]),
        ("my skill", ["bad-name"]),
        ("技能", ["non-ascii-name"]),
        ("навык-1", ["non-ascii-name"]),
        ("Навык", ["bad-name", "non-ascii-name"]),
    ],
)
def test_both_readings_of_a_name_are_told_apart(name: str, expected: list[str]) -> None:
    """What the reference validator refuses is an error; letters beyond a-z, which it takes, are a warning."""
    notes = check(with_fields(f"name: {name}\n{DESCRIPTION}\n"), directory=name)
    assert sorted(note.code for note in notes) == expected
    assert {note.severity for note in notes} <= {"error"} or expected[-1] in ("non-ascii-name", "typed-value")


def test_a_name_is_compared_with_its_directory_in_one_form() -> None:
    """Full-width letters are the same name (NFKC), though not a-z; another name is an error that shows both."""
    assert [note.code for note in check(with_fields(f"name: {FULL_WIDTH}\n{DESCRIPTION}\n"))] == ["non-ascii-name"]
    (note,) = check(with_fields(f"name: other\n{DESCRIPTION}\n"))
    assert (note.severity, note.code) == ("error", "name-mismatch")
    assert "'other'" in note.message
    assert "'my-skill'" in note.message


@pytest.mark.parametrize(
    ("fields", "directory", "expected"),
    [
        (f"name: claude-helper\n{DESCRIPTION}\n", "claude-helper", "reserved-word"),
        (f"name: my-anthropic\n{DESCRIPTION}\n", "my-anthropic", "reserved-word"),
        (f"name: 技能\n{DESCRIPTION}\n", "技能", "non-ascii-name"),
        ("name: my-skill\ndescription: Makes <b>bold</b>.\n", "my-skill", "angle-brackets"),
        ("name: my-skill\ndescription: a > b\n", "my-skill", "angle-brackets"),
        ("name: my-skill\ndescription: 42\n", "my-skill", "typed-value"),
        (f"name: 3000\n{DESCRIPTION}\n", "3000", "typed-value"),
        (f"{GOOD}argument-hint: x\n", "my-skill", "unexpected-field"),
    ],
)
def test_upload_adds_what_claude_ai_refuses(fields: str, directory: str, expected: str) -> None:
    """Reserved words, XML, other letters than a-z, and values that are no strings are errors."""
    assert [(severity, code) for _, severity, code in brief(with_fields(fields), "upload", directory)] == [
        ("error", expected)
    ]


@pytest.mark.parametrize(
    ("data", "code", "strict"),
    [
        pytest.param(b"\xef\xbb\xbf---\n" + GOOD.encode() + b"---\nBody\n", "byte-order-mark", "error", id="mark"),
        pytest.param(b"---  \n" + GOOD.encode() + b"---\nBody\n", "blanks-after-dashes", "warning", id="blanks"),
    ],
)
def test_what_readers_forgive_and_packagers_do_not(data: bytes, code: str, strict: str) -> None:
    """Such a file loads, and other clients see no frontmatter in it."""
    assert brief(data) == [(1, strict, code)]
    assert brief(data, "upload") == [(1, "error", code)]
    assert brief(data, "runtime") == []


@pytest.mark.parametrize(
    "data",
    [f"---\n{GOOD}---\nBody\n".replace("\n", "\r\n"), f"---\n{GOOD}---  "],
    ids=["crlf", "blanks-after-the-closing-dashes-at-the-end"],
)
@pytest.mark.parametrize("profile", get_args(Profile))
def test_what_everybody_reads_draws_no_word(data: str, profile: Profile) -> None:
    """Line ends of Windows, and a file that ends with its frontmatter."""
    assert check(data, profile) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("# Title\n", "no-frontmatter"),
        ("", "no-frontmatter"),
        (f"\n---\n{GOOD}---\n", "late-frontmatter"),
        (f"{GOOD}Body\n", "unfenced-frontmatter"),
        (f"----\n{GOOD}---\n", "bad-fence"),
        (f"---\n{GOOD}Body\n", "unclosed-frontmatter"),
        ("---\n- a\n- b\n---\n", "bad-yaml"),
    ],
)
def test_frontmatter_that_cannot_be_read_is_one_error(data: str, code: str) -> None:
    """That every field is then missing is not said again."""
    (note,) = check(data)
    assert (note.severity, note.code) == ("error", code)


def test_every_problem_is_reported_at_once_in_order_of_line() -> None:
    """One run names all of them: an author need not correct and check in turn."""
    fields = "name: My Skill\nmodel: opus\nlicense:\nmetadata: {a: [b]}\nallowed-tools: [Read]\n"
    found = brief(with_fields(fields), "upload")
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert {code for _, _, code in found} == {
        "missing-field", "bad-name", "name-mismatch", "unexpected-field", "empty-field", "flow-style", "expected-text"
    }  # fmt: skip


def test_an_unexpected_field_gets_the_advice_that_helps() -> None:
    """A near miss is corrected, a field of Claude Code is called that, anything else goes under metadata."""
    notes = check(with_fields(f"{GOOD}descripton: x\nmodel: opus\nauthor: me\n"))
    assert [note.message.partition("; ")[2].split(",")[0] for note in notes] == [
        "did you mean 'description'?",
        "delete it",
        "move it under metadata:",
    ]
    assert all(field in notes[0].message for field in SPECIFIED)


def test_runtime_has_errors_only_for_what_cannot_be_used() -> None:
    """Claude Code ignores what it does not know and falls back; a value that does not count is an error."""
    fields = "name: My Skill\nmodel: opus\nunheard-of: 1\nuser-invocable: perhaps\n"
    assert brief(with_fields(fields), "runtime") == [
        (1, "warning", "no-description"),
        (2, "warning", "bad-name"),
        (2, "warning", "name-mismatch"),
        (4, "info", "unknown-field"),
        (5, "error", "bad-boolean"),
    ]


def test_runtime_asks_the_preset_whether_a_skill_loads() -> None:
    """The client guide leaves a skill without a description out; Claude Code takes the first line."""
    for preset, severity in (("claude-code", "warning"), ("agentskills", "error")):
        (note,) = check(with_fields("name: my-skill\n"), "runtime", preset=preset)  # type: ignore[arg-type]
        assert (note.code, note.severity) == ("no-description", severity)


def test_the_tables_of_codes_agree() -> None:
    """No code stands for two things, and every code that a profile or the rules name exists."""
    assert not set(CODES) & set(READER_CODES)
    known = set(CODES) | set(READER_CODES)
    assert known >= SUPERSEDED | UNREAD
    for severities in SEVERITIES.values():
        assert known >= set(severities)


def test_there_is_an_end_to_findings() -> None:
    """A file that is wrong in every line is cut off, and says so."""
    found = Findings("strict", PATH, "my-skill")
    for line in range(MAX_FINDINGS + 5):
        found.add("broken-link", "x", line)
    assert [note.code for note in found.items[-2:]] == ["broken-link", "many-problems"]
    assert len(found.items) == MAX_FINDINGS + 1


@given(st.binary(max_size=300), st.sampled_from(get_args(Profile)))
def test_no_file_makes_it_raise(data: bytes, profile: Profile) -> None:
    """Whatever the bytes, the answer is a list of findings with lines of the file."""
    for content in (data, b"---\n" + data + b"\n---\n"):
        for note in check(content, profile):
            assert 1 <= note.line <= content.count(b"\n") + content.count(b"\r") + 2
