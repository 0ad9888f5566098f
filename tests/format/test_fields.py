"""The field table: what each field of the frontmatter becomes in the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.manifest import Manifest


def parse(fields: str, skill_id: str = "my-skill") -> ParsedSkill:
    """Parse a skill that has these frontmatter lines and a description."""
    data = f"---\ndescription: D\n{fields}\n---\n".encode()
    return parse_skill(data, Path("/skills/SKILL.md"), skill_id)


def codes(skill: ParsedSkill) -> list[str]:
    """Return the codes of a skill's diagnostics, in order."""
    return [note.code for note in skill.diagnostics]


@pytest.mark.parametrize("written", ["true", "True", "YES", "on", "On", "1", '"true"'])
def test_what_claude_code_takes_for_true(written: str) -> None:
    """Booleans come in six spellings and any case."""
    skill = parse(f"user-invocable: {written}\ndisable-model-invocation: {written}")
    assert (skill.manifest.user_invocable, skill.manifest.model_invocable) == (True, False)
    assert codes(skill) == []


@pytest.mark.parametrize("written", ["false", "FALSE", "no", "off", "OFF", "0", "'no'"])
def test_what_claude_code_takes_for_false(written: str) -> None:
    """Booleans come in six spellings and any case."""
    skill = parse(f"user-invocable: {written}\ndisable-model-invocation: {written}")
    assert (skill.manifest.user_invocable, skill.manifest.model_invocable) == (False, True)
    assert codes(skill) == []


@pytest.mark.parametrize("written", ["maybe", "2", "[true]", "{a: b}"])
def test_what_is_no_boolean_falls_back_to_the_default(written: str) -> None:
    """The author is told and the skill stays usable."""
    skill = parse(f"user-invocable: {written}\ndisable-model-invocation: {written}")
    assert (skill.manifest.user_invocable, skill.manifest.model_invocable) == (True, True)
    assert codes(skill) == ["bad-boolean", "bad-boolean"]


@pytest.mark.parametrize(
    "written",
    [
        "Read Bash(git add *) Grep",
        "Read, Bash(git add *), Grep",
        "Read,Bash(git add *),  Grep,",
        "[Read, Bash(git add *), Grep]",
        "['Read', \"Bash(git add *)\", Grep]",
        "\n  - Read\n  - Bash(git add *)\n  - Grep",
        "\n- Read\n- Bash(git add *), Grep",
        "|\n  Read\n  Bash(git add *)\n  Grep",
    ],
)
def test_every_way_to_write_tools_gives_the_same_rules(written: str) -> None:
    """Text with spaces or commas and both kinds of YAML list are alike, in both fields."""
    skill = parse(f"allowed-tools: {written}\ndisallowed-tools: {written}")
    assert skill.manifest.allowed_tools == ("Read", "Bash(git add *)", "Grep")
    assert skill.manifest.disallowed_tools == ("Read", "Bash(git add *)", "Grep")
    assert codes(skill) == []


def test_unbalanced_parentheses_grant_nothing_and_forbid_the_tool() -> None:
    """A rule that cannot be read fails closed on either side."""
    skill = parse("allowed-tools: Read Bash(git *\ndisallowed-tools: Read Bash(rm *")
    assert skill.manifest.allowed_tools == ("Read",)
    assert skill.manifest.disallowed_tools == ("Read", "Bash")
    assert codes(skill) == ["unbalanced-parentheses", "unbalanced-parentheses"]


@pytest.mark.parametrize("written", ["issue branch", "[issue, branch]", "\n  - issue\n  - branch"])
def test_arguments_are_names_in_order(written: str) -> None:
    """Text is split at blanks; a list gives one name per item."""
    assert parse(f"arguments: {written}").manifest.arguments == ("issue", "branch")


def test_metadata_is_text_to_text() -> None:
    """Nothing is typed; a nested value is its source."""
    skill = parse("metadata:\n  version: 1.0\n  date: 2024-01-15\n  on: yes\n  tags: [a, b]\n  none: ~")
    assert skill.manifest.metadata == {
        "version": "1.0",
        "date": "2024-01-15",
        "on": "yes",
        "tags": "[a, b]",
        "none": "~",
    }
    assert codes(skill) == []


def test_metadata_in_one_line_and_with_duplicates() -> None:
    """A flow map is a map, and of duplicate keys the last counts."""
    skill = parse("metadata: {a: 1, a: 2}")
    assert (skill.manifest.metadata, codes(skill)) == ({"a": "2"}, ["duplicate-field"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("metadata: text", "expected-map"),
        ("metadata: [a]", "expected-map"),
        ("allowed-tools: {a: b}", "expected-list"),
        ("allowed-tools: [[a]]", "expected-text"),
        ("license:\n  - a\n  - b", "expected-text"),
        ("context: spoon", "bad-value"),
        ("effort: [max]", "bad-value"),
        ("Some-Field: x", "unknown-field"),
        ("hooks: {}", "field-without-effect"),
        ("? [a]\n: b", "bad-field-name"),
        ("name: Other_Name", "bad-name"),
        ("name: -x-", "bad-name"),
        ("name: a--b", "bad-name"),
        ("name: other", "name-mismatch"),
        (f"name: {'x' * 65}", "name-too-long"),
        (f"description: {'x' * 1025}", "description-too-long"),
        (f"compatibility: {'x' * 501}", "compatibility-too-long"),
    ],
)
def test_each_mistake_has_its_code_and_keeps_the_skill(fields: str, expected: str) -> None:
    """A value of the wrong shape is reported on its own line; the fields beside it count."""
    skill = parse(f"{fields}\nwhen_to_use: always")
    assert skill.manifest.when_to_use == "always"
    (note,) = [note for note in skill.diagnostics if note.code == expected]
    assert note.line >= 3 or expected == "bad-field-name"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("allowed_tools", "allowed-tools"), ("when-to-use", "when_to_use"), ("Description", "description")],
)
def test_a_misspelt_field_is_pointed_out(written: str, meant: str) -> None:
    """Field names must match exactly, so the nearest one is named."""
    (note,) = parse(f"{written}: x").diagnostics
    assert (note.code, note.severity) == ("unknown-field", "info")
    assert f"did you mean '{meant}'" in note.message


def test_the_remaining_fields_arrive_as_written() -> None:
    """Each field has its place in the manifest."""
    fields = "name: my-skill\nmodel: opus\neffort: xhigh\ncontext: fork\nagent: Explore\nargument-hint: '[file]'"
    expected = Manifest(
        name="my-skill",
        description="D",
        model="opus",
        effort="xhigh",
        context="fork",
        agent="Explore",
        argument_hint="[file]",
    )
    assert parse(fields).manifest == expected


@pytest.mark.parametrize("name", ["\uff4d\uff59-skill", "my-skill"])
def test_names_are_compared_in_their_compatibility_form(name: str) -> None:
    """Full-width letters name the same directory."""
    assert codes(parse(f"name: {name}")) == []


def test_a_name_may_be_in_any_script() -> None:
    """Letters are not only ASCII."""
    assert codes(parse("name: テスト-café", "テスト-café")) == []
