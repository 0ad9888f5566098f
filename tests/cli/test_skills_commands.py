"""`openskills list` and `openskills show`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., subprocess.CompletedProcess[str]]
    MakeSkill = Callable[..., Path]


def test_list_prints_one_aligned_line_a_skill(cli: Cli, make_skill: MakeSkill) -> None:
    """In a pipe there is a line for each skill of ./skills, its columns aligned, nothing cut."""
    make_skill("alpha", f"description: {'long ' * 60}\n")
    make_skill("longer-name")
    done = cli("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"alpha        custom  {'long ' * 60}".rstrip(),
        "longer-name  custom  Does longer-name. Use it in tests.",
    ]


def test_list_as_json_gives_one_object_a_skill(cli: Cli, make_skill: MakeSkill) -> None:
    """With --json the document is a list of what `SkillInfo` holds."""
    root = make_skill("alpha")
    (found,) = json.loads(cli("list", "--json").stdout)
    assert found == {
        "id": "alpha",
        "name": "alpha",
        "description": "Does alpha. Use it in tests.",
        "location": "custom",
        "path": str(root / "SKILL.md"),
        "when_to_use": "",
        "user_invocable": True,
        "model_invocable": True,
        "requires": [],
    }


def test_list_says_on_stderr_why_a_skill_was_not_picked_up(cli: Cli, skills: Path) -> None:
    """The author of a misnamed file reads its path and what to do."""
    (skills / "mine").mkdir()
    (skills / "mine" / "skill.md").write_text("---\ndescription: Mine.\n---\n", encoding="utf-8")
    done = cli("list", "--skills", str(skills))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{skills}/mine/skill.md:1: warning wrong-case: rename skill.md to SKILL.md" in done.stderr


def test_list_keeps_infos_for_verbose(cli: Cli, make_skill: MakeSkill) -> None:
    """What is merely worth knowing is told only when asked for."""
    make_skill("alpha", "name: alpha\ndescription: Does alpha.\nunheard-of: 1\n")
    assert "info" not in cli("list").stderr
    assert ": info " in cli("list", "--verbose").stderr


def test_list_prints_diagnostics_instead(cli: Cli, make_skill: MakeSkill, skills: Path) -> None:
    """Where they are wanted by themselves, as text or as JSON, nothing else is printed."""
    make_skill("alpha", "name: alpha\ndescription: Does alpha.\nunheard-of: 1\n")
    (skills / "mine").mkdir()
    (skills / "mine" / "skill.md").touch()
    done = cli("list", "--diagnostics")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == ["warning wrong-case", "info unknown-field"]
    notes = json.loads(cli("list", "--diagnostics", "--json").stdout)
    assert [(note["code"], note["severity"], note["skill_id"]) for note in notes] == [
        ("wrong-case", "warning", ""),
        ("unknown-field", "info", "alpha"),
    ]
    assert notes[1]["path"] == str(skills / "alpha" / "SKILL.md")


def test_list_of_nothing_says_what_to_do(cli: Cli) -> None:
    """Where there are no skills the next step is named, and an empty list is still a document."""
    assert "--skills DIR" in cli("list").stderr
    assert json.loads(cli("list", "--json").stdout) == []


def test_list_looks_in_standard_locations_unless_told_where(cli: Cli, make_skill: MakeSkill, tmp_path: Path) -> None:
    """`.claude/skills` counts by default and not with --skills."""
    make_skill("alpha")
    project = tmp_path / ".claude" / "skills" / "beta"
    project.mkdir(parents=True)
    (project / "SKILL.md").write_text("---\ndescription: Does beta.\n---\n", encoding="utf-8")
    assert [skill["id"] for skill in json.loads(cli("list", "--json").stdout)] == ["alpha", "beta"]
    assert [skill["id"] for skill in json.loads(cli("list", "--json", "--skills", "skills").stdout)] == ["alpha"]


def test_show_prints_everything_about_a_skill(cli: Cli, make_skill: MakeSkill) -> None:
    """Description, location, files, allowed tools, diagnostics and instructions are all there."""
    front = "name: other\ndescription: Does alpha.\nallowed-tools: Read, Bash(ls *)\n"
    root = make_skill("alpha", front, "# Steps\n\nRun it.\n", main_py="pass")
    lines = cli("show", "alpha").stdout.splitlines()
    assert "description:      Does alpha." in lines
    assert f"location:         custom, {root}" in lines
    assert "allowed-tools:    Read, Bash(ls *)" in lines
    assert "files:            SKILL.md" in lines
    assert "                  scripts/main.py" in lines
    assert lines[-3:] == ["# Steps", "", "Run it."]


def test_show_as_json(cli: Cli, make_skill: MakeSkill) -> None:
    """With --json the document holds the same, instructions and diagnostics included."""
    root = make_skill("alpha", "name: other\ndescription: Does alpha.\nunheard-of: 1\n", main_py="pass")
    found = json.loads(cli("show", "alpha", "--json").stdout)
    assert (found["id"], found["skill_dir"]) == ("alpha", str(root))
    assert (found["instructions"].strip(), found["files"]) == ("Do it.", ["SKILL.md", "scripts/main.py"])
    assert found["diagnostics"][0]["path"] == str(root / "SKILL.md")


def _unreadable(skills: Path) -> None:
    (skills / "mine").mkdir()
    (skills / "mine" / "SKILL.md").symlink_to("/etc/passwd")


def _misnamed(skills: Path) -> None:
    (skills / "mine").mkdir()
    (skills / "mine" / "skill.md").touch()


def _nested(skills: Path) -> None:
    (skills / "group" / "mine").mkdir(parents=True)
    (skills / "group" / "mine" / "SKILL.md").touch()


@pytest.mark.parametrize(
    ("break_it", "code"),
    [(_unreadable, "error unreadable-skill"), (_misnamed, "warning wrong-case"), (_nested, "warning nested-skill")],
)
@pytest.mark.parametrize("command", [("show", "mine"), ("run", "mine")])
def test_an_unknown_skill_is_explained(
    cli: Cli, skills: Path, command: tuple[str, ...], break_it: Callable[[Path], None], code: str
) -> None:
    """Whoever asks for a skill that was not picked up reads why, on one line and in JSON."""
    break_it(skills)
    done = cli(*command, "--skills", "skills")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no skill 'mine'")
    assert code in done.stderr
    error = json.loads(cli(*command, "--json").stdout)["error"]
    assert (error["code"], error["culprit"], code in error["message"]) == ("skill-not-found", "mine", True)


def test_an_unknown_skill_is_not_explained_by_another(cli: Cli, make_skill: MakeSkill, skills: Path) -> None:
    """What is wrong elsewhere says nothing about it."""
    make_skill("alpha")
    _misnamed(skills)
    assert "wrong-case" not in cli("show", "other").stderr


@pytest.mark.parametrize(
    "command", [("list",), ("show", "alpha"), ("run", "alpha"), ("exec", "true"), ("tools",), ("prompt",)]
)
def test_a_directory_of_skills_that_is_not_there_is_named(
    cli: Cli, make_skill: MakeSkill, command: tuple[str, ...]
) -> None:
    """A typing error ends every command in the same way, and leaves nothing behind."""
    make_skill("alpha")
    done = cli(*command, "--skills", "./skils")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Directory './skils' does not exist" in done.stderr


def test_control_characters_of_a_skill_are_shown_and_not_obeyed(cli: Cli, make_skill: MakeSkill) -> None:
    """A skill cannot clear the reader's screen."""
    make_skill("alpha", 'description: "a\\e[2Jb"\n', "before\x1b[2Jafter\n")
    assert "\x1b" not in cli("list").stdout + cli("show", "alpha").stdout
    assert "before\\x1b[2Jafter" in cli("show", "alpha").stdout


@pytest.mark.parametrize("command", [("list",), ("show", "alpha"), ("list", "--json")])
def test_output_survives_a_terminal_that_is_not_utf8(cli: Cli, make_skill: MakeSkill, command: tuple[str, ...]) -> None:
    """What an encoding lacks is written as an escape."""
    make_skill("alpha", "description: Grüße, 世界\n", "Grüße\n")
    done = cli(*command, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stdout.isascii()) == (0, True)
    assert "\\x" in done.stdout or "\\u" in done.stdout


def test_odd_file_names_are_shown(cli: Cli, make_skill: MakeSkill) -> None:
    """A file whose name is no text, or holds a line feed, stays on one line and crashes nothing."""
    root = make_skill("alpha")
    os.close(os.open(os.fsencode(root) + b"/odd\xff", os.O_CREAT))
    (root / "two\nlines").touch()
    done = cli("show", "alpha")
    assert done.returncode == 0
    assert "odd\\udcff" in done.stdout
    assert "two lines" in done.stdout


@pytest.mark.parametrize(("environment", "styled"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_list_on_a_terminal_is_a_table_cut_to_its_width(
    make_skill: MakeSkill, tmp_path: Path, environment: dict[str, str], *, styled: bool
) -> None:
    """There are headings, bold unless NO_COLOR is set, and no line is wider than the terminal."""
    make_skill("alpha", f"description: {'long ' * 60}\n")
    ours, theirs = os.openpty()
    env = {**os.environ, "COLUMNS": "50", **environment}
    subprocess.run([sys.executable, "-m", "openskills_core", "list"], cwd=tmp_path, env=env, stdout=theirs, check=True)
    os.close(theirs)
    heading, row = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert ("\x1b[1m" in heading, "ID     WHERE   DESCRIPTION" in heading) == (styled, True)
    assert (len(row), row.endswith("...")) == (49, True)
