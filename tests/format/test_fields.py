"""The field table: what each field of the frontmatter becomes in the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.format.fields import FIELDS
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
        ("shell: zsh", "bad-value"),
        ("background: maybe", "bad-boolean"),
        ("paths: {a: b}", "expected-list"),
        ("arguments: [a b, 1c]", "bad-argument-name"),
        ("arguments: $file", "bad-argument-name"),
        ("Some-Field: x", "unknown-field"),
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
    [
        ("allowed_tools", "allowed-tools"),
        ("allowedTools", "allowed-tools"),
        ("when-to-use", "when_to_use"),
        ("Description", "description"),
        ("descripton", "description"),
        ("disable_model_invocation", "disable-model-invocation"),
        ("user-invokable", "user-invocable"),
        ("licence", "license"),
        ("hook", "hooks"),
        ("argument_hint", "argument-hint"),
    ],
)
def test_a_misspelt_field_has_no_effect_and_is_pointed_out(written: str, meant: str) -> None:
    """Field names must match exactly, as in Claude Code, so the one to write is named."""
    skill = parse(f"{written}: x")
    (note,) = skill.diagnostics
    assert (note.code, note.severity, note.line) == ("misspelt-field", "warning", 3)
    assert f"write {meant} instead of {written!r}" in note.message
    assert skill.manifest == Manifest(name="my-skill", description="D", extra={written: "x"})


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("author", "put your own fields under metadata:"),
        ("agents", "put your own fields under metadata:"),
        ("mode", "put your own fields under metadata:"),
        ("tools", "write allowed-tools"),
        ("triggers", "say it in when_to_use"),
        ("x" * 5000, "put your own fields under metadata:"),
    ],
)
def test_an_unknown_field_is_kept_and_remarked_upon(field: str, advice: str) -> None:
    """It is no mistake, only without effect here."""
    skill = parse(f"{field}:\n  - x\n  - y") if len(field) < 1000 else parse(f"? {field}\n: - x\n  - y")
    assert skill.manifest.extra[field].split() == ["-", "x", "-", "y"]
    (note,) = skill.diagnostics
    assert (note.code, note.severity, note.line) == ("unknown-field", "info", 3)
    assert advice in note.message
    assert len(note.message) < 200


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("version: 1.0", {"version": "1.0"}),
        ("when_not_to_use: [a, b]", {"when_not_to_use": "[a, b]"}),
        ("display-name: My Skill", {"display-name": "My Skill"}),
        ("display_name: My Skill", {"display_name": "My Skill"}),
        ("displayName: My Skill", {"displayName": "My Skill"}),
        ("default-enabled: false", {"default-enabled": "false"}),
        ("fallback: x", {"fallback": "x"}),
        ("compatibility:\n  min_version: 1.0", {"compatibility": "min_version: 1.0"}),
        ("metadata:\n  short-description: x\n  adk_inject_state: true", {}),
    ],
)
def test_fields_of_other_clients_are_kept_without_a_word(written: str, kept: dict[str, str]) -> None:
    """Their values are the text or the source that was written."""
    skill = parse(written)
    assert (skill.manifest.extra, skill.diagnostics) == (kept, ())


def test_when_to_use_may_be_a_list_of_sentences() -> None:
    """One client writes it so; a model is shown one line."""
    skill = parse("when_to_use:\n  - For tables\n  - For charts")
    assert (skill.manifest.when_to_use, skill.diagnostics) == ("For tables; For charts", ())


@pytest.mark.parametrize(
    "written",
    [
        "'src/**/*.{ts,tsx}, docs/*.md'",
        "src/**/*.{ts,tsx},docs/*.md,",
        "['src/**/*.{ts,tsx}', docs/*.md]",
        "\n  - src/**/*.{ts,tsx}\n  - docs/*.md",
    ],
)
def test_paths_are_patterns(written: str) -> None:
    """A comma inside braces is part of the pattern."""
    skill = parse(f"paths: {written}")
    assert (skill.manifest.paths, skill.diagnostics) == (("src/**/*.{ts,tsx}", "docs/*.md"), ())


def test_the_remaining_fields_arrive_as_written() -> None:
    """Each field has its place in the manifest."""
    fields = (
        "name: my-skill\nmodel: opus\neffort: xhigh\ncontext: fork\nagent: Explore\nargument-hint: '[file]'\n"
        "background: off\nshell: powershell"
    )
    expected = Manifest(  # noqa: S604 - the shell is a field of the format
        name="my-skill",
        description="D",
        model="opus",
        effort="xhigh",
        context="fork",
        agent="Explore",
        argument_hint="[file]",
        background=False,
        shell="powershell",
    )
    skill = parse(fields)
    assert (skill.manifest, skill.diagnostics) == (expected, ())


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_field_without_a_value_is_as_good_as_absent(field: str) -> None:
    """Whatever it takes, nothing is criticised and the default holds."""
    skill = parse_skill(f"---\n{field}:\n---\nBody".encode(), Path("/skills/SKILL.md"), "my-skill")
    assert skill.manifest == Manifest(name="my-skill")
    assert codes(skill) == ["no-description"]


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize(
    "value", ["x", "''", "[]", "{}", "[[a]]", "[{a: b}]", "{a: {b: c}}", "{[a]: b}", "[~]", "|\n  a"]
)
def test_no_shape_of_a_value_spoils_the_fields_beside_it(field: str, value: str) -> None:
    """Each field reads what it can and leaves the rest of the frontmatter alone."""
    skill = parse(f"{field}: {value}\nmine: x")
    assert skill.manifest.extra["mine"] == "x"
    assert all(note.line <= 4 for note in skill.diagnostics if note.code != "unknown-field")


@pytest.mark.parametrize("name", ["\uff4d\uff59-skill", "my-skill"])
def test_names_are_compared_in_their_compatibility_form(name: str) -> None:
    """Full-width letters name the same directory."""
    assert codes(parse(f"name: {name}")) == []


def test_a_name_may_be_in_any_script() -> None:
    """Letters are not only ASCII."""
    assert codes(parse("name: テスト-café", "テスト-café")) == []
