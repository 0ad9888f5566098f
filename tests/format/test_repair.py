"""Values that are no YAML as their authors wrote them: read as text, each with the sentence that makes it YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill


def with_fields(fields: str) -> ParsedSkill:
    """Parse a skill that has these frontmatter lines."""
    return parse_skill(f"---\n{fields}\n---\nBody".encode(), Path("/skills/my-skill/SKILL.md"), "my-skill")


def findings(skill: ParsedSkill) -> list[tuple[str, int]]:
    """Return the code and line of each diagnostic."""
    return [(note.code, note.line) for note in skill.diagnostics]


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
        ('Says: "a", "b"', 'Says: "a", "b"'),
        (r'"A \'word\' of it"', "A 'word' of it"),
        (r'"C:\dir: \"x\""', r'C:\dir: "x"'),
        ("'Don't do: this'", "Don't do: this"),
        ('"never closed: it', "never closed: it"),
        ('Cut it: 5"', 'Cut it: 5"'),
        ("'a' b: 'c'", "'a' b: 'c'"),
        ("- a: b: c", "- a: b: c"),
    ],
)
def test_a_description_that_is_no_yaml_is_read_as_text(value: str, expected: str) -> None:
    """The entry at fault is quoted and read again, quotes around it taken off; its neighbours keep their meaning."""
    skill = with_fields(f"name: my-skill\nallowed-tools: [Read, Grep]\ndescription: {value}\nuser-invocable: no")
    assert skill.description == expected
    assert skill.manifest.allowed_tools == ("Read", "Grep")
    assert not skill.manifest.user_invocable
    assert findings(skill) == [("yaml-repaired", 4)]
    assert "write description: >- and the value on the next line" in skill.diagnostics[0].message


def test_what_a_repair_advises_is_yaml() -> None:
    """Whatever the value holds, the form that the sentence names takes it as it stands."""
    skill = with_fields("description: >-\n  Don't: \"use\" `this` \\' # for [that]")
    assert (skill.description, skill.diagnostics) == ("Don't: \"use\" `this` \\' # for [that]", ())


def test_items_of_a_list_are_repaired_one_by_one() -> None:
    """A pattern that begins with a star is an alias to YAML."""
    skill = with_fields("paths:\n  - **/*.py\n  - src/a.ts\n  - '*.js'\n  - *all\nname: my-skill\ndescription: D")
    assert skill.manifest.paths == ("**/*.py", "src/a.ts", "*.js", "*all")
    assert findings(skill) == [("yaml-repaired", 3), ("yaml-repaired", 6)]
    assert "the value on this line of 'paths'" in skill.diagnostics[0].message


def test_values_below_a_field_are_repaired_one_by_one() -> None:
    """Keys, items and block scalars around them stay what they are."""
    skill = with_fields(
        "description: D\nmetadata:\n  note: Use when: asked\n  other: fine\n"
        "hooks:\n  Stop:\n    - command: |\n        echo a: b: c\n\n        @b\n"
        '    - command: echo "a: b" : c\n      once: true'
    )
    assert skill.manifest.metadata == {"note": "Use when: asked", "other": "fine"}
    assert [hook.command for hook in skill.manifest.hooks] == ["echo a: b: c\n\n@b", 'echo "a: b" : c']
    assert findings(skill) == [("yaml-repaired", 4), ("yaml-repaired", 12)]


@pytest.mark.parametrize("indent", ["", "  "])
def test_a_list_that_begins_beside_the_colon_is_a_list(indent: str) -> None:
    """Its items, the first one too, are what they would be below each other."""
    skill = with_fields(
        f"description: D\nallowed-tools: - Read\n{indent}- Bash(git add *)\n{indent}- 'Write'\nmodel: opus"
    )
    assert skill.manifest.allowed_tools == ("Read", "Bash(git add *)", "Write")
    assert (skill.manifest.model, findings(skill)) == ("opus", [("yaml-repaired", 3)])
    assert "begin the list of 'allowed-tools' on the next line" in skill.diagnostics[0].message


@pytest.mark.parametrize("fields", ["name:my-skill\ndescription:Does it", "name:my-skill\ndescription: 'Does it'"])
def test_a_missing_space_after_the_colon_is_forgiven(fields: str) -> None:
    """To YAML such a line is text; to its author it is a field."""
    skill = with_fields(fields)
    assert (skill.lines, skill.description) == ({"name": 2, "description": 3}, "Does it")
    assert findings(skill)[0] == ("missing-space", 2)
    assert "write a space after the colon of 'name'" in skill.diagnostics[0].message


def test_control_characters_are_left_out() -> None:
    """They come from copied terminals and say nothing."""
    skill = with_fields("name: my-skill\ndescription: \x1b[1mBold\x1b[0m\x00 text\nlicense: MIT")
    assert (skill.description, skill.manifest.license) == ("[1mBold[0m text", "MIT")
    assert ("control-character", 3) in findings(skill)
    assert "U+001B" in skill.diagnostics[0].message


def test_after_a_repair_lines_are_still_those_of_the_file() -> None:
    """A value over several lines becomes one, and what is below it stays where it is."""
    skill = with_fields("description: a: b\n  c\n\n  d\nuser-invocable: maybe\nmine: x")
    assert findings(skill) == [("yaml-repaired", 2), ("bad-boolean", 6), ("unknown-field", 7)]


@pytest.mark.parametrize(
    ("fields", "line", "advice"),
    [
        ("name: x\nmetadata:\n\tauthor: me", 4, "indent with spaces, YAML takes no tabs"),
        ("metadata:\n  a: b\n\tc: d", 4, "indent with spaces, YAML takes no tabs"),
        ("just text\nand more", 2, "write each one as `field: value`"),
        ("- name: x", 2, "write each one as `field: value`"),
        ("https://example.org", 2, "write each one as `field: value`"),
        ("name: a\n...\nname: b", 4, "write one YAML document"),
        ("description: |\n    a\n  b\nname: c", 4, "indent lines of one level alike"),
        ("name: x\nmetadata:\n  a: b\n c: d", 5, "indent lines of one level alike"),
    ],
)
def test_what_no_quotes_can_repair_costs_the_fields(fields: str, line: int, advice: str) -> None:
    """The error stands on the line at fault, and none of the attempts to repair it is reported."""
    skill = with_fields(fields)
    assert skill.lines == {}
    assert findings(skill)[0] == ("bad-yaml", line)
    assert advice in skill.diagnostics[0].message
    assert len(skill.diagnostics) == 2


@pytest.mark.parametrize(
    ("value", "cut"),
    [("Use C # for this", "Use C"), ("Issue #1 and\n  more", ""), ("'Use C # for'", ""), ("# nothing", "")],
)
def test_a_value_that_yaml_cuts_at_a_hash_is_pointed_out(value: str, cut: str) -> None:
    """It is cut all the same, as everywhere else."""
    skill = with_fields(f"name: my-skill # a comment\ndescription: {value}")
    notes = [note for note in skill.diagnostics if note.code == "comment-in-value"]
    assert [note.line for note in notes] == ([3] if cut else [])
    assert skill.manifest.description == cut or not cut


@pytest.mark.parametrize(
    ("value", "criticised"),
    [
        ("\u201cDoes it.\u201d", True),
        ("\u2018Does it.\u2019", True),
        ("Does \u201cit\u201d.", False),
        ("'\u201cDoes\u201d'", False),
    ],
)
def test_typographic_quotes_around_a_value_are_pointed_out(value: str, criticised: bool) -> None:
    """YAML knows only straight ones, so these become part of the text."""
    skill = with_fields(f"description: {value}")
    assert skill.description == value.strip("'")
    assert findings(skill) == ([("smart-quotes", 2)] if criticised else [])
