"""What is kept between processes: it saves reading, and can never be worse than nothing."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from openskills_core.errors import SkillNotFoundError
from openskills_core.registry import Location, Registry
from openskills_core.registry.index import decode, encode, index_key
from openskills_core.registry.reader import MIN_INDEXED
from openskills_core.registry.stamps import is_settled
from openskills_core.registry.store import Store
from tests.registry.places import REPOSITORY, codes, registry, run_python, write_skill, write_skills

# Prints how often a SKILL.md was opened to list all skills, and then to get one.
COUNT = """
import json, sys
from pathlib import Path
opened = []
def hear(event, arguments):
    if event == "open" and str(arguments[0]).endswith("SKILL.md"):
        opened.append(arguments[0])
sys.addaudithook(hear)
from openskills_core.registry import Location, Registry
found = Registry([Location(Path(sys.argv[1]))], cache_dir=Path(sys.argv[2]))
skills = [[info.id, info.description] for info in found.infos()]
listing = len(opened)
notes = [str(note) for note in found.diagnostics]
found.get(skills[0][0])
print(json.dumps({"skills": skills, "notes": notes, "listing": listing, "getting": len(opened) - listing}))
"""


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    """Enough skills for an index, old enough that a change of one would show."""
    folder = write_skills(tmp_path / "skills", MIN_INDEXED)
    time.sleep(0.15)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache directory that is not there yet."""
    return tmp_path / "cache" / "openskills"


def start(skills: Path, cache: Path) -> dict[str, Any]:
    """Start a process that lists the skills, and return what it found and how much it read."""
    answer: dict[str, Any] = json.loads(run_python(COUNT, skills, cache))
    return answer


def indexed(skills: Path, cache: Path) -> Registry:
    """Return a registry that uses the index, after its first question."""
    found = Registry([Location(skills)], cache_dir=cache)
    found.infos()
    return found


def index_file(cache: Path) -> Path:
    """Return the one index."""
    (file,) = (cache / "skills").iterdir()
    return file


@pytest.mark.parametrize("count", [MIN_INDEXED, pytest.param(10_000, marks=pytest.mark.heavy)])
def test_a_restart_reads_no_skill_that_has_not_changed(tmp_path: Path, cache: Path, count: int) -> None:
    """Not even one with something to be said about it. What is asked for is read then."""
    folder = write_skills(tmp_path / "skills", count)
    write_skill(folder / "s0007", fields="name: other\ndescription: D")
    (folder / "zz" / "SKILL.md").mkdir(parents=True)
    time.sleep(0.15)
    first, second = start(folder, cache), start(folder, cache)
    assert (first["listing"], first["getting"]) == (count + 1, 0)
    assert (second["listing"], second["getting"]) == (0, 1)
    assert (second["skills"], second["notes"]) == (first["skills"], first["notes"])
    assert [note.split(": ")[1].split()[1] for note in first["notes"]] == ["unreadable-skill", "name-mismatch"]


def test_after_a_restart_only_what_has_changed_is_read(skills: Path, cache: Path) -> None:
    """Edited, added, removed and exchanged skills are found."""
    start(skills, cache)
    write_skill(skills / "s0001", fields="description: edited")
    write_skill(skills / "added")
    (skills / "s0002" / "SKILL.md").unlink()
    (skills / "s0003").rename(skills / "renamed")
    answer = start(skills, cache)
    told = dict(answer["skills"])
    assert answer["listing"] == 3
    assert (told["s0001"], "s0002" in told, "s0003" in told) == ("edited", False, False)
    assert told["renamed"] == "The skill of number 3"


def test_a_skill_from_the_index_is_the_same_as_one_that_was_read(skills: Path, cache: Path) -> None:
    """In every field that the index holds, and in those that it does not."""
    fields = (
        "name: Other\ndescription: Übung \U0001f600\nwhen_to_use: often\nuser-invocable: false\n"
        "disable-model-invocation: true\nallowed-tools: Read"
    )
    write_skill(skills / "s0000", fields=fields)
    time.sleep(0.15)
    plain = registry(skills)
    indexed(skills, cache)
    again = indexed(skills, cache)
    assert again.infos() == plain.infos()
    assert again.diagnostics == plain.diagnostics
    assert again.skills() == plain.skills()


def test_what_a_skill_may_do_is_never_taken_from_the_index(skills: Path, cache: Path) -> None:
    """A forged index can tell a wrong description; tools, hooks and the rest are read from the skill."""
    found = indexed(skills, cache)
    records, location = found._parts[0].records, found.locations[0]
    file = str(skills / "s0000" / "SKILL.md")
    forged = found.get("s0000").manifest.__class__(allowed_tools=("Bash",))
    records.manifests[file] = forged
    key = index_key(location, "claude-code")
    data = encode(records, location, key)
    Store(cache).save(key, data)
    again = indexed(skills, cache)
    assert again.get("s0000").manifest.allowed_tools == ()


def test_a_skill_that_has_gone_since_it_was_listed_is_not_found(skills: Path, cache: Path) -> None:
    """The index knew it, nobody has read it, and without watching nobody has looked."""
    indexed(skills, cache)
    found = Registry([Location(skills)], cache_dir=cache, watch=False)
    assert len(found.infos()) == MIN_INDEXED
    (skills / "s0001" / "SKILL.md").unlink()
    with pytest.raises(SkillNotFoundError, match="no skill 's0001'; did you mean s00") as caught:
        found.get("s0001")
    assert "mean s0001" not in str(caught.value)


def test_a_small_location_has_no_index(tmp_path: Path, cache: Path) -> None:
    """Reading a few skills is as fast, and nobody's cache fills up with directories of tests."""
    write_skills(tmp_path / "skills", MIN_INDEXED - 1)
    time.sleep(0.15)
    start(tmp_path / "skills", cache)
    assert not cache.exists()


def test_only_its_owner_may_read_it(skills: Path, cache: Path) -> None:
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        indexed(skills, cache)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (cache, cache / "skills", index_file(cache))}
    assert list(modes.values()) == [0o700, 0o700, 0o600]


def test_new_files_are_not_trusted_to_the_index(tmp_path: Path, cache: Path) -> None:
    """Another change within the same tick of the clock would not show, so they are read again."""
    folder = write_skills(tmp_path / "skills", MIN_INDEXED)
    time.sleep(0.15)
    write_skill(folder / "s0000", fields="description: new")
    assert start(folder, cache)["listing"] == MIN_INDEXED
    assert len(list((cache / "skills").iterdir())) == 1
    key = index_key(Location(folder), "claude-code")
    found = indexed(folder, cache)
    write_skill(folder / "s0001", fields="description: newer")
    found.infos()
    data = encode(found._parts[0].records, Location(folder), key)
    kept = decode(data, Location(folder), key)
    assert kept is not None
    assert str(folder / "s0001" / "SKILL.md") not in kept.stamps


@pytest.mark.parametrize(
    ("modified", "changed", "looked", "settled"),
    [
        (1_000_000_001, 1_000_000_001, 1_050_000_000, False),
        (1_000_000_001, 1_000_000_001, 1_200_000_000, True),
        (1_000_000_001, 1_190_000_000, 1_200_000_000, False),
        (1_000_000_000, 1_000_000_000, 2_900_000_000, False),
        (1_000_000_000, 1_000_000_000, 3_100_000_000, True),
        (9_000_000_001, 1_000_000_001, 1_200_000_000, True),
        (1_000_000_001, 9_000_000_001, 1_200_000_000, False),
    ],
)
def test_a_file_is_settled_when_a_later_change_must_show(
    modified: int, changed: int, looked: int, *, settled: bool
) -> None:
    """Times in whole seconds need longer; a time in the future was set by hand if it is that of the content."""
    stamp = struct.pack("=QQqqq", 1, 2, 3, modified, changed)
    assert is_settled(stamp, looked) is settled


@pytest.mark.parametrize("year", [1850, 1969, 2300, 2440])
def test_a_file_of_an_odd_time_is_a_file(tmp_path: Path, cache: Path, year: int) -> None:
    """Whatever somebody has set it to."""
    folder = write_skills(tmp_path / "skills", MIN_INDEXED)
    seconds = (year - 1970) * 31_556_952
    os.utime(folder / "s0000" / "SKILL.md", (seconds, seconds))
    assert len(indexed(folder, cache).infos()) == len(indexed(folder, cache).infos()) == MIN_INDEXED


@pytest.mark.parametrize("part", range(0, 100, 4))
def test_a_damaged_index_is_none(skills: Path, cache: Path, part: int) -> None:
    """Cut short or with a byte changed, at any place: the skills are read, and the index is written again."""
    expected = indexed(skills, cache).infos()
    file, whole = index_file(cache), index_file(cache).read_bytes()
    at = len(whole) * part // 100
    for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :], whole + b"x"):
        file.write_bytes(damaged)
        assert indexed(skills, cache).infos() == expected
        assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "another"),
        ("real", 3),
        ("files", None),
        ("files", "/s0000/SKILL.md"),
        ("files", 3),
        ("naming", "other"),
        ("id", []),
        ("name", "text"),
        ("requires", {"999999": []}),
        ("notes", {"/s0000/SKILL.md": [["too", "short"]]}),
        ("notes", 3),
        ("sources", []),
        ("description", None),
        ("description", ["short"]),
    ],
)
def test_an_index_of_another_shape_is_none(skills: Path, cache: Path, field: str, value: object) -> None:
    """Even with the right digest, as another version of the program may have left it."""
    expected = indexed(skills, cache).infos()
    file = index_file(cache)
    magic, rest = file.read_bytes().split(b"\n", 1)
    length = int.from_bytes(rest[32:40], sys.byteorder)
    head = json.loads(rest[40 : 40 + length])
    text = json.dumps({**head, field: value}).encode()
    content = len(text).to_bytes(8, sys.byteorder) + text + rest[40 + length :]
    file.write_bytes(magic + b"\n" + hashlib.sha256(content).digest() + content)
    assert indexed(skills, cache).infos() == expected


def test_an_index_of_another_place_is_none(skills: Path, cache: Path, tmp_path: Path) -> None:
    """Files can be copied and renamed; what an index is about stands in it."""
    other = write_skills(tmp_path / "other", MIN_INDEXED)
    time.sleep(0.15)
    indexed(skills, cache)
    stolen = index_file(cache).read_bytes()
    key = index_key(Location(other), "claude-code")
    Store(cache).save(key, stolen)
    assert [info.path.parents[1] for info in indexed(other, cache).infos()] == [other] * MIN_INDEXED


@pytest.mark.parametrize("which", ["cache", "folder"])
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_may_write_to_is_not_used(skills: Path, cache: Path, which: str, mode: int) -> None:
    """Neither to read from nor to write to."""
    indexed(skills, cache)
    place = cache if which == "cache" else cache / "skills"
    place.chmod(mode)
    file = index_file(cache)
    key = index_key(Location(skills), "claude-code")
    assert Store(cache).load(key) is None
    file.unlink()
    indexed(skills, cache)
    assert list((cache / "skills").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "skills", "file"])
def test_what_belongs_to_somebody_else_is_not_used(skills: Path, cache: Path, name: str) -> None:
    """Not the directories, and not the file."""
    indexed(skills, cache)
    os.chown(index_file(cache) if name == "file" else cache / name, 65_533, -1)
    assert Store(cache).load(index_key(Location(skills), "claude-code")) is None


@pytest.mark.parametrize("kind", ["link to file", "link to folder", "fifo", "writable"])
def test_what_is_no_private_file_is_not_used(skills: Path, cache: Path, tmp_path: Path, kind: str) -> None:
    """A link could lead to what somebody else may write; a FIFO would wait for ever."""
    indexed(skills, cache)
    file = index_file(cache)
    away = tmp_path / "away"
    if kind == "link to file":
        file.rename(away)
        file.symlink_to(away)
    elif kind == "link to folder":
        (cache / "skills").rename(away)
        (cache / "skills").symlink_to(away)
    elif kind == "fifo":
        file.unlink()
        os.mkfifo(file)
    else:
        file.chmod(0o666)
    assert Store(cache).load(index_key(Location(skills), "claude-code")) is None


def test_without_a_place_to_write_everything_works(skills: Path, tmp_path: Path) -> None:
    """And nothing is left anywhere."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for cache in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none/of/this")):
        assert len(indexed(skills, cache).infos()) == MIN_INDEXED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "skills"]


def test_what_was_abandoned_and_what_is_too_much_is_removed(cache: Path) -> None:
    """The oldest go; a file that another process is writing stays."""
    store = Store(cache)
    store.save("first", b"1")
    for number in range(230):
        file = cache / "skills" / f"{number:03}.index"
        file.write_bytes(b"")
        os.utime(file, (1_000 + number, 1_000 + number))
    for name, age in (("old.index.aa.tmp", 7_200), ("new.index.bb.tmp", 0)):
        (cache / "skills" / name).write_bytes(b"")
        os.utime(cache / "skills" / name, (time.time() - age, time.time() - age))
    store.save("second", b"2")
    names = {path.name for path in (cache / "skills").iterdir()}
    assert ("000.index" in names, "229.index" in names) == (False, True)
    assert {name for name in names if name.endswith(".tmp")} == {"new.index.bb.tmp"}
    assert (store.load("first"), store.load("second")) == (b"1", b"2")


def test_a_write_that_fails_leaves_nothing(skills: Path, cache: Path) -> None:
    """The name is taken by a directory, so the new file cannot take its place."""
    indexed(skills, cache)
    name = index_file(cache).name
    index_file(cache).unlink()
    (cache / "skills" / name / "x").mkdir(parents=True)
    indexed(skills, cache)
    assert [path.name for path in (cache / "skills").iterdir()] == [name]


HAMMER = """
import os, random, sys
from pathlib import Path
from openskills_core.registry import Location, Registry
skills, cache, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
choice = random.Random(seed)
expected = [(info.id, info.description) for info in Registry([Location(skills)]).infos()]
for _ in range(40):
    found = Registry([Location(skills)], cache_dir=cache)
    assert [(info.id, info.description) for info in found.infos()] == expected
    for file in (cache / "skills").iterdir():
        try:
            match choice.randrange(6):
                case 0: file.unlink()
                case 1: file.write_bytes(file.read_bytes()[: choice.randrange(5000)])
                case 2:
                    with file.open("r+b") as stream:
                        stream.seek(choice.randrange(3000))
                        stream.write(os.urandom(3))
        except FileNotFoundError:
            pass
"""


def test_processes_share_an_index_and_survive_each_other(skills: Path, cache: Path) -> None:
    """Four write, read, cut, damage and remove it at once; every one always has the right skills."""
    words = [sys.executable, "-c", HAMMER, str(skills), str(cache)]
    running = [
        subprocess.Popen([*words, str(seed)], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) for seed in range(4)
    ]
    failed = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, failed
    assert codes(indexed(skills, cache)) == []


def test_an_index_can_be_given_up(skills: Path, cache: Path, tmp_path: Path) -> None:
    """Once scripts may write to it, it is neither read nor written any more."""
    found = Registry([Location(skills)], cache_dir=cache)
    found.stop_indexing([tmp_path / "elsewhere"])
    found.infos()
    index_file(cache).unlink()
    found.stop_indexing([tmp_path])
    for number in range(MIN_INDEXED):
        write_skill(skills / f"s{number:04}", fields="description: changed")
    time.sleep(0.15)
    found.discover()
    assert list((cache / "skills").iterdir()) == []
