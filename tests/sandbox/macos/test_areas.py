"""From a job's mounts to areas of the file system, on real files: links, order, what is too wide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits, SandboxUnavailableError
from openskills_core.models import Job, Mount
from openskills_core.sandbox.macos import areas
from openskills_core.sandbox.macos.areas import Private, kernel_path, layout, links_on, refuse_writable
from openskills_core.sandbox.macos.command import SANDBOX_EXEC, command_line, rlimits
from openskills_core.sandbox.macos.supervisor import GATE

if TYPE_CHECKING:
    from openskills_core.sandbox.macos.profile import Layout


@pytest.fixture
def private(tmp_path: Path) -> Private:
    """The directories of a run, beside what tests show."""
    private = Private(tmp_path / "run")
    private.home.mkdir(parents=True)
    private.temporary.mkdir()
    return private


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with a git repository and a skill in it."""
    work = tmp_path / "work"
    for folder in (".git/hooks", "skills/one"):
        (work / folder).mkdir(parents=True)
    return work


def _seen(private: Private, *mounts: Mount) -> Layout:
    return layout(mounts, private, "mark")


def _shown(seen: Layout, private: Private) -> list[tuple[str, str]]:
    own = {str(private.home), str(private.temporary)}
    return [(area.mode, area.path) for area in seen.areas if area.path not in own]


def test_outer_areas_come_before_inner_ones(private: Private, work: Path) -> None:
    """Whatever the order of the mounts, so that the inner one's rules match last."""
    mounts = (Mount(work / ".git/hooks"), Mount(work, "write"), Mount(work / "skills/one"))
    seen = _seen(private, *mounts)
    assert _shown(seen, private) == [
        ("write", str(work)),
        ("read", str(work / ".git/hooks")),
        ("read", str(work / "skills/one")),
    ]
    assert {("write", str(private.home)), ("write", str(private.temporary))} < {(a.mode, a.path) for a in seen.areas}
    assert (seen.mark, seen.canary) == ("mark", str(private.canary))


def test_of_two_mounts_of_one_place_the_later_one_holds(private: Private, work: Path) -> None:
    """As for every sandbox, also when the place has two names."""
    twin = work.parent / "twin"
    twin.symlink_to(work)
    for mounts in ((Mount(work, "write"), Mount(work)), (Mount(work, "write"), Mount(twin, source=work))):
        assert _shown(_seen(private, *mounts), private) == [("read", str(work))]


def test_an_emptied_place_is_hidden(private: Private, work: Path) -> None:
    """Seatbelt cannot show an empty directory in the place of a full one."""
    assert _shown(_seen(private, Mount(work, "empty")), private) == [("hidden", str(work))]


def test_a_place_in_which_something_else_is_to_be_seen_is_hidden(private: Private, work: Path) -> None:
    """Where a credential is covered by an empty file elsewhere, here it cannot be opened; the cover is not shown."""
    secret, cover = work / ".env", work.parent / "empty"
    secret.write_text("KEY=1\n")
    cover.touch()
    seen = _seen(private, Mount(work, "write"), Mount(secret, source=cover))
    assert _shown(seen, private) == [("write", str(work)), ("hidden", str(secret))]
    (work / "linked").symlink_to(secret)
    with pytest.raises(SandboxUnavailableError, match="without symbolic links"):
        _seen(private, Mount(work / "linked", source=cover))


def test_a_link_on_the_way_to_what_is_shown_is_refused(private: Private, work: Path) -> None:
    """A script of another call may have put it there to have something else shown."""
    (work / "swapped").symlink_to(work.parent)
    for mount in (Mount(work / "swapped", "write"), Mount(work / "swapped/run"), Mount(work / "missing")):
        with pytest.raises(SandboxUnavailableError, match="without symbolic links"):
            _seen(private, mount)


def test_a_link_that_leads_to_a_skill_may_be_followed(private: Private, work: Path) -> None:
    """A skill may be a link in a directory of skills: its own place is shown, and the links to it can be read."""
    near, far = work.parent / "near", work.parent / "far"
    near.symlink_to("far")
    far.symlink_to(work / "skills")
    seen = _seen(private, Mount(near / "one", source=work / "skills/one"))
    assert _shown(seen, private) == [("read", str(work / "skills/one"))]
    assert seen.links == (str(far), str(near))


def test_a_mount_of_a_link_is_the_link_alone(private: Private, work: Path) -> None:
    """An interpreter is often found by one."""
    link = work.parent / "python3"
    link.symlink_to(work / "python3.12")
    seen = _seen(private, Mount(link, "link", Path("python3.12")))
    assert (_shown(seen, private), seen.links) == ([], (str(link),))


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    """It is listed and not followed for ever."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert set(links_on(tmp_path / "a")) == {str(tmp_path / "a"), str(tmp_path / "b")}


def test_links_in_the_root_directory_are_the_systems_own() -> None:
    """Only the system can have put them there: /tmp on macOS, /bin on many Linux systems."""
    for link in (entry for entry in Path("/").iterdir() if entry.is_symlink() and entry.is_dir()):
        assert kernel_path(link) == str(link.resolve())
        assert str(link) not in set(links_on(link / "x"))


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("/private/tmp/x", "/tmp/x"),
        ("/private/var/folders/x", "/var/folders/x"),
        ("/private/etc", "/etc"),
        ("/private/other", "/private/other"),
        ("/Users/me/private/tmp", "/Users/me/private/tmp"),
    ],
)
def test_places_beneath_the_roots_links_have_two_names(path: str, alias: str) -> None:
    """The kernel's spelling, and the one that goes through the link."""
    assert areas._alias(path) == alias


@pytest.mark.parametrize(
    "path",
    ["/", "/Users", "/private/tmp", "/private/var/folders", "/Library", "/Volumes", "/opt/homebrew", "/usr/bin"],
)
def test_what_holds_more_than_one_piece_of_work_is_not_writable(path: str) -> None:
    """As on Linux, and what macOS has beside."""
    with pytest.raises(SandboxUnavailableError, match="more than this work"):
        areas._check_narrow(Path(path))


def test_the_home_is_not_writable(private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is what holds it."""
    home = tmp_path / "users" / "me"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for path in (home, home.parent):
        with pytest.raises(SandboxUnavailableError, match="more than this work"):
            _seen(private, Mount(path, "write"))
    assert _shown(_seen(private, Mount(home / "work", "write")), private) == [("write", str(home / "work"))]


@pytest.mark.parametrize("path", ["relative", "/a/../b"])
def test_a_path_that_is_no_plain_absolute_one_is_refused(private: Private, path: str) -> None:
    """It could be read as two different ones."""
    with pytest.raises(SandboxUnavailableError, match="no plain absolute path"):
        _seen(private, Mount(Path(path)))


def test_parts_of_the_sandbox_are_not_where_scripts_write(private: Private, work: Path) -> None:
    """What the innermost area around them says decides."""
    tool = work / "skills/one/tool"
    tool.touch()
    refuse_writable((tool,), _seen(private, Mount(work, "write"), Mount(work / "skills/one")))
    with pytest.raises(SandboxUnavailableError, match="where scripts may write"):
        refuse_writable((tool,), _seen(private, Mount(work, "write")))


def test_the_words_that_start_a_job(private: Private, work: Path) -> None:
    """The profile's parameters, its text, a shell that waits, and the job's own words at the end, untouched."""
    seen = _seen(private, Mount(work, "write"))
    words = ("/usr/bin/env", "-p", "--", 'a b"c', "")
    job = Job(argv=words, env={}, cwd=work, mounts=(), limits=Limits())
    line = command_line(job, seen)
    assert line[0] == "/usr/bin/sandbox-exec" == str(SANDBOX_EXEC)
    assert line[line.index("-p") + 2 :] == ["--", "/bin/sh", "-c", GATE, "/bin/sh", seen.canary, *words]
    assert {line[at] for at in range(1, line.index("-p"), 2)} == {"-D"}


def test_rlimits_are_those_that_the_system_keeps() -> None:
    """Address space and processes are not among them; processor time only when it is limited."""
    assert rlimits(Limits(file_mb=1, open_files=9)) == {
        "RLIMIT_FSIZE": 1024 * 1024,
        "RLIMIT_NOFILE": 9,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
    }
    assert rlimits(Limits(cpu_ms=1500))["RLIMIT_CPU"] == 2
