"""`openskills validate`, as the author of a skill sees it."""

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

GOOD = "description: Renames photos by date. Use it when a folder of photos is a mess.\n"


def test_a_good_skill_is_valid(cli: Cli, make_skill: MakeSkill) -> None:
    """Its size and the sum are on standard output, how tokens came about beside it."""
    make_skill("alpha", f"name: alpha\n{GOOD}")
    done = cli("validate", "skills/alpha")
    assert (done.returncode, done.stdout) == (0, "skills/alpha: 1 line, 2 tokens\n\n1 skill: 1 valid\n")
    assert done.stderr.startswith(("tokens are estimated", "tokens are counted"))


def test_problems_are_shown_by_skill_with_their_lines(cli: Cli, make_skill: MakeSkill) -> None:
    """Path and line come first, the source line is beneath with a mark; good skills take no room."""
    make_skill("alpha", f"name: alpha\n{GOOD}")
    make_skill("beta", f"name: alpha\n{GOOD}", "Run `scripts/run.py`.\n")
    make_skill("gamma", f"name: gamma\n{GOOD}model: opus\nlicense: 2\n")
    done = cli("validate", "skills")
    assert done.returncode == 1
    lines = [":".join(line.split(":")[:3]) if "SKILL.md:" in line else line for line in done.stdout.splitlines()]
    assert lines == [
        "skills/beta: 1 line, 6 tokens",
        "skills/beta/SKILL.md:2: error name-mismatch",
        "      2 | name: alpha",
        "        |       ^^^^^",
        "skills/beta/SKILL.md:5: warning missing-file",
        "      5 | Run `scripts/run.py`.",
        "        |      ^^^^^^^^^^^^^^",
        "",
        "skills/gamma: 1 line, 2 tokens",
        "skills/gamma/SKILL.md:4: error unexpected-field",
        "      4 | model: opus",
        "        | ^^^^^",
        "skills/gamma/SKILL.md:5: warning typed-value",
        "      5 | license: 2",
        "        | ^^^^^^^",
        "",
        "3 skills: 1 valid, 2 with 2 errors, 2 warnings",
    ]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 1),
        (("--profile", "upload"), 1),
        (("--profile", "runtime"), 0),
        (("--profile", "runtime", "--preset", "agentskills"), 0),
    ],
)
def test_the_profile_decides(cli: Cli, make_skill: MakeSkill, options: tuple[str, ...], status: int) -> None:
    """What the specification has no field for is none of Claude Code's errors."""
    make_skill("alpha", f"name: alpha\n{GOOD}model: opus\n")
    assert cli("validate", "skills", *options).returncode == status


def test_the_preset_decides_what_loads(cli: Cli, make_skill: MakeSkill) -> None:
    """Without a description Claude Code takes the first line, and other clients leave the skill out."""
    make_skill("alpha", "name: alpha\n")
    runtime = ("validate", "skills", "--profile", "runtime")
    assert (cli(*runtime).returncode, cli(*runtime, "--preset", "agentskills").returncode) == (0, 1)


def test_warnings_do_not_fail(cli: Cli, make_skill: MakeSkill) -> None:
    """They are counted, and the status says that the skill can be used."""
    make_skill("alpha", f"name: alpha\n{GOOD}", "`scripts/run.py`\n")
    done = cli("validate", "skills")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 skill: 1 valid, 1 warning")


def test_json_is_one_document(cli: Cli, make_skill: MakeSkill) -> None:
    """Everything that the text says is in it, good skills too."""
    make_skill("alpha", f"name: alpha\n{GOOD}")
    make_skill("beta", f"name: other\n{GOOD}")
    done = cli("validate", "skills", "skills/beta/SKILL.md", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["profile"], document["ok"]) == (1, "strict", False)
    assert [(skill["path"], skill["ok"]) for skill in document["skills"]] == [
        ("skills/alpha", True),
        ("skills/beta", False),
    ]
    (note,) = document["skills"][1]["diagnostics"]
    assert (note["code"], note["severity"], note["path"], note["line"]) == (
        "name-mismatch",
        "error",
        "skills/beta/SKILL.md",
        2,
    )
    assert set(document["skills"][0]["stats"]) == {"body_lines", "body_tokens", "metadata_tokens", "tokens"}


def test_paths_that_are_not_there_are_all_named(cli: Cli, make_skill: MakeSkill) -> None:
    """Status 2, and nothing is checked: a typing error is not a bad skill."""
    make_skill("alpha")
    done = cli("validate", "skills", "skils", "nope/SKILL.md")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no file or directory skils, nope/SKILL.md" in done.stderr
    assert json.loads(cli("validate", "nope", "--json").stdout)["error"]["code"] == "usage"


def test_a_directory_without_skills_fails(cli: Cli, skills: Path) -> None:
    """A check in CI that looks in the wrong place must not pass."""
    done = cli("validate", str(skills))
    assert done.returncode == 1
    assert "error no-skills" in done.stdout


def test_control_characters_of_a_skill_are_shown_and_not_obeyed(cli: Cli, make_skill: MakeSkill) -> None:
    """Neither in a message nor in a source line nor in a file name; the mark stays beneath what it marks."""
    root = make_skill("alpha", 'name: "a\\e[2Jb"\n' + GOOD, "\x1b[2J\u202e [x](no.md)\n")
    (root / "two\nlines\x1b[2J").symlink_to("nowhere")
    done = cli("validate", "skills")
    assert "\x1b" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    shown = next(number for number, line in enumerate(lines) if "[x](no.md)" in line)
    assert lines[shown].index("no.md") == lines[shown + 1].index("^")
    assert any("two lines" in line and "broken-symlink" in line for line in lines)


def test_a_long_line_is_cut_around_its_mark(cli: Cli, make_skill: MakeSkill) -> None:
    """What is wrong is seen, wherever it stands, also behind letters that take two columns."""
    make_skill("alpha", f"name: alpha\n{GOOD}", f"{'word ' * 60}[x](no.md) {'word ' * 60}\n")
    make_skill("beta", f"name: beta\n{GOOD}", "技能 [x](no.md)\n")
    lines = cli("validate", "skills").stdout.splitlines()
    cut, mark, wide, wide_mark = (line for line in lines if line[6:8] in ("5 ", "  ") and " | " in line)
    assert cut.startswith("      5 | …")
    assert (cut.endswith("…"), len(cut) < 120) == (True, True)
    assert cut.index("no.md") == mark.index("^")
    assert wide.index("no.md") + 2 == wide_mark.index("^")


def test_what_a_link_leads_to_is_not_printed(cli: Cli, make_skill: MakeSkill, tmp_path: Path) -> None:
    """A skill from a stranger cannot bring a file of this machine into the log of a check."""
    (tmp_path / "secret").write_text("token-1234\n", encoding="utf-8")
    root = make_skill("alpha", f"name: alpha\n{GOOD}")
    (root / "notes.md").symlink_to(tmp_path / "secret")
    (root.parent / "beta").mkdir()
    (root.parent / "beta" / "SKILL.md").symlink_to(tmp_path / "secret")
    done = cli("validate", "skills")
    assert done.returncode == 1
    assert "token-1234" not in done.stdout + done.stderr


@pytest.mark.parametrize(("environment", "styled"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(
    make_skill: MakeSkill, tmp_path: Path, environment: dict[str, str], *, styled: bool
) -> None:
    """Errors are red there unless NO_COLOR is set; in a pipe there are none."""
    make_skill("alpha", f"name: beta\n{GOOD}")
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "openskills_core", "validate", "skills"]
    env = {**os.environ, **environment}
    subprocess.run(words, cwd=tmp_path, env=env, stdout=theirs, stderr=subprocess.DEVNULL, check=False)
    os.close(theirs)
    text = os.read(ours, 10_000).decode()
    os.close(ours)
    assert ("\x1b[31mskills/alpha/SKILL.md:2: error" in text) == styled
    assert "error name-mismatch" in text
