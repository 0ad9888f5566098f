"""How a SKILL.md loads: the rows of the format that concern a running host, each with its outcome."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format import MAX_BYTES, ParsedSkill, parse_skill
from openskills_core.format.frontmatter import MAX_FRONTMATTER, MAX_NOTES

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
        ("Use when: the user asks", "Use when: the user asks"),
        ("Don't use 'this' for: that", "Don't use 'this' for: that"),
        ("@mention somebody", "@mention somebody"),
        ("`code` first", "`code` first"),
        ("[x] y", "[x] y"),
        ("*b* is bold", "*b* is bold"),
        ('"Quoted" word', '"Quoted" word'),
        ("% of it: all", "% of it: all"),
        ("&a [*a]", "&a [*a]"),
        ("Use when: long\n  and longer\n", "Use when: long and longer"),
        ("First line\n  note: second line", "First line note: second line"),
    ],
)
def test_a_description_that_is_no_yaml_is_read_as_text(value: str, expected: str) -> None:
    """The entry at fault is quoted and read again; its neighbours keep their meaning."""
    skill = with_fields(f"name: my-skill\nallowed-tools: [Read, Grep]\ndescription: {value}\nuser-invocable: no")
    assert skill.description == expected
    assert skill.manifest.allowed_tools == ("Read", "Grep")
    assert not skill.manifest.user_invocable
    assert [(note.code, note.line) for note in skill.diagnostics] == [("yaml-repaired", 4)]


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
        ("#\n\n---\n\n- first item\n", "- first item"),
        ("## A\n\n   indented\n", "indented"),
        ("", ""),
    ],
)
def test_the_body_describes_a_skill_without_a_description(body: str, expected: str) -> None:
    """Headings and rules are passed over while there is any text."""
    assert parse(f"---\nname: my-skill\n---\n{body}").description == expected


def test_frontmatter_below_the_first_line_is_body() -> None:
    """As in Claude Code, the fence must be the first line; the author is told."""
    skill = parse("\n---\nname: other\n---\nBody")
    assert (skill.manifest.name, skill.body) == ("my-skill", "---\nname: other\n---\nBody")
    assert codes(skill)[0] == "late-frontmatter"


def test_frontmatter_that_never_ends_is_body() -> None:
    """Without a closing fence there are no fields."""
    skill = parse("---\nname: other\nBody")
    assert (skill.manifest.name, codes(skill)[0]) == ("my-skill", "unclosed-frontmatter")
    assert "name: other" in skill.body


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ("metadata:\n\tauthor: me", 3),
        ("name: x\n- y", 3),
        ("just text", 2),
        ("name: 'x\n...\nname: y", None),
        ("name: a\n...\n---  x\nname: b", None),
        ("name: \x01", None),
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


def test_bytes_that_are_not_utf8_are_replaced_and_reported() -> None:
    """The rest of the skill still counts."""
    skill = parse(b"---\nname: my-skill\ndescription: caf\xe9\n---\nBody")
    assert (skill.description, skill.body) == ("caf\ufffd", "Body")
    assert [(note.code, note.line) for note in skill.diagnostics] == [("not-utf-8", 3)]


def _alias_bomb() -> str:
    names = "abcdefghi"
    lines = [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise(names)]
    return "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *lines, "description: *i"])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param(_alias_bomb(), "aliases", id="alias-bomb"),
        pytest.param("name: " + "[" * 1000 + "]" * 1000, "nested", id="deep-flow-nest"),
        pytest.param("\n".join(" " * depth + "a:" for depth in range(400)), "nested", id="deep-block-nest"),
        pytest.param("name: x\n" + "# " * MAX_FRONTMATTER, "KiB", id="huge-frontmatter"),
    ],
)
def test_hostile_yaml_is_refused_at_once(fields: str, complaint: str) -> None:
    """A bomb costs less than 50 ms of processor time and leaves a skill without fields."""
    with_fields("name: warm-up")
    start = time.process_time()
    skill = with_fields(fields)
    assert time.process_time() - start < 0.05
    assert (skill.diagnostics[0].code, skill.manifest.name) == ("bad-yaml", "my-skill")
    assert complaint in skill.diagnostics[0].message


def test_an_honest_alias_is_followed() -> None:
    """Anchors and aliases are part of YAML and few of them are harmless."""
    skill = with_fields("description: &d Does it.\nwhen_to_use: *d\nmetadata: {a: &v 1.0, b: *v}")
    assert skill.manifest.when_to_use == "Does it."
    assert skill.manifest.metadata == {"a": "1.0", "b": "1.0"}


def test_the_yaml_reader_without_libyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML is also installed without its C part; limits hold there too."""
    fields = f"name: my-skill\ndescription: !word [x] é: y\nmetadata: {{a: [1, b: 2]}}\nlicense: {'[' * 40}"
    fast = with_fields(fields), with_fields("name: " + "[" * 1000), with_fields(_alias_bomb())
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert (with_fields(fields), with_fields("name: " + "[" * 1000), with_fields(_alias_bomb())) == fast
    assert fast[0].description == "!word [x] é: y"


def test_a_tag_never_builds_an_object() -> None:
    """A Python tag is text like any other."""
    skill = with_fields("description: !!python/object/apply:os.system [ls]")
    assert skill.description.endswith("[ls]")


def test_a_file_beyond_the_limit_is_reported_and_not_read() -> None:
    """The skill loads, named by its directory."""
    skill = parse(b"---\nname: x\n---\n" + b"x" * MAX_BYTES)
    assert (skill.manifest.name, skill.body, codes(skill)[0]) == ("my-skill", "", "file-too-large")


def test_a_file_of_nothing_but_mistakes_does_not_flood() -> None:
    """The number of diagnostics of one file is capped."""
    assert len(with_fields("\n".join(f"k{number}: v" for number in range(1000))).diagnostics) == MAX_NOTES


def test_diagnostics_say_where_they_are() -> None:
    """The path, line and skill travel with each diagnostic and its text is one line."""
    (note,) = with_fields("name: my-skill\ndescription: D\nuser-invocable: maybe").diagnostics
    assert (note.path, note.line, note.skill_id) == (PATH, 4, "my-skill")
    expected = "bad-boolean: write true or false for 'user-invocable', not 'maybe'"
    assert str(note) == f"/skills/my-skill/SKILL.md:4: warning {expected}"


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
