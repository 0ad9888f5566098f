"""Directories of skills: what is found, what wins, what is said, and what an unknown id is answered with."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from openskills_core.errors import InvalidSkillError, PathEscapeError, SkillNotFoundError, WorkspaceError
from openskills_core.format import MAX_BYTES
from openskills_core.registry import Location, Registry
from tests.registry.places import codes, ids, registry, write_skill


def test_every_immediate_child_with_a_skill_file_is_a_skill(tmp_path: Path) -> None:
    """Hidden, git-ignored and linked directories count; other children do not."""
    skills = tmp_path / "skills"
    write_skill(skills / "plain")
    write_skill(skills / ".hidden")
    write_skill(skills / "ignored")
    write_skill(tmp_path / "elsewhere")
    (skills / ".gitignore").write_text("ignored/\n", encoding="utf-8")
    (skills / "linked").symlink_to(tmp_path / "elsewhere")
    (skills / "empty").mkdir()
    found = registry(skills)
    assert ids(found) == [".hidden", "ignored", "linked", "plain"]
    assert found.get("linked").root == skills / "linked"
    assert codes(found) == []


def test_a_directory_that_is_itself_a_skill_yields_itself_and_its_children(tmp_path: Path) -> None:
    """Its id is its own name."""
    write_skill(tmp_path / "tool")
    write_skill(tmp_path / "tool" / "child")
    assert ids(registry(tmp_path / "tool")) == ["child", "tool"]


def test_the_id_is_the_directory_and_the_name_is_the_authors(tmp_path: Path) -> None:
    """A name that differs is kept, and reported."""
    write_skill(tmp_path / "dir-name", fields="name: other\ndescription: D")
    found = registry(tmp_path)
    assert (ids(found), found.get("dir-name").manifest.name) == (["dir-name"], "other")
    assert codes(found) == ["name-mismatch"]


def test_an_earlier_location_wins_and_the_other_skill_is_reported(tmp_path: Path) -> None:
    """Both files are named."""
    write_skill(tmp_path / "a" / "same", "first")
    write_skill(tmp_path / "b" / "same", "second")
    write_skill(tmp_path / "b" / "only")
    found = Registry([Location(tmp_path / "a", "personal"), Location(tmp_path / "b", "project")])
    assert [(skill.id, skill.location) for skill in found.skills()] == [("only", "project"), ("same", "personal")]
    assert found.body(found.get("same")) == "first"
    (note,) = found.diagnostics
    assert (note.code, note.skill_id, note.path) == ("shadowed", "same", tmp_path / "b" / "same" / "SKILL.md")
    assert str(tmp_path / "a" / "same" / "SKILL.md") in note.message


def test_the_same_file_reached_twice_is_not_reported(tmp_path: Path) -> None:
    """Two spellings of one directory are common: `.agents/skills` linked to `.claude/skills`."""
    write_skill(tmp_path / "a" / "same")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    found = registry(tmp_path / "a", tmp_path / "b", tmp_path / "a")
    assert (ids(found), codes(found)) == (["same"], [])


def test_a_relative_directory_is_fixed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the current directory changes nothing."""
    write_skill(tmp_path / "skills" / "one")
    monkeypatch.chdir(tmp_path)
    found = registry(Path("skills"))
    monkeypatch.chdir("/")
    assert found.get("one").root == tmp_path / "skills" / "one"


@pytest.mark.parametrize("kind", ["missing", "file", "broken link"])
def test_a_directory_that_is_none_is_a_diagnostic(tmp_path: Path, kind: str) -> None:
    """It is named, with what to do, and the other directories still count."""
    write_skill(tmp_path / "good" / "one")
    bad = tmp_path / "bad"
    if kind == "file":
        bad.write_text("", encoding="utf-8")
    if kind == "broken link":
        bad.symlink_to("nowhere")
    found = registry(bad, tmp_path / "good")
    assert ids(found) == ["one"]
    (note,) = found.diagnostics
    assert (note.code, note.severity, note.path) == ("no-such-directory", "error", bad)
    assert "pass the directory that holds your skills" in note.message


def test_a_location_that_may_be_absent_is_silent(tmp_path: Path) -> None:
    """Nobody must have a personal skills directory, or anything in it."""
    (tmp_path / "empty").mkdir()
    locations = [Location(tmp_path / name, "personal", required=False) for name in ("none", "empty")]
    assert codes(Registry(locations)) == []


def test_an_empty_directory_says_what_a_skill_looks_like(tmp_path: Path) -> None:
    """The example is a path the reader can create."""
    (note,) = registry(tmp_path).diagnostics
    assert (note.code, note.path) == ("no-skills", tmp_path)
    assert f"{tmp_path}/my-skill/SKILL.md" in note.message


def test_near_misses_are_named(tmp_path: Path) -> None:
    """The wrong case, a level too deep and a broken link are told apart."""
    for name in ("wrong", "deep/skill", "broken"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "wrong" / "skill.md").write_text("Body", encoding="utf-8")
    (tmp_path / "deep" / "skill" / "SKILL.md").write_text("Body", encoding="utf-8")
    (tmp_path / "broken" / "SKILL.md").symlink_to("nowhere")
    found = registry(tmp_path)
    assert ids(found) == []
    assert codes(found) == ["unreadable-skill", "nested-skill", "wrong-case", "no-skills"]
    assert found.diagnostics[1].path == tmp_path / "deep" / "skill" / "SKILL.md"
    assert "rename skill.md to SKILL.md" in found.diagnostics[2].message
    write_skill(tmp_path / "good")
    assert codes(found) == ["unreadable-skill", "nested-skill", "wrong-case"]


def test_one_bad_skill_hides_no_other(tmp_path: Path) -> None:
    """A directory, a FIFO, a foreign link, an odd name, broken YAML and raw bytes stand beside a good skill."""
    write_skill(tmp_path / "good")
    (tmp_path / "directory" / "SKILL.md").mkdir(parents=True)
    for name in ("fifo", "foreign", "bytes", "new\nline"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo" / "SKILL.md")
    (tmp_path / "foreign" / "SKILL.md").symlink_to("/etc/hostname")
    (tmp_path / "bytes" / "SKILL.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "loop").symlink_to("loop")
    write_skill(tmp_path / "new\nline")
    write_skill(tmp_path / "yaml", fields="name: {")
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")  # noqa: PTH102 - a name that is not UTF-8
    (tmp_path / os.fsdecode(b"\xff") / "SKILL.md").write_text("Body", encoding="utf-8")
    found = registry(tmp_path)
    assert ids(found) == ["bytes", "good", "yaml"]
    unreadable = [note.path.parent.name for note in found.diagnostics if note.code == "unreadable-skill"]
    assert unreadable == ["directory", "fifo", "foreign"]
    assert codes(found).count("bad-directory-name") == 2


def test_a_skill_file_linked_from_a_shared_one_is_read(tmp_path: Path) -> None:
    """Dotfile managers link each file; a link to another SKILL.md shows nothing else."""
    write_skill(tmp_path / "store" / "x", "shared")
    (tmp_path / "skills" / "x").mkdir(parents=True)
    (tmp_path / "skills" / "x" / "SKILL.md").symlink_to(tmp_path / "store" / "x" / "SKILL.md")
    found = registry(tmp_path / "skills")
    assert found.body(found.get("x")) == "shared"


def test_an_oversized_skill_file_is_listed_and_reported(tmp_path: Path) -> None:
    """It is not read whole."""
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "SKILL.md").write_bytes(b"x" * (MAX_BYTES + 10))
    found = registry(tmp_path)
    assert (ids(found), codes(found)[0]) == (["big"], "file-too-large")


def test_an_unknown_id_names_near_matches(tmp_path: Path) -> None:
    """Else it names what there is, else what was searched."""
    write_skill(tmp_path / "some" / "pdf-tools")
    (tmp_path / "none").mkdir()
    some = registry(tmp_path / "some")
    with pytest.raises(SkillNotFoundError, match=r"no skill 'pdf_tools'; did you mean pdf-tools\?") as caught:
        some.get("pdf_tools")
    assert caught.value.culprit == "pdf_tools"
    with pytest.raises(SkillNotFoundError, match="there are pdf-tools"):
        some.get("x")
    with pytest.raises(SkillNotFoundError, match=f"nor any other: {tmp_path}/none was searched"):
        registry(tmp_path / "none").get("x")
    with pytest.raises(SkillNotFoundError, match="no directory was searched"):
        Registry([]).get("x")


def test_a_skill_that_vanished_says_so(tmp_path: Path) -> None:
    """A value kept from before names the file that can no longer be read."""
    found = registry(write_skill(tmp_path / "one").parent)
    skill = found.get("one")
    (tmp_path / "one" / "SKILL.md").unlink()
    with pytest.raises(InvalidSkillError, match=r"SKILL\.md cannot be read: no such file"):
        found.body(skill)


def test_files_are_listed_relative_sorted_and_without_what_leads_outside(tmp_path: Path) -> None:
    """A link to a file of the skill counts; linked directories and links outside do not."""
    root = write_skill(tmp_path / "one")
    (root / "sub" / "deep").mkdir(parents=True)
    for name in ("z.txt", "sub/a.txt", "sub/deep/b.txt"):
        (root / name).write_text("", encoding="utf-8")
    (root / "inside").symlink_to("z.txt")
    (root / "outside").symlink_to("/etc/hostname")
    (root / "etc").symlink_to("/etc")
    found = registry(tmp_path)
    assert found.list_files("one") == ["SKILL.md", "inside", "z.txt"]
    assert found.list_files("one", recursive=True) == ["SKILL.md", "inside", "sub/a.txt", "sub/deep/b.txt", "z.txt"]
    assert found.list_files("one", "sub") == ["sub/a.txt"]
    assert found.list_files("one", "sub", recursive=True) == ["sub/a.txt", "sub/deep/b.txt"]


@pytest.mark.parametrize(
    "path", ["../two/SKILL.md", "/etc/hostname", "outside", "etc/hostname", "a/../../two/SKILL.md"]
)
def test_no_path_leaves_the_skill(tmp_path: Path, path: str) -> None:
    """Neither dots, nor an absolute path, nor a link leads out."""
    root = write_skill(tmp_path / "one")
    write_skill(tmp_path / "two")
    (root / "outside").symlink_to("/etc/hostname")
    (root / "etc").symlink_to("/etc")
    found = registry(tmp_path)
    with pytest.raises(PathEscapeError):
        found.read_file("one", path)
    with pytest.raises(PathEscapeError):
        found.list_files("one", "..")


def test_files_beneath_the_skill_are_read_as_text(tmp_path: Path) -> None:
    """By relative path, and by the absolute path that instructions name, through a linked directory too."""
    root = write_skill(tmp_path / "store" / "one")
    (root / "a.txt").write_bytes(b"caf\xc3\xa9 \xff")
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "one").symlink_to(root)
    found = registry(tmp_path / "skills")
    for path in ("a.txt", f"{tmp_path}/skills/one/a.txt", f"{root}/a.txt"):
        assert found.read_file("one", path) == "café \ufffd"
    with pytest.raises(WorkspaceError, match=r"none\.txt"):
        found.read_file("one", "none.txt")


def test_threads_share_a_registry(tmp_path: Path) -> None:
    """Readers see a whole catalog while skills come and go."""
    write_skill(tmp_path / "stays")
    found = registry(tmp_path)
    seen: list[set[str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(set(ids(found)))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(20):
        write_skill(tmp_path / f"new-{number}")
    stop.set()
    for reader in readers:
        reader.join()
    assert all("stays" in names for names in seen)
    assert len(ids(found)) == 21


def test_a_directory_reached_twice_is_one_skill(tmp_path: Path) -> None:
    """The real directory gives the id; asked for by the other name, the error says so. Loops are harmless."""
    write_skill(tmp_path / "skills" / "real")
    (tmp_path / "skills" / "again").symlink_to("real")
    (tmp_path / "skills" / "loop").symlink_to("loop")
    (tmp_path / "skills" / "up").symlink_to("..")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other").symlink_to(tmp_path / "skills" / "real")
    found = registry(tmp_path / "skills", tmp_path / "more")
    assert (ids(found), [code for code in codes(found) if code == "shadowed"]) == (["real"], [])
    for name in ("again", "other"):
        with pytest.raises(SkillNotFoundError, match=f"no skill '{name}': that directory is the skill 'real'"):
            found.get(name)


def test_a_skill_that_links_to_its_own_directory_is_one_skill(tmp_path: Path) -> None:
    """The id is the directory's, not the link's."""
    write_skill(tmp_path / "one")
    (tmp_path / "one" / "self").symlink_to(".")
    assert ids(registry(tmp_path / "one")) == ["one"]


def test_two_directories_that_share_a_skill_file_are_two_skills(tmp_path: Path) -> None:
    """Their other files differ, so the directory counts and not the file."""
    write_skill(tmp_path / "store" / "x")
    for name in ("a", "b"):
        (tmp_path / "skills" / name).mkdir(parents=True)
        (tmp_path / "skills" / name / "SKILL.md").symlink_to(tmp_path / "store" / "x" / "SKILL.md")
        (tmp_path / "skills" / name / f"{name}.txt").write_text("", encoding="utf-8")
    found = registry(tmp_path / "skills")
    assert ids(found) == ["a", "b"]
    assert [found.list_files(name) for name in ("a", "b")] == [["a.txt"], ["b.txt"]]


def test_a_name_that_is_no_id_leads_to_the_id(tmp_path: Path) -> None:
    """Models and people ask for what the frontmatter calls a skill."""
    write_skill(tmp_path / "deploy", fields="name: ship\ndescription: D")
    with pytest.raises(SkillNotFoundError, match="the skill named 'ship' has the id 'deploy'"):
        registry(tmp_path).get("ship")


def test_a_missing_directory_is_told_to_who_asks_for_a_skill_and_once_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt path must not look like an empty catalog."""
    found = registry(tmp_path / "skils")
    with caplog.at_level(logging.WARNING, "openskills"):
        assert ids(found) == ids(found) == []
    (record,) = caplog.records
    assert f"there is no directory {tmp_path}/skils" in record.getMessage()
    with pytest.raises(SkillNotFoundError, match=f"no skill 'x': there is no directory {tmp_path}/skils"):
        found.get("x")


def test_a_directory_that_looks_like_a_skill_beside_skills_is_mentioned(tmp_path: Path) -> None:
    """Scripts or a lone Markdown file make one look like a skill; with no skill beside it nothing is known."""
    for name in ("scripts/scripts", "notes", "docs", "data", ".hidden/scripts"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("notes/notes.md", "docs/a.md", "docs/b.md", "data/x.csv"):
        (tmp_path / name).write_text("", encoding="utf-8")
    found = registry(tmp_path)
    assert codes(found) == ["no-skills"]
    write_skill(tmp_path / "good")
    told = {note.path.name: (note.code, note.severity, note.message) for note in found.diagnostics}
    assert told == {
        "notes": ("no-skill-file", "info", "if this is a skill, rename notes.md to SKILL.md"),
        "scripts": ("no-skill-file", "info", "if this is a skill, write a SKILL.md"),
    }


def test_a_path_that_can_be_none_is_missing(tmp_path: Path) -> None:
    """A NUL is in no file name, nor half a character, nor thousands of them."""
    for name in ("a\0b", "\ud800", "x" * 5_000):
        found = registry(tmp_path / name)
        assert (ids(found), codes(found)) == ([], ["no-such-directory"])
        with pytest.raises(SkillNotFoundError):
            found.get(name)


def test_a_preset_decides_what_loads(tmp_path: Path) -> None:
    """Without a description Claude Code takes the first line; the guide leaves such a skill out, and it is said why."""
    write_skill(tmp_path / "bare", "First line\n", "license: MIT")
    loose, strict = (Registry([Location(tmp_path)], preset=preset) for preset in ("claude-code", "agentskills"))
    assert [info.description for info in loose.infos()] == ["First line"]
    assert ids(strict) == []
    assert [(note.code, note.severity, note.skill_id) for note in strict.diagnostics] == [
        ("no-description", "error", "bare")
    ]
    with pytest.raises(SkillNotFoundError):
        strict.get("bare")


def test_the_info_of_a_skill_is_an_ordinary_value(tmp_path: Path) -> None:
    """Its path is made late, and that does not show."""
    import copy
    import dataclasses
    import pickle

    write_skill(tmp_path / "one")
    (info,) = registry(tmp_path).infos()
    (twin,) = registry(tmp_path).infos()
    assert info == twin
    assert hash(info) == hash(twin)
    assert info.path == tmp_path / "one" / "SKILL.md"
    assert pickle.loads(pickle.dumps(info)) == copy.copy(info) == info  # noqa: S301 - our own value
    assert dataclasses.asdict(dataclasses.replace(info, id="two"))["path"] == info.path
    assert not hasattr(info, "nonsense")
