"""Whole skills on disk: what is checked beyond the frontmatter, and which skills a path means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from openskills_core import SkillNotFoundError
from openskills_core.format.profiles import CODES, Profile
from openskills_core.validation import Report, validate
from openskills_core.validation.texts import weaknesses

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeSkill = Callable[..., Path]

EXAMPLES = Path(__file__).parents[1] / "examples" / "skills"
GOOD = "name: alpha\ndescription: Renames photos by date. Use it when a folder of photos is a mess.\n"
FIRST = 5  # the line of the body behind that


def check(root: Path, profile: Profile = "strict") -> Report:
    """Return the report on one skill."""
    (report,) = validate(root, profile=profile)
    return report


def brief(report: Report) -> list[tuple[str, int, str, str]]:
    """Return file, line, severity and code of each finding."""
    return [
        (note.path.relative_to(report.path).as_posix(), note.line, note.severity, note.code)
        for note in report.diagnostics
    ]


@pytest.mark.parametrize("profile", get_args(Profile))
def test_the_example_skills_are_good(profile: Profile) -> None:
    """What we hand out as examples passes every profile without a word."""
    reports = validate(EXAMPLES, profile=profile)
    assert [report.path.name for report in reports] == sorted(path.name for path in EXAMPLES.iterdir())
    assert [note for report in reports for note in report.diagnostics] == []
    assert all(report.ok and report.stats and report.stats.body_tokens > 10 for report in reports)


# ---- files that the text names


def test_files_that_do_not_exist_are_found_on_their_line(make_skill: MakeSkill) -> None:
    """A link is an error, a path in code a warning; each file is told once, with the other lines it is on."""
    body = "[a](references/a.md)\n\n`scripts/run.py`\n```bash\npython scripts/run.py\n```\n![i](assets/i.png)\n"
    report = check(make_skill("alpha", GOOD, body))
    assert brief(report) == [
        ("SKILL.md", FIRST, "warning", "broken-link"),
        ("SKILL.md", FIRST + 2, "warning", "missing-file"),
        ("SKILL.md", FIRST + 6, "warning", "broken-link"),
    ]
    assert "'scripts/run.py' (also on line 9)" in report.diagnostics[1].message


def test_files_that_exist_draw_no_word(make_skill: MakeSkill) -> None:
    """Read from the skill's root, or from the document that names them."""
    body = "[a](./references/a.md#part) `scripts/run.py` [all](references/) [me](SKILL.md)\n"
    root = make_skill("alpha", GOOD, body, run_py="pass\n")
    (root / "references").mkdir()
    (root / "references" / "a.md").write_text("[b](b.md) [c](references/c.md) `scripts/run.py`\n", encoding="utf-8")
    for name in ("b", "c"):
        (root / "references" / f"{name}.md").touch()
    assert brief(check(root)) == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("reference/forms.md", "references/forms.md"),
        ("references/Forms.md", "references/forms.md"),
        ("references/from.md", "references/form.md"),
        ("references/formz.md", "references/forms.md"),
    ],
)
def test_a_near_miss_names_the_file_that_was_meant(make_skill: MakeSkill, written: str, meant: str) -> None:
    """One of the same name in another folder, or of nearly the same name."""
    root = make_skill("alpha", GOOD, f"[x]({written})\n")
    (root / "references").mkdir()
    (root / meant).touch()
    (note,) = check(root).diagnostics
    assert note.message == f"'{written}' does not exist: did you mean '{meant}'?"


def test_a_path_out_of_the_skill_weighs_what_the_profile_says(make_skill: MakeSkill, skills: Path) -> None:
    """Whether or not the file is there: an upload does not hold it."""
    (skills / "shared.md").touch()
    root = make_skill("alpha", GOOD, "[x](../shared.md) [y](~/y.md) `${CLAUDE_SKILL_DIR}/../z.py`\n")
    for profile, severity in (("strict", "warning"), ("upload", "error"), ("runtime", "info")):
        found = brief(check(root, profile))  # type: ignore[arg-type]  # one of the three
        assert found == [("SKILL.md", FIRST, severity, "outside-skill")] * 3


def test_a_file_of_the_project_is_not_missed(make_skill: MakeSkill, tmp_path: Path) -> None:
    """Commands run in the user's project: a path in code may be one of the repository that holds the skill."""
    root = make_skill("alpha", GOOD, "`scripts/release.sh`\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "release.sh").touch()
    assert [note.code for note in check(root).diagnostics] == ["missing-file"]
    (tmp_path / ".git").mkdir()
    assert check(root).diagnostics == ()


def test_documents_that_the_body_leads_to_are_checked_too(make_skill: MakeSkill) -> None:
    """Their broken links are theirs; one that only another document names is a hint; a circle ends."""
    root = make_skill("alpha", GOOD, "[a](references/a.md)\n")
    (root / "references").mkdir()
    (root / "references" / "a.md").write_text("# A\n\n[b](b.md)\n", encoding="utf-8")
    (root / "references" / "b.md").write_text("[a](a.md) [gone](gone.md)\n", encoding="utf-8")
    assert brief(check(root)) == [
        ("references/a.md", 3, "info", "deep-reference"),
        ("references/b.md", 1, "warning", "broken-link"),
    ]
    (root / "SKILL.md").write_text(f"---\n{GOOD}---\n[a](references/a.md); see `references/`\n", encoding="utf-8")
    assert [note.code for note in check(root).diagnostics] == ["broken-link"]


# ---- scripts that the frontmatter declares


def test_declared_scripts_that_do_not_exist_are_errors_on_their_own_line(make_skill: MakeSkill) -> None:
    """Targets of actions, and commands of hooks in the skill's directory; a relative command may be the project's."""
    front = (
        f"{GOOD}actions:\n  - id: go\n    target:\n      type: script\n      path: scripts/go.py\n"
        "  - id: run\n    target: {type: script, path: scripts/run.py}\n"
        "  - id: out\n    target: {type: script, path: ../out.py}\n"
        "hooks:\n  PreToolUse:\n    - matcher: Bash\n      hooks:\n"
        '        - type: command\n          command: bash "${CLAUDE_SKILL_DIR}"/scripts/check.sh\n'
        "        - type: command\n          command: ./scripts/perhaps-of-the-project.sh\n"
        "        - type: command\n          command: ./scripts/run.py && echo ${CLAUDE_PROJECT_DIR}/scripts/other.sh\n"
    )
    report = check(make_skill("alpha", front, run_py="pass\n"), "runtime")
    assert brief(report) == [
        ("SKILL.md", 8, "error", "missing-script"),
        ("SKILL.md", 12, "error", "missing-script"),
        ("SKILL.md", 18, "error", "missing-script"),
        ("SKILL.md", 20, "warning", "missing-file"),
    ]
    assert [note.message.partition(" runs ")[0] for note in report.diagnostics] == [
        "the action 'go'",
        "the action 'out'",
        "the PreToolUse hook",
        "the PreToolUse hook",
    ]


# ---- what lies in the directory


def test_links_that_lead_nowhere_or_out_are_found(make_skill: MakeSkill, skills: Path) -> None:
    """A broken one is an error but for a runtime; one that leads out is lost in an upload."""
    (skills / "shared").mkdir()
    root = make_skill("alpha", GOOD)
    (root / "dead.md").symlink_to("nowhere.md")
    (root / "out").symlink_to("../shared")
    (root / "same.md").symlink_to("SKILL.md")
    for profile, dead, out in (
        ("strict", "error", "warning"),
        ("upload", "error", "error"),
        ("runtime", "warning", "warning"),
    ):
        assert brief(check(root, profile)) == [  # type: ignore[arg-type]  # one of the three
            ("dead.md", 1, dead, "broken-symlink"),
            ("out", 1, out, "symlink-outside"),
        ]


@pytest.mark.parametrize(
    ("name", "text", "mode", "is_found"),
    [
        ("scripts/run", "echo hi\n", 0o755, True),
        ("scripts/run", "#!/bin/sh\necho hi\n", 0o755, False),
        ("scripts/run", "only data\n", 0o644, False),
        ("scripts/run.rb", "puts 1\n", 0o644, True),
        ("scripts/run.rb", "#!/usr/bin/env ruby\nputs 1\n", 0o644, False),
        ("scripts/run.py", "print(1)\n", 0o644, False),
        ("scripts/data.json", "{}\n", 0o755, False),
        ("templates/run.rb", "puts 1\n", 0o644, False),
    ],
)
def test_scripts_that_nothing_runs_are_found(
    make_skill: MakeSkill, name: str, text: str, mode: int, *, is_found: bool
) -> None:
    """A script says by its suffix or its first line what runs it; data beside it need not."""
    root = make_skill("alpha", GOOD)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    (root / name).chmod(mode)
    expected = [(name, 1, "warning", "no-interpreter")] if is_found else []
    assert brief(check(root, "runtime")) == expected


def test_dependencies_and_caches_in_a_skill_are_not_looked_through(make_skill: MakeSkill) -> None:
    """What a package manager put there is not the author's."""
    root = make_skill("alpha", GOOD)
    for folder in ("node_modules", ".venv", ".git", "scripts/__pycache__"):
        (root / folder).mkdir(parents=True)
        (root / folder / "dead").symlink_to("nowhere")
    assert check(root).diagnostics == ()


# ---- how much, and how well


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", [("SKILL.md", FIRST, "warning", "empty-body")]),
        ("x\n" * 500, []),
        ("x\n" * 501, [("SKILL.md", FIRST, "warning", "long-body")]),
        ("word " * 4_000, []),
        ("word " * 4_001, [("SKILL.md", FIRST, "warning", "long-body")]),
        (f"# Title\n\n{'word ' * 4_001}", [("SKILL.md", FIRST, "warning", "long-body")]),
    ],
    ids=["empty", "500-lines", "501-lines", "5000-tokens", "5001-tokens", "behind-a-title"],
)
def test_a_body_stays_within_its_budget(
    make_skill: MakeSkill, body: str, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 lines, 5,000 tokens, and not nothing."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert brief(check(make_skill("alpha", GOOD, body))) == expected


def test_the_report_says_how_tokens_came_about(make_skill: MakeSkill) -> None:
    """Sizes are in the report, and whoever reads of too many learns whether they were counted."""
    report = check(make_skill("alpha", GOOD, "word " * 6_000))
    assert report.stats is not None
    assert (report.stats.body_lines, report.stats.body_tokens > 5_000, report.stats.metadata_tokens > 15) == (
        1,
        True,
        True,
    )
    assert report.stats.tokens in report.diagnostics[0].message
    assert report.stats.tokens.startswith(("estimated at", "counted with"))


def test_a_long_description_is_a_hint(make_skill: MakeSkill) -> None:
    """It is read in every conversation."""
    root = make_skill("alpha", f"name: alpha\ndescription: {'Use it when asked. ' * 50}\n")
    assert brief(check(root)) == [("SKILL.md", 3, "info", "long-metadata")]


def test_a_weak_description_is_a_hint(make_skill: MakeSkill) -> None:
    """Every weakness is told, none of them as an error; without a description there is nothing to judge."""
    root = make_skill("alpha", "name: alpha\ndescription: I can do alpha\n")
    assert brief(check(root)) == [("SKILL.md", 3, "info", "weak-description")] * 3
    assert brief(check(make_skill("alpha", "name: alpha\n"), "runtime")) == [
        ("SKILL.md", 1, "warning", "no-description")
    ]


@pytest.mark.parametrize(
    ("description", "advice"),
    [
        ("Alpha skill", "only repeats the name"),
        ("Use when asked.", "say more"),
        ("Renames photos by the date they were taken, in bulk.", "say when"),
        ("I can help you rename photos when they are a mess.", "not 'I can'"),
        ("Renames photos. Let me know when you need it, please.", "not 'Let me'"),
    ],
)
def test_a_weak_description_gets_advice(description: str, advice: str) -> None:
    """A description is what a model chooses by."""
    (said,) = weaknesses(description, "alpha", "")
    assert advice in said


@pytest.mark.parametrize(
    ("description", "when_to_use"),
    [
        ("Renames photos by date. Use it when a folder of photos is a mess.", ""),
        ("Fast file I/O and async/await patterns. Use for network and disk I/O in Python.", ""),
        ('Reviews code. Use when the user says "I can not merge" or "let me see".', ""),
        ("Renames photos by the date they were taken, in bulk.", "A folder of photos is a mess."),
        ("Benennt Fotos nach Datum um. Für Ordner, die ein Durcheinander sind.", ""),
        (
            "写真を日付で整理する。ユーザーが写真フォルダーの整理を頼んだときに使う。写真の名前を日付に変えて並べ替える。",
            "",
        ),
    ],
)
def test_a_good_description_gets_none(description: str, when_to_use: str) -> None:
    """Nor does one in another language, or one that quotes its user."""
    assert list(weaknesses(description, "alpha", when_to_use)) == []


# ---- which skills a path means


def test_a_path_means_a_skill_its_file_or_all_the_skills_beneath(make_skill: MakeSkill, skills: Path) -> None:
    """However deep, hidden folders and linked skills included; below a skill no other is looked for."""
    alpha = make_skill("alpha", GOOD)
    make_skill("group/beta")
    make_skill(".claude/skills/gamma")
    make_skill("alpha/examples/inner")
    make_skill("node_modules/dependency")
    (skills / "linked").symlink_to(skills.parent / "elsewhere")
    (skills.parent / "elsewhere").mkdir()
    (skills.parent / "elsewhere" / "SKILL.md").write_text((alpha / "SKILL.md").read_text("utf-8"), "utf-8")
    (skills / "loop").symlink_to(skills)
    assert [report.path for report in validate(alpha)] == [alpha]
    assert [report.path for report in validate(alpha / "SKILL.md")] == [alpha]
    found = [report.path.relative_to(skills).as_posix() for report in validate(skills)]
    assert found == [".claude/skills/gamma", "alpha", "group/beta", "linked"]


def test_a_skill_is_called_what_its_directory_is_called(
    make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch, skills: Path
) -> None:
    """Also when the path is `.`, or a link: the link's name is the one that clients see."""
    alpha = make_skill("alpha", GOOD)
    monkeypatch.chdir(alpha)
    assert check(Path()).diagnostics == check(Path("SKILL.md")).diagnostics == ()
    (skills / "other").symlink_to(alpha)
    assert [note.code for note in check(skills / "other").diagnostics] == ["name-mismatch"]


def test_a_path_without_skills_is_an_error(tmp_path: Path) -> None:
    """A check that checks nothing must not pass."""
    (tmp_path / "notes.txt").touch()
    for path in (tmp_path, tmp_path / "notes.txt"):
        (report,) = validate(path)
        assert (report.ok, report.stats, report.diagnostics[0].code) == (False, None, "no-skills")


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The culprit is named; so is a profile that does not exist."""
    with pytest.raises(SkillNotFoundError, match=r"no file or directory .*nope"):
        validate(tmp_path / "nope")
    with pytest.raises(ValueError, match="strict, upload, runtime, not 'loose'"):
        validate(tmp_path, profile="loose")  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", get_args(Profile))
def test_a_skill_file_of_another_case_is_an_error(skills: Path, profile: Profile) -> None:
    """Named directly or found in a directory: no client reads it on most systems."""
    (skills / "alpha").mkdir()
    (skills / "alpha" / "Skill.md").write_text(f"---\n{GOOD}---\nDo it.\n", encoding="utf-8")
    for path in (skills, skills / "alpha", skills / "alpha" / "Skill.md"):
        assert brief(check(path, profile)) == [("Skill.md", 1, "error", "wrong-case")]


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _directory(file: Path) -> None:
    file.mkdir()


def _link(file: Path) -> None:
    file.symlink_to("/etc/passwd")


def _broken(file: Path) -> None:
    file.symlink_to("nowhere")


@pytest.mark.parametrize("make", [_fifo, _directory, _link, _broken])
def test_a_skill_file_that_is_no_file_is_an_error(skills: Path, make: Callable[[Path], None]) -> None:
    """A pipe is not waited for, and a link to any other file is not read."""
    (skills / "alpha").mkdir()
    make(skills / "alpha" / "SKILL.md")
    assert [note.code for note in check(skills / "alpha").diagnostics if note.severity == "error"] == [
        "unreadable-skill"
    ]


def test_a_skill_file_may_link_to_another_skill_file(make_skill: MakeSkill, skills: Path) -> None:
    """People share skills that way; that the link leads out is still said."""
    alpha = make_skill("alpha", GOOD)
    (skills / "beta").mkdir()
    (skills / "beta" / "SKILL.md").symlink_to(alpha / "SKILL.md")
    report = check(skills / "beta")
    assert report.stats is not None
    assert sorted(note.code for note in report.diagnostics) == ["name-mismatch", "symlink-outside"]


def test_one_bad_skill_does_not_hide_the_others(make_skill: MakeSkill, skills: Path) -> None:
    """Each has its report."""
    make_skill("alpha", GOOD)
    (make_skill("bad") / "SKILL.md").write_bytes(b"\xff\xfe\x00---")
    make_skill("gamma")
    assert [(report.path.name, report.ok) for report in validate(skills)] == [
        ("alpha", True), ("bad", False), ("gamma", True)
    ]  # fmt: skip


def test_every_code_is_provoked_by_some_test() -> None:
    """A code that no test can provoke is dead or untested."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*valid*.py"))
    assert [code for code in CODES if f'"{code}"' not in tests] == []


def test_the_documentation_lists_every_code() -> None:
    """An author who reads a code finds what it stands for."""
    page = (Path(__file__).parents[1] / "docs" / "validate.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in page] == []
