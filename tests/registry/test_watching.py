"""What is seen of changes on disk, when, and who is told."""

from __future__ import annotations

import logging
import mmap
import os
import random
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from openskills_core.errors import SkillNotFoundError
from openskills_core.registry import Location, Registry, Reload, alarm
from openskills_core.registry.alarm import MIN_WATCHED
from openskills_core.registry.inotify import Inotify
from tests.registry.places import codes, ids, registry, write_skill, write_skills

only_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


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


def test_an_edit_of_the_same_length_is_seen_however_soon_it_comes(tmp_path: Path) -> None:
    """The clock of the file system may not have moved since the last one."""
    found = registry(tmp_path)
    for number in range(50):
        write_skill(tmp_path / "one", fields=f"description: {number % 10}")
        assert found.get("one").description == str(number % 10)
    for number in range(50):
        write_skill(tmp_path / "one", fields=f"description: {number % 10}")
        assert [info.description for info in found.infos()] == [str(number % 10)]


def test_an_edit_that_hides_its_time_is_seen(tmp_path: Path) -> None:
    """The time of modification can be set back, the time of change cannot."""
    file = write_skill(tmp_path / "one", fields="description: a") / "SKILL.md"
    past = time.time_ns() - 10**12
    os.utime(file, ns=(past, past))
    found = registry(tmp_path)
    assert found.get("one").description == "a"
    write_skill(tmp_path / "one", fields="description: b")
    os.utime(file, ns=(past, past))
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


def test_a_skill_that_is_replaced_by_a_better_one_is_seen_by_name(tmp_path: Path) -> None:
    """A question about one skill looks where it could be overruled, too."""
    write_skill(tmp_path / "b" / "one", "second")
    (tmp_path / "a").mkdir()
    found = registry(tmp_path / "a", tmp_path / "b")
    assert found.body(found.get("one")) == "second"
    write_skill(tmp_path / "a" / "one", "first")
    assert found.body(found.get("one")) == "first"
    shutil.rmtree(tmp_path / "a")
    assert found.body(found.get("one")) == "second"
    shutil.rmtree(tmp_path / "b" / "one")
    with pytest.raises(SkillNotFoundError):
        found.get("one")


def test_a_location_that_moves_behind_a_link_is_followed(tmp_path: Path) -> None:
    """Nothing about the files has changed, but where they are has."""
    write_skill(tmp_path / "v1" / "one")
    (tmp_path / "current").symlink_to("v1")
    found = registry(tmp_path / "current")
    assert found.read_file("one", "SKILL.md")
    (tmp_path / "v1").rename(tmp_path / "v2")
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("v2")
    assert found.get("one").source == tmp_path / "v2" / "one"
    assert found.read_file("one", "SKILL.md")


def test_a_linked_skill_that_is_pointed_elsewhere_is_read_again(tmp_path: Path) -> None:
    """As installers do it: a new version beside the old one, then the link."""
    for version in ("v1", "v2"):
        write_skill(tmp_path / "store" / version, fields=f"description: {version}")
    (tmp_path / "skills").mkdir()
    link = tmp_path / "skills" / "one"
    link.symlink_to(tmp_path / "store" / "v1")
    found = registry(tmp_path / "skills")
    assert found.get("one").source == tmp_path / "store" / "v1"
    link.unlink()
    link.symlink_to(tmp_path / "store" / "v2")
    skill = found.get("one")
    assert (skill.description, skill.source) == ("v2", tmp_path / "store" / "v2")


def test_a_directory_that_becomes_a_skill_is_seen(tmp_path: Path) -> None:
    """Its parent does not change by that."""
    (tmp_path / "one").mkdir()
    found = registry(tmp_path)
    assert codes(found) == ["no-skills"]
    write_skill(tmp_path / "one")
    assert ids(found) == ["one"]


def test_hosts_are_told_of_changes_by_the_question_that_notices_them(tmp_path: Path) -> None:
    """Once each, and no more after they have had enough. The first discovery is no change."""
    for name in ("edited", "removed", "same"):
        write_skill(tmp_path / name)
    found, heard = registry(tmp_path), list[Reload]()
    stop = found.on_reload(heard.append)
    assert (ids(found), heard) == (["edited", "removed", "same"], [])
    write_skill(tmp_path / "edited", "New body")
    write_skill(tmp_path / "added")
    shutil.rmtree(tmp_path / "removed")
    assert heard == []
    assert found.get("edited").id == "edited"
    ids(found)
    assert heard == [Reload(("added",), ("edited",), ("removed",))]
    stop()
    write_skill(tmp_path / "more")
    assert "more" in ids(found)
    assert len(heard) == 1


def test_without_watching_discovery_tells(tmp_path: Path) -> None:
    """It is the only one who looks."""
    found, heard = registry(tmp_path, watch=False), list[Reload]()
    found.on_reload(heard.append)
    ids(found)
    write_skill(tmp_path / "one")
    ids(found)
    assert heard == []
    found.discover()
    assert heard == [Reload(added=("one",))]


def test_a_host_that_fails_hurts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others are told, the question is answered, and the failure is in the log."""
    found, heard = registry(tmp_path), list[Reload]()
    found.on_reload(lambda _: 1 / 0)
    found.on_reload(heard.append)
    ids(found)
    write_skill(tmp_path / "one")
    with caplog.at_level(logging.ERROR, "openskills"):
        assert ids(found) == ["one"]
    assert len(heard) == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_host_may_ask_while_it_is_told(tmp_path: Path) -> None:
    """From its own thread and from another one, which it waits for."""
    found, answers = registry(tmp_path), list[list[str]]()

    def ask(_: Reload) -> None:
        other = threading.Thread(target=lambda: answers.append(ids(found)))
        other.start()
        other.join()
        answers.append(ids(found))

    found.on_reload(ask)
    ids(found)
    write_skill(tmp_path / "one")
    ids(found)
    assert answers == [["one"], ["one"]]


def test_a_callback_must_be_callable(tmp_path: Path) -> None:
    """A mistake is told at once, not at the first change."""
    with pytest.raises(TypeError, match="on_reload takes a function of one Reload, got str"):
        registry(tmp_path).on_reload("f")  # type: ignore[arg-type]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A directory of so many skills that the kernel is asked what has happened to them."""
    return write_skills(tmp_path / "large", MIN_WATCHED)


def armed(directory: Path) -> Registry:
    """Return a registry of a large directory after some quiet questions."""
    found = registry(directory)
    for _ in range(5):
        ids(found)
    assert found._parts[0]._watch is not None
    assert found._parts[0]._watch._alarm is not None
    return found


@only_on_linux
def test_in_a_large_directory_every_kind_of_change_is_seen(large: Path, tmp_path: Path) -> None:
    """By whatever means it is made, each at the next question."""
    found = armed(large)
    write_skill(large / "s0001", fields="description: edited")
    assert found.infos()[1].description == "edited"
    write_skill(tmp_path / "new" / "s0002", fields="description: replaced")
    (tmp_path / "new" / "s0002" / "SKILL.md").replace(large / "s0002" / "SKILL.md")
    assert found.infos()[2].description == "replaced"
    (large / "s0000" / "SKILL.md").unlink()
    assert "s0000" not in ids(found)
    shutil.rmtree(large / "s0001")
    assert "s0001" not in ids(found)
    write_skill(large / "zzz", fields="description: new")
    assert found.infos()[-1].description == "new"
    write_skill(large / "zzz", fields="description: newer")
    assert found.infos()[-1].description == "newer"
    (large / "s0003").rename(large / "yyy")
    assert ("s0003" in ids(found), "yyy" in ids(found)) == (False, True)
    write_skill(large / "yyy", fields="description: moved")
    assert found.get("yyy").description == "moved"
    (large / "empty").mkdir()
    ids(found)
    write_skill(large / "empty")
    assert "empty" in ids(found)


@only_on_linux
def test_in_a_large_directory_linked_skills_are_looked_at(large: Path, tmp_path: Path) -> None:
    """What is behind a link, or has another name elsewhere, changes without a sign here."""
    write_skill(tmp_path / "store" / "a")
    write_skill(tmp_path / "store" / "b")
    (large / "linked").symlink_to(tmp_path / "store" / "a")
    (large / "file").mkdir()
    (large / "file" / "SKILL.md").symlink_to(tmp_path / "store" / "a" / "SKILL.md")
    (large / "hard").mkdir()
    (large / "hard" / "SKILL.md").hardlink_to(tmp_path / "store" / "b" / "SKILL.md")
    found = armed(large)
    for name in ("a", "b"):
        write_skill(tmp_path / "store" / name, fields="description: changed")
    told = {info.id: info.description for info in found.infos()}
    assert [told[name] for name in ("linked", "file", "hard")] == ["changed"] * 3


@only_on_linux
def test_in_a_large_directory_that_is_itself_a_skill_its_own_file_is_looked_at(large: Path) -> None:
    """It lies in the directory, not in a child."""
    write_skill(large)
    found = armed(large)
    write_skill(large, fields="description: changed")
    assert found.get("large").description == found.infos()[0].description == "changed"


@only_on_linux
@pytest.mark.parametrize("way", ["moved", "linked", "removed"])
def test_a_large_directory_that_is_exchanged_is_seen(large: Path, tmp_path: Path, way: str) -> None:
    """What is watched is a directory, what was asked for is a path."""
    write_skill(tmp_path / "other" / "one")
    (tmp_path / "link").symlink_to("large")
    found = armed(tmp_path / "link" if way == "linked" else large)
    if way == "removed":
        shutil.rmtree(large)
        assert ids(found) == []
        return
    if way == "moved":
        large.rename(tmp_path / "old")
        (tmp_path / "other").rename(large)
    else:
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("other")
    assert ids(found) == ["one"]


@only_on_linux
def test_when_more_happens_than_is_remembered_everything_is_looked_at(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says that it has lost count."""
    found = armed(large)
    write_skill(large / "s0001", fields="description: edited")
    overflow = Inotify.events
    monkeypatch.setattr(Inotify, "events", lambda own: [event._replace(mask=0x4000) for event in overflow(own)])
    assert found.infos()[1].description == "edited"


@only_on_linux
def test_what_the_kernel_does_not_tell_is_seen_after_a_while(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write through a memory map gives no sign, so everything is looked at now and then."""
    found = armed(large)
    monkeypatch.setattr(alarm, "_MAX_AGE_S", 0.0)
    with (large / "s0001" / "SKILL.md").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        at = memory.find(b"The skill")
        memory[at : at + 9] = b"ANOTHER 1"
        memory.flush()
    assert found.infos()[1].description.startswith("ANOTHER 1")


@only_on_linux
def test_a_forked_process_looks_for_itself(large: Path) -> None:
    """It must neither miss what happens nor take it from its parent."""
    found = armed(large)
    write_skill(large / "s0001", fields="description: edited")
    child = os.fork()
    if child == 0:
        seen = found.infos()[1].description == "edited"
        os._exit(0 if seen else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert found.infos()[1].description == "edited"


@only_on_linux
def test_closing_gives_back_what_the_kernel_lent(large: Path) -> None:
    """And a later question works."""
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    found = armed(large)
    assert len(list(descriptors.iterdir())) == before + 1
    found.close()
    assert len(list(descriptors.iterdir())) == before
    write_skill(large / "s0001", fields="description: edited")
    assert found.infos()[1].description == "edited"


@only_on_linux
@pytest.mark.parametrize("seed", range(3))
def test_watching_and_looking_anew_always_agree(large: Path, tmp_path: Path, seed: int) -> None:
    """Whatever is done, in whatever order."""
    choice = random.Random(seed)  # noqa: S311 - no secret
    found = armed(large)
    names = ["s0001", "s0002", "x", "y"]
    for step in range(60):
        name, other = choice.sample(names, 2)
        match choice.choice(["write", "remove", "rename", "unlink", "swap", "link"]):
            case "write" if not (large / name).is_symlink():
                write_skill(large / name, fields=f"description: {step}")
            case "remove" if (large / name).exists() and not (large / name).is_symlink():
                shutil.rmtree(large / name)
            case "rename" if not (large / other).exists() and (large / name).exists():
                (large / name).rename(large / other)
            case "unlink":
                (large / name / "SKILL.md").unlink(missing_ok=True)
            case "swap" if (large / name).exists():
                (large / name).rename(tmp_path / f"away{step}")
                write_skill(large / name, fields=f"description: swapped {step}")
            case "link" if not (large / name).exists() and not (large / name).is_symlink():
                (large / name).symlink_to(write_skill(tmp_path / f"store{step}"))
        assert found.infos() == Registry([Location(large)]).infos(), step
