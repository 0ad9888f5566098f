"""How a SKILL.md loads: what becomes of its fields, its body and its mistakes as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.format.notes import MAX_NOTES

PATH = Path("/skills/my-skill/SKILL.md")
BODY = "# Title\n\nDo the work.\n"


def parse(data: str | bytes) -> ParsedSkill:
    """Parse `data` as the SKILL.md of `my-skill`."""
    return parse_skill(data.encode() if isinstance(data, str) else data, PATH, "my-skill")


def with_fields(fields: str) -> ParsedSkill:
    """Parse a skill that has these frontmatter lines."""
    return parse(f"---\n{fields}\n---\n{BODY}")


def codes(skill: ParsedSkill) -> list[str]:
    """Return the codes of a skill's diagnostics, in order."""
    return [note.code for note in skill.diagnostics]


def test_a_skill_as_the_specification_shows_it_loads_without_a_word() -> None:
    """Every field of the open format arrives, and nothing is criticised."""
    skill = with_fields(
        "name: my-skill\ndescription: Does it.\nlicense: MIT\ncompatibility: Needs git\n"
        "metadata:\n  version: 1.0\nallowed-tools: Bash(git:*) Read"
    )
    assert (skill.manifest.name, skill.description, skill.body) == ("my-skill", "Does it.", BODY.strip())
    assert (skill.manifest.license, skill.manifest.compatibility) == ("MIT", "Needs git")
    assert skill.manifest.metadata == {"version": "1.0"}
    assert skill.manifest.allowed_tools == ("Bash(git:*)", "Read")
    assert skill.diagnostics == ()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xef\xbb\xbf---\nname: my-skill\ndescription: D\n---\nBody\n", id="byte-order-mark"),
        pytest.param(b"---\r\nname: my-skill\r\ndescription: D\r\n---\r\nBody\r\n", id="crlf"),
        pytest.param(b"---  \nname: my-skill\ndescription: D\n---\t\nBody\n", id="blanks-after-the-fences"),
        pytest.param(b"---\nname: my-skill\ndescription: D\n---\n\n\nBody", id="blank-lines-around-the-body"),
    ],
)
def test_fences_and_encodings_found_in_the_wild_load(data: bytes) -> None:
    """The frontmatter is found and the body is what follows it."""
    skill = parse(data)
    assert (skill.manifest.name, skill.description, skill.body) == ("my-skill", "D", "Body")
    assert skill.diagnostics == ()


def test_a_closing_fence_may_end_the_file() -> None:
    """No newline is needed after the closing fence."""
    skill = parse("---\nname: my-skill\ndescription: D\n---")
    assert (skill.description, skill.body, codes(skill)) == ("D", "", [])


def test_dashes_inside_a_value_or_the_body_are_no_fence() -> None:
    """Only a whole line of three dashes closes the frontmatter, and only the first one."""
    skill = parse("---\nname: my-skill\ndescription: Reads a --- b\nlicense: ---x\n---\none\n\n---\n\ntwo\n")
    assert (skill.description, skill.manifest.license) == ("Reads a --- b", "---x")
    assert skill.body == "one\n\n---\n\ntwo"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!important do it", "!important do it"),
        ("|\n  two\n  lines", "two\nlines"),
        (">-\n  one\n  line", "one line"),
        ("plain\n  goes on", "plain goes on"),
        ('"a: b"', "a: b"),
        ("über 技能 🎉", "über 技能 🎉"),
        ("uses <tags> & entities", "uses <tags> & entities"),
        ("[a, b]", "[a, b]"),
        ("{a: b}", "{a: b}"),
        ("3000", "3000"),
        ("1.0", "1.0"),
        ("yes", "yes"),
        ("2024-01-15", "2024-01-15"),
        ("!!str 7", "7"),
    ],
)
def test_text_is_kept_as_written(value: str, expected: str) -> None:
    """No value of a text field is turned into a number, boolean, date or list."""
    skill = with_fields(f"name: my-skill\ndescription: {value}")
    assert (skill.description, codes(skill)) == (expected, [])


def test_an_argument_hint_in_brackets_stays_text() -> None:
    """What YAML calls a list or a map inside a list is the author's text."""
    assert with_fields("argument-hint: [issue-number]").manifest.argument_hint == "[issue-number]"
    assert with_fields("argument-hint: [topic: a | b] [c]").manifest.argument_hint == "[topic: a | b] [c]"


@pytest.mark.parametrize("empty", ["", "~", "null", '""'])
def test_an_empty_field_is_as_good_as_absent(empty: str) -> None:
    """The directory names the skill and the body describes it."""
    skill = with_fields(f"name: {empty}\ndescription: {empty}")
    assert (skill.manifest.name, skill.description) == ("my-skill", "Do the work.")
    assert codes(skill) == ["no-description"]


def test_without_frontmatter_the_whole_file_is_the_body() -> None:
    """The directory names the skill and the first line that is no heading describes it."""
    skill = parse(BODY)
    assert (skill.manifest.name, skill.description, skill.body) == ("my-skill", "Do the work.", BODY.strip())
    assert [(note.code, note.severity) for note in skill.diagnostics] == [
        ("no-frontmatter", "info"),
        ("no-description", "warning"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# Only a heading\n", "Only a heading"),
        ("#\n\n---\n\n- first item\n", "first item"),
        ("3. third\n", "third"),
        ("<!-- made\nby hand -->\n\n# A\n\ntext\n", "text"),
        ("```markdown\ntext\n```\n", "text"),
        ("x" * 2000, "x" * 1024),
        ("\n" * 70_000 + "too far down\n", "too far down"),
        ("#\n" * 70_000 + "too far down\n", ""),
        ("## A\n\n   indented\n", "indented"),
        ("", ""),
    ],
)
def test_the_body_describes_a_skill_without_a_description(body: str, expected: str) -> None:
    """Headings, rules, comments and code fences are passed over while there is any text near the top."""
    assert parse(f"---\nname: my-skill\n---\n{body}").description == expected


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ("metadata:\n\tauthor: me", 3),
        ("name: x\n- y", 3),
        ("just text", 2),
        ("name: 'x\n...\nname: y", None),
        ("name: a\n...\n---  x\nname: b", None),
    ],
)
def test_yaml_beyond_repair_costs_the_fields_and_not_the_skill(fields: str, line: int | None) -> None:
    """The skill loads with no field set, and the diagnostic names the line."""
    skill = with_fields(f"{fields}")
    assert (skill.manifest.name, skill.description, skill.body) == ("my-skill", "Do the work.", BODY.strip())
    error = skill.diagnostics[0]
    assert (error.code, error.severity) == ("bad-yaml", "error")
    assert line is None or error.line == line


def test_of_duplicate_fields_the_last_counts() -> None:
    """A repeated key is reported where it is repeated."""
    skill = with_fields("name: my-skill\ndescription: one\ndescription: two")
    assert skill.description == "two"
    assert [(note.code, note.line) for note in skill.diagnostics] == [("duplicate-field", 4)]


def test_an_honest_alias_is_followed() -> None:
    """Anchors and aliases are part of YAML and few of them are harmless."""
    skill = with_fields("description: &d Does it.\nwhen_to_use: *d\nmetadata: {a: &v 1.0, b: *v}")
    assert skill.manifest.when_to_use == "Does it."
    assert skill.manifest.metadata == {"a": "1.0", "b": "1.0"}


def test_a_tag_never_builds_an_object() -> None:
    """A Python tag is text like any other."""
    skill = with_fields("description: !!python/object/apply:os.system [ls]")
    assert skill.description.endswith("[ls]")


def test_a_file_of_nothing_but_mistakes_does_not_flood() -> None:
    """The number of diagnostics of one file is capped, but an error that keeps it from loading is always among them."""
    data = "---\n" + "".join(f"k{number}: v\n" for number in range(1000)) + "---\n"
    assert len(parse(data).diagnostics) == MAX_NOTES
    *_, last = parse_skill(data.encode(), PATH, "my-skill", preset="agentskills").diagnostics
    assert (last.code, last.severity) == ("no-description", "error")


def test_diagnostics_say_where_they_are() -> None:
    """The path, line and skill travel with each diagnostic and its text is one line."""
    (note,) = with_fields("name: my-skill\ndescription: D\nuser-invocable: maybe").diagnostics
    assert (note.path, note.line, note.skill_id) == (PATH, 4, "my-skill")
    expected = "bad-boolean: write true or false for 'user-invocable', not 'maybe'"
    assert str(note) == f"/skills/my-skill/SKILL.md:4: warning {expected}"


def test_lines_lead_back_to_the_file() -> None:
    """Each field has the line of its name, and the body the line of its first text."""
    skill = parse("---\n# note\nname: my-skill\ndescription:\n  D\nmine: 1\n---\n\n\nfirst\nsecond\n")
    assert skill.lines == {"name": 3, "description": 4, "mine": 6}
    assert (skill.body_line, skill.body) == (10, "first\nsecond")


@pytest.mark.parametrize(("data", "line"), [("", 1), ("text", 1), ("\n\n text", 3), ("---\nname: x\n---", 3)])
def test_a_body_has_a_line_even_where_there_is_little_of_it(data: str, line: int) -> None:
    """Without frontmatter, and without body, too."""
    assert parse(data).body_line == line


@pytest.mark.parametrize(
    ("data", "loads"),
    [
        pytest.param("---\nname: my-skill\ndescription: D\n---\n", True, id="described"),
        pytest.param("---\nname: my-skill\n---\nText", False, id="no-description"),
        pytest.param("---\ndescription: '  '\n---\nText", False, id="empty-description"),
        pytest.param("---\ndescription: D\nmetadata:\n\tx: y\n---\nText", False, id="no-yaml"),
        pytest.param("Text", False, id="no-frontmatter"),
        pytest.param("---\ndescription: Use when: asked\n---\n", True, id="repaired"),
    ],
)
def test_the_agentskills_preset_leaves_out_what_has_no_description(data: str, loads: bool) -> None:
    """As the client guide asks, with an error that says so; Claude Code takes the first line of text instead."""
    skill = parse_skill(data.encode(), PATH, "my-skill", preset="agentskills")
    assert skill.loads is loads
    assert any(note.severity == "error" for note in skill.diagnostics) is not loads
    assert parse(data).loads


@pytest.mark.parametrize(
    ("skill_id", "name"),
    [
        ("anthropic-skills", ""),
        ("mine", "anthropic-skills"),
        ("mine", "'anthropic-skills:mine'"),
        ("mine", "Anthropic-Skills"),
        ("mine", "anthropic\u200b-skills"),
        ("mine", "\uff41nthropic-skills"),
        ("anthropic-skills:pdf", ""),
    ],
)
def test_the_claude_code_preset_leaves_out_reserved_names(skill_id: str, name: str) -> None:
    """However the name is spelt; the open format reserves none."""
    data = f"---\nname: {name}\ndescription: D\n---\n".encode()
    skill = parse_skill(data, PATH, skill_id)
    assert not skill.loads
    assert [note.severity for note in skill.diagnostics if note.code == "reserved-name"] == ["error"]
    assert parse_skill(data, PATH, skill_id, preset="agentskills").loads


@pytest.mark.parametrize(
    ("skill_id", "name"), [("anthropic-skills-mine", ""), ("plugin:anthropic-skills", ""), ("a", "b")]
)
def test_a_name_that_only_resembles_a_reserved_one_is_free(skill_id: str, name: str) -> None:
    """A plugin's prefix stays in front of its skill's name."""
    assert parse_skill(f"---\nname: {name}\ndescription: D\n---\n".encode(), PATH, skill_id).loads


def test_a_plugins_skill_is_named_by_its_directory() -> None:
    """The prefix is no part of the name, so naming the skill as its directory is no mismatch."""
    skill = parse_skill(b"---\ndescription: D\nname: review\n---\n", PATH, "plugin:review")
    assert (skill.manifest.name, skill.diagnostics) == ("review", ())
    assert parse_skill(b"---\ndescription: D\n---\n", PATH, "plugin:review").manifest.name == "review"


_YAMLISH = st.text(alphabet="ab:-#'\"[]{}&*!|>%@`, \n\t\r\\()$0é\x00\ufeff")
_FRONTMATTER = st.builds(lambda fields, body: f"---\n{fields}\n---\n{body}".encode(), _YAMLISH, _YAMLISH)
_FIELDS = st.sampled_from(
    ["name", "description", "metadata", "allowed-tools", "disallowed-tools", "arguments", "user-invocable", "effort"]
)
_KNOWN = st.lists(st.tuples(_FIELDS, _YAMLISH)).map(
    lambda pairs: ("---\n" + "".join(f"{field}: {value}\n" for field, value in pairs) + "---\n").encode()
)


@given(st.one_of(st.binary(), _FRONTMATTER, _KNOWN))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    """Anything at all is a skill with a name, texts that can be stored, and perhaps diagnostics."""
    skill: Any = parse(data)
    assert skill.manifest.name
    skill.body.encode()
    skill.description.encode()
    for note in skill.diagnostics:
        assert 1 <= note.line <= data.count(b"\n") + data.count(b"\r") + 5
        assert "\n" not in note.message
