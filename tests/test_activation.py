"""Activation: a skill and its arguments become the instructions a model reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import InvalidSkillError
from openskills_core.activation import DISABLED, MAX_COMMANDS, MAX_RESOURCES, activate
from openskills_core.models import REMOTE, Skill
from openskills_core.registry import Location, Registry

if TYPE_CHECKING:
    from openskills_core.format import Filling, Injection


def write_skill(directory: Path, body: str = "Body\n", fields: str = "description: D") -> Path:
    """Write a SKILL.md into `directory`, made when missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "SKILL.md").write_text(f"---\n{fields}\n---\n{body}", encoding="utf-8")
    return directory


def registry(directory: Path, location: str = "custom") -> Registry:
    """Return a registry of one directory."""
    return Registry([Location(directory, location)])


def told(skill: Skill, injection: Injection, _filling: Filling) -> str:
    """Stand in for running a command: tell what would be run."""
    return f"<{skill.id}: {injection.command}>"


def test_activation_renders_the_body_and_lists_the_other_files(tmp_path: Path) -> None:
    """Everything a model needs to begin is in one value."""
    root = write_skill(
        tmp_path / "one",
        "Fix $issue in ${CLAUDE_PROJECT_DIR} with ${CLAUDE_SKILL_DIR}/a.sh\n",
        "name: one\ndescription: D\narguments: issue\nallowed-tools: Read\ndisallowed-tools: Write\nmodel: opus\n"
        "effort: low\ncontext: fork\nagent: Explore",
    )
    (root / "scripts").mkdir()
    (root / "scripts" / "a.sh").write_text("", encoding="utf-8")
    (root / "b.txt").write_text("", encoding="utf-8")
    active = activate(registry(tmp_path), "one", "12", project_dir=Path("/work"))
    assert active.instructions == f"Fix 12 in /work with {root}/a.sh"
    assert (active.id, active.name, active.skill_dir) == ("one", "one", root)
    assert (active.allowed_tools, active.disallowed_tools) == (("Read",), ("Write",))
    assert (active.model, active.effort, active.context, active.agent) == ("opus", "low", "fork", "Explore")
    assert (active.resources, active.missing, active.diagnostics) == (("b.txt", "scripts/a.sh"), (), ())


def test_resources_are_capped(tmp_path: Path) -> None:
    """The first ones by name are kept."""
    root = write_skill(tmp_path / "one")
    for number in range(MAX_RESOURCES + 5):
        (root / f"{number:03}.txt").write_text("", encoding="utf-8")
    resources = activate(registry(tmp_path), "one").resources
    assert (len(resources), resources[0], resources[-1]) == (MAX_RESOURCES, "000.txt", "199.txt")


COMMANDS = "Now: !`one $0`\n```!\ntwo\n```\nNot: KEY=!`three`\n"


def test_without_dynamic_context_a_notice_stands_for_each_command(tmp_path: Path) -> None:
    """What the commands alone would have been given is appended, so that the model sees it."""
    write_skill(tmp_path / "one", COMMANDS)
    instructions = activate(registry(tmp_path), "one", "a").instructions
    assert instructions == f"Now: {DISABLED}\n{DISABLED}\nNot: KEY=!`three`\n\nARGUMENTS: a"
    assert DISABLED == "[shell command execution disabled by policy]"


def test_with_it_the_output_stands_for_each_command(tmp_path: Path) -> None:
    """In the order of the text."""
    write_skill(tmp_path / "one", COMMANDS)
    assert activate(registry(tmp_path), "one", run=told).instructions == (
        "Now: <one: one $0>\n<one: two>\nNot: KEY=!`three`"
    )


def test_a_remote_skill_runs_nothing_and_learns_nothing_of_the_project(tmp_path: Path) -> None:
    """Its commands and the project's variable stay as written; a host that switched commands off says so as ever."""
    body = "${CLAUDE_PROJECT_DIR} ${CLAUDE_SKILL_DIR} !`one $0`"
    root = write_skill(tmp_path / "one", body)
    remote = registry(tmp_path, REMOTE)
    project = Path("/project")
    text = activate(remote, "one", "a", project_dir=project, run=told).instructions
    assert text == f"${{CLAUDE_PROJECT_DIR}} {root} !`one a`"
    assert activate(remote, "one", project_dir=project).instructions.endswith(DISABLED)
    assert not remote.get("one").trusted
    local = activate(registry(tmp_path), "one", "a", project_dir=project, run=told).instructions
    assert local == f"/project {root} <one: one $0>\n\nARGUMENTS: a"


def test_a_body_with_too_many_commands_is_refused_before_any_runs(tmp_path: Path) -> None:
    """The number is named."""
    write_skill(tmp_path / "one", "!`a`\n" * MAX_COMMANDS)
    assert activate(registry(tmp_path), "one", run=told).instructions.count("<one: a>") == MAX_COMMANDS
    write_skill(tmp_path / "two", "!`a`\n" * (MAX_COMMANDS + 1))
    with pytest.raises(InvalidSkillError, match="101 commands to run, and at most 100"):
        activate(registry(tmp_path), "two", run=told)


def test_a_plugins_skill_knows_its_plugin_and_a_command_file_is_no_resource_of_itself(tmp_path: Path) -> None:
    """`${CLAUDE_PLUGIN_ROOT}` is the plugin's directory."""
    write_skill(tmp_path / "acme" / "skills" / "deploy", "Run ${CLAUDE_PLUGIN_ROOT}/bin/x\n")
    (tmp_path / "acme" / "commands").mkdir()
    (tmp_path / "acme" / "commands" / "hello.md").write_text("Say hello.", encoding="utf-8")
    found = Registry([Location(tmp_path / "acme", kind="plugin")])
    assert activate(found, "acme:deploy").instructions == f"Run {tmp_path}/acme/bin/x"
    assert activate(found, "acme:hello").resources == ()
