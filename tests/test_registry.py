"""Directories of skills: what is found, what wins, what is said, and what is seen when the disk changes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Literal

import pytest

from openskills_core.errors import InvalidSkillError, PathEscapeError, SkillNotFoundError, WorkspaceError
from openskills_core.format import MAX_BYTES
from openskills_core.registry import Location, Registry, standard_locations


def write_skill(directory: Path, body: str = "Body\n", fields: str = "description: D") -> Path:
    """Write a SKILL.md into `directory`, made when missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "SKILL.md").write_text(f"---\n{fields}\n---\n{body}", encoding="utf-8")
    return directory


def registry(*directories: Path, watch: bool = True) -> Registry:
    """Return a registry of these directories."""
    return Registry([Location(directory) for directory in directories], watch=watch)


def ids(found: Registry) -> list[str]:
    """Return the ids of all skills, in order."""
    return [skill.id for skill in found.skills()]


def codes(found: Registry) -> list[str]:
    """Return the codes of all diagnostics, in order."""
    return [note.code for note in found.diagnostics]


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


def test_changes_on_disk_are_seen_at_the_next_call(tmp_path: Path) -> None:
    """Added, edited and removed skills and directories need no second discovery."""
    skills = tmp_path / "skills"
    found = registry(skills)
    assert codes(found) == ["no-such-directory"]
    write_skill(skills / "one")
    assert (ids(found), codes(found)) == (["one"], [])
    write_skill(skills / "one", fields="description: longer than before")
    assert found.get("one").description == "longer than before"
    write_skill(skills / "two")
    assert ids(found) == ["one", "two"]
    (skills / "one" / "SKILL.md").unlink()
    assert ids(found) == ["two"]


def test_an_edit_in_place_of_the_same_length_is_seen(tmp_path: Path) -> None:
    """The time of modification counts, not only the size."""
    write_skill(tmp_path / "one", fields="description: a")
    found = registry(tmp_path)
    assert found.get("one").description == "a"
    write_skill(tmp_path / "one", fields="description: b")
    later = time.time_ns() + 1_000_000_000
    os.utime(tmp_path / "one" / "SKILL.md", ns=(later, later))
    assert found.get("one").description == "b"


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    """The other skill is the same object as before."""
    write_skill(tmp_path / "one")
    write_skill(tmp_path / "two")
    found = registry(tmp_path)
    one, two = found.skills()
    write_skill(tmp_path / "two", fields="description: changed")
    assert found.get("one") is one
    assert found.get("two") is not two


def test_without_watching_only_discover_looks_again(tmp_path: Path) -> None:
    """A body is read when it is asked for, either way."""
    write_skill(tmp_path / "one")
    found = registry(tmp_path, watch=False)
    assert ids(found) == ["one"]
    write_skill(tmp_path / "two")
    write_skill(tmp_path / "one", "New body", "description: new")
    assert (ids(found), found.get("one").description) == (["one"], "D")
    assert found.body(found.get("one")) == "New body"
    found.discover()
    assert (ids(found), found.get("one").description) == (["one", "two"], "new")


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


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("claude-code", "home/.claude b/.claude a/.claude repo/.claude"),
        ("agentskills", "b/.agents b/.claude a/.agents a/.claude repo/.agents repo/.claude home/.agents home/.claude"),
    ],
)
def test_standard_locations(tmp_path: Path, preset: Literal["claude-code", "agentskills"], expected: str) -> None:
    """Each preset has its order; project skills are looked for up to the root of the repository."""
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    locations = standard_locations(tmp_path / "repo" / "a" / "b", tmp_path / "home", preset)
    assert ["/".join(location.path.parts[-3:-1]) for location in locations] == expected.split()
    assert all(location.path.name == "skills" and not location.required for location in locations)
    assert {location.name for location in locations if "home" in location.path.parts} == {"personal"}


def test_outside_a_repository_only_the_project_itself_is_searched(tmp_path: Path) -> None:
    """Parents that are no part of the project are left alone."""
    locations = standard_locations(tmp_path / "work", tmp_path / "home")
    assert [location.path for location in locations][1:] == [tmp_path / "work" / ".claude" / "skills"]


def test_an_unknown_preset_lists_the_known_ones(tmp_path: Path) -> None:
    """A typing mistake does not fall back to anything."""
    with pytest.raises(ValueError, match="claude-code, agentskills, not 'claude'"):
        standard_locations(tmp_path, tmp_path, "claude")  # type: ignore[arg-type]


def test_a_thousand_skills_are_found_quickly(tmp_path: Path) -> None:
    """Well under two seconds on a slow machine, and a question afterwards takes milliseconds."""
    for number in range(1000):
        write_skill(tmp_path / f"skill-{number}", fields=f"name: skill-{number}\ndescription: D\nmetadata:\n  a: b")
    found = registry(tmp_path)
    start = time.process_time()
    assert len(found.skills()) == 1000
    assert time.process_time() - start < 2
    start = time.process_time()
    found.get("skill-7")
    assert time.process_time() - start < 0.1
